/**
 * What it costs to watch every thread of the machine, beside one `ps` a second that shows the same, for both sources.
 * The load is threads that sleep; the daemon is a real one, with all its probes.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { BpfSource } from "../src/probes/process/bpf-source.ts";
import { ProcfsSource } from "../src/probes/process/procfs-source.ts";
import type { TaskSource } from "../src/probes/process/task.ts";
import { MeasuredDaemon } from "./daemon.ts";
import { medianOf, rounded, type Benchmark, type Result } from "./measure.ts";

const PORT = 9390;
const THREADS_PER_PROCESS = 1000;
/** After its start it looks at every wait and reads every command line once. */
const SETTLE_MS = 20_000;
const MEASURED_MS = 20_000;
const HELD_MS = 20_000;
const PASSES = 15;
const PS_ARGS = ["-eLo", "pid,tid,stat,wchan:32,comm"];
const SIZES = [500, 5000, 30_000] as const;
const SOURCES = ["bpf", "procfs"] as const;
type Source = (typeof SOURCES)[number];

export const taskBenchmarks: Benchmark[] = SIZES.map((threads) => ({
  name: `tasks-${threads}`,
  run: () => withThreads(threads, () => measureAll(threads)),
}));

async function measureAll(threads: number): Promise<Result[]> {
  const results: Result[] = [];
  for (const source of SOURCES) {
    results.push(await onePass(threads, source), ...(await wholeDaemon(threads, source)));
  }
  return results;
}

/** The machine as a source shows it, once it knows it. */
async function onePass(threads: number, name: Source): Promise<Result> {
  const source: TaskSource & { close?(): void } =
    name === "bpf" ? await BpfSource.open("/proc") : new ProcfsSource("/proc");
  const times: number[] = [];
  for (let pass = 0; pass < PASSES; pass++) {
    const begun = performance.now();
    await source.snapshot(Date.now);
    times.push(performance.now() - begun);
    await sleep(100);
  }
  source.close?.();
  const figure = rounded(medianOf(times));
  const target = name === "bpf" && threads === 30_000 ? { target: { atMost: 60 } } : {};
  return { name: `${threads} threads, ${name}: one pass`, nodes: null, figure, unit: "ms", ...target };
}

async function wholeDaemon(threads: number, source: Source): Promise<Result[]> {
  const env = { XCTL_SAMPLER: source === "procfs" ? "procfs" : "" };
  const daemon = await MeasuredDaemon.start({ port: PORT, env });
  try {
    await sleep(SETTLE_MS);
    const psMs: number[] = [];
    const cpuMs = daemon.cpuMs();
    const begun = performance.now();
    while (performance.now() - begun < MEASURED_MS) {
      psMs.push(await psCpuMs());
      await sleep(2000);
    }
    const perSecond = (1000 * (daemon.cpuMs() - cpuMs)) / (performance.now() - begun);
    const ps = medianOf(psMs);
    const name = `${threads} threads, ${source}`;
    const isOfTarget = threads === 5000;
    return [
      { name: `${name}: daemon`, nodes: null, figure: rounded(perSecond), unit: "ms CPU/s" },
      { name: `${name}: one ps`, nodes: null, figure: rounded(ps), unit: "ms CPU" },
      {
        name: `${name}: daemon to ps`,
        nodes: null,
        figure: rounded(perSecond / ps),
        unit: "×",
        ...(isOfTarget ? { target: { atMost: source === "bpf" ? 0.1 : 1 } } : {}),
      },
      {
        name: `${name}: loop held`,
        nodes: null,
        figure: rounded(await daemon.longestHoldMs(HELD_MS)),
        unit: "ms",
        ...(source === "bpf" ? { target: { atMost: 20 } } : {}),
      },
      {
        name: `${name}: resident`,
        nodes: null,
        figure: rounded(daemon.residentMiB()),
        unit: "MiB",
        ...(threads === 30_000 ? { target: { atMost: 300 } } : {}),
      },
    ];
  } finally {
    daemon.stop();
  }
}

/** User and system time of one, as the shell's `times` tells it of its children. */
async function psCpuMs(): Promise<number> {
  const script = `ps ${PS_ARGS.join(" ")} >/dev/null; times`;
  const { stdout } = await promisify(execFile)("sh", ["-c", script]);
  const ofChildren = stdout.trim().split("\n").at(-1) ?? "";
  return [...ofChildren.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, minutes, seconds]) => sum + 60_000 * Number(minutes) + 1000 * Number(seconds),
    0,
  );
}

/** Sleeping threads, some in each of several processes. */
async function withThreads<T>(threads: number, body: () => Promise<T>): Promise<T> {
  const children: ChildProcess[] = [];
  try {
    for (let left = threads; left > 0; left -= THREADS_PER_PROCESS) {
      const child = spawn("python3", ["-c", SLEEPERS, String(Math.min(left, THREADS_PER_PROCESS))], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      children.push(child);
      await once(child.stdout as NodeJS.ReadableStream, "data");
    }
    return await body();
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

const SLEEPERS = `
import sys, threading, time
threading.stack_size(65536)
for _ in range(int(sys.argv[1]) - 1): threading.Thread(target=time.sleep, args=(100000,), daemon=True).start()
print("ready", flush=True)
time.sleep(100000)
`;
