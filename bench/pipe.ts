/**
 * The whole way from a program's pipe to the graph, through the probe host, against the least that any program in Node
 * must do with the same bytes from the same program: split them into lines and JSON.parse each.
 */
import { spawn } from "node:child_process";
import { chmod, mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Graph } from "../src/model/graph.ts";
import { ProbeHost } from "../src/probes/host.ts";
import { subprocessProbe } from "../src/probes/subprocess.ts";
import { load, shapeOf } from "./load.ts";
import { rounded, type Benchmark, type Result } from "./measure.ts";

const EVENTS = 2_000_000;
const NODES = 10_000;
const WRITE_LINES = 10_000;

export const pipeBenchmark: Benchmark = { name: "pipe", run: wholeWay };

async function wholeWay(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), "xctl-bench-"));
  try {
    const program = await makeProgram(folder);
    const baseline = await timed(() => splitAndParse(program));
    const way = await timed(() => toGraph(program));
    const { graph, lost } = way.result;
    const { processes, resources } = graph.counts();
    const nodes = processes + resources;
    return [
      { name: "pipe → split → JSON.parse", nodes: null, figure: rounded(baseline.wallMs), unit: "ms" },
      { name: "pipe → lines → parse → guard → graph", nodes, figure: rounded(way.wallMs), unit: "ms" },
      { name: "the second to the first", nodes, figure: rounded(way.wallMs / baseline.wallMs), unit: "×" },
      {
        name: "the second to the first, CPU time",
        nodes,
        figure: rounded(way.cpuMs / baseline.cpuMs),
        unit: "×",
        target: { atMost: 3 },
      },
      { name: "events lost on the way", nodes, figure: lost, unit: "events", target: { atMost: 0 } },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The events lie ready in a file, so that making them does not slow the reader. */
async function makeProgram(folder: string): Promise<string> {
  const file = await open(join(folder, "events.jsonl"), "w");
  let lines: string[] = [];
  for (const event of load(EVENTS, shapeOf(NODES))) {
    lines.push(JSON.stringify(event));
    if (lines.length < WRITE_LINES) continue;
    await file.appendFile(`${lines.join("\n")}\n`);
    lines = [];
  }
  await file.close();
  const program = join(folder, "program");
  await writeFile(program, `#!/bin/sh\nexec cat '${join(folder, "events.jsonl")}'\n`);
  await chmod(program, 0o755);
  return program;
}

async function splitAndParse(program: string): Promise<void> {
  const child = spawn(program, { stdio: ["ignore", "pipe", "inherit"] });
  child.stdout.setEncoding("utf8");
  let rest = "";
  let count = 0;
  for await (const chunk of child.stdout) {
    const lines = (rest + String(chunk)).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (typeof JSON.parse(line) === "object") count++;
  }
  if (count !== EVENTS) throw new Error(`the program printed ${count} lines instead of ${EVENTS}`);
}

async function toGraph(program: string): Promise<{ graph: Graph; lost: number }> {
  const graph = new Graph();
  const arrived = Promise.withResolvers<void>();
  let came = 0;
  const host = new ProbeHost({
    interval: 1000,
    now: Date.now,
    // The first that is told is the end of the program.
    log: () => arrived.resolve(),
    sink(events) {
      if (came >= EVENTS) return;
      came += events.length;
      const nowMs = Date.now();
      for (const event of events) graph.apply(event, nowMs);
      if (came >= EVENTS) arrived.resolve();
    },
  });
  host.start([subprocessProbe(program)]);
  await arrived.promise;
  const lost = EVENTS - graph.applied;
  await host.stop();
  return { graph, lost };
}

/** Wall time, and the CPU time of this process: the one that still means something while others use the machine. */
async function timed<T>(work: () => Promise<T>): Promise<{ result: T; wallMs: number; cpuMs: number }> {
  const startMs = performance.now();
  const start = process.cpuUsage();
  const result = await work();
  const { user, system } = process.cpuUsage(start);
  return { result, wallMs: performance.now() - startMs, cpuMs: (user + system) / 1000 };
}
