/** Processes that live for five milliseconds each, between the looks: every start and end of them must be told. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { Lifecycle } from "../src/probes/process/lifecycle.ts";
import { type Benchmark, type Result } from "./measure.ts";

const PROCESSES = 10_000;
/** As the daemon looks. */
const INTERVAL_MS = 1000;

/** So many at a time; prints each one's pid. */
const PASSING = `
import os, sys, time
living = 0
for _ in range(int(sys.argv[1])):
    pid = os.fork()
    if pid == 0:
        time.sleep(0.005)
        os._exit(0)
    print(pid)
    living += 1
    if living == 16: os.wait(); living -= 1
while living: os.wait(); living -= 1
`;

export const passingBenchmark: Benchmark = { name: "ebpf-passing", run: passing };

async function passing(): Promise<Result[]> {
  const lifecycle = await Lifecycle.open("/proc", () => {});
  if (lifecycle === undefined) throw new Error("this machine allows no eBPF");
  const seen = { start: new Set<number>(), exit: new Set<number>() };
  const look = () => {
    for (const { event_type, value, pid } of lifecycle.events(() => false, Date.now())) {
      if (event_type === "process.state" && typeof pid === "number") seen[value as keyof typeof seen].add(pid);
    }
  };
  const timer = setInterval(look, INTERVAL_MS);
  try {
    const program = spawn("python3", ["-c", PASSING, String(PROCESSES)], { stdio: ["ignore", "pipe", "inherit"] });
    const ended = once(program, "exit");
    const pids: number[] = [];
    for await (const line of createInterface({ input: program.stdout })) pids.push(Number(line));
    await ended;
    look();
    const missed = (of: ReadonlySet<number>) => pids.filter((pid) => !of.has(pid)).length + PROCESSES - pids.length;
    const none = { nodes: null, target: { atMost: 0 } };
    return [
      { name: "10,000 of 5 ms: starts missed", figure: missed(seen.start), unit: "processes", ...none },
      { name: "10,000 of 5 ms: ends missed", figure: missed(seen.exit), unit: "processes", ...none },
      { name: "10,000 of 5 ms: records lost", figure: lifecycle.lost, unit: "records", ...none },
    ];
  } finally {
    clearInterval(timer);
    lifecycle.close();
  }
}
