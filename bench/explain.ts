/**
 * What a question costs in a large graph: 100,000 processes in chains of eight, each waiting for a pipe that the next
 * one writes; the last of a chain is stopped, asleep, or waits for the first. Beside its pipe each holds further things,
 * half of them shared by many, and uses two devices: a million edges.
 */
import { Graph } from "../src/model/graph.ts";
import { explainAll } from "../src/model/why-all.ts";
import { explain } from "../src/model/why.ts";
import type { ProcessNode } from "../src/model/nodes.ts";
import { generator } from "./load.ts";
import { measure, percentile, rounded, type Benchmark, type Result } from "./measure.ts";

const PROCESSES = 100_000;
const CHAIN = 8;
const QUESTIONS = 5000;
const NOW_MS = 1_700_000_000_000;

export const explainBenchmark: Benchmark = { name: "explain", run: explainMany };

function explainMany(): Result[] {
  const graph = chains();
  const { processes, resources, edges } = graph.counts();
  const nodes = processes + resources;
  const edgeCount = edges.consumes + edges.waits_on + edges.held_by;
  const random = generator(7);
  const times: number[] = [];
  for (let question = 0; question < QUESTIONS; question++) {
    const process = graph.process(1 + Math.floor(random() * PROCESSES)) as ProcessNode;
    times.push(measure(() => explain(graph, process, NOW_MS + 60_000)));
  }
  times.sort((a, b) => a - b);
  const all = measure(() => explainAll(graph, NOW_MS + 60_000));
  return [
    {
      name: "edges of the graph that is asked",
      nodes,
      figure: edgeCount,
      unit: "edges",
      target: { atLeast: 1_000_000 },
    },
    { name: "explain, median", nodes, figure: rounded(percentile(times, 0.5)), unit: "ms" },
    { name: "explain, p99", nodes, figure: rounded(percentile(times, 0.99)), unit: "ms", target: { atMost: 5 } },
    { name: "every stuck process, grouped", nodes, figure: rounded(all), unit: "ms" },
  ];
}

function chains(): Graph {
  const graph = new Graph({ limits: { nodes: 2_000_000, edges: 6_000_000 } });
  const ts = NOW_MS;
  const tell = (
    event_type: "process.state" | "process.wait" | "resource.held" | "compute.util",
    pid: number,
    entity_id: string,
    value: string,
    attrs = {},
  ): void => graph.apply({ ts, event_type, entity_id, pid, value, attrs });
  for (let pid = 1; pid <= PROCESSES; pid++) {
    const place = pid % CHAIN;
    const chain = Math.floor(pid / CHAIN);
    const isLast = place === CHAIN - 1;
    tell("process.state", pid, `pid-${pid}`, isLast && chain % 3 === 0 ? "stopped" : "sleeping", {
      threads: 1,
      start_ms: pid,
    });
    if (!isLast) tell("process.wait", pid, `pipe:${pid}`, "pipe.read");
    else if (chain % 3 === 1) tell("process.wait", pid, `sleep:${pid}`, "sleep");
    else tell("process.wait", pid, `pipe:${pid}`, "pipe.read");
    // Who writes to the pipe that the process before reads from; of a cycle the first writes to the last's.
    if (place > 0) tell("resource.held", pid, `pipe:${pid - 1}`, "writer");
    else if (chain % 3 === 2) tell("resource.held", pid, `pipe:${pid + CHAIN - 1}`, "writer");
    for (let index = 0; index < 5; index++) tell("resource.held", pid, `unix:${pid}-${1_000_000 + index}`, "peer");
    for (let index = 0; index < 2; index++)
      tell("resource.held", pid, `lock:08:01:${(pid * 7 + index) % 1000}`, "owner");
    tell("compute.util", pid, `gpu-${pid % 1024}`, "50");
    tell("compute.util", pid, `nic-${pid % 64}`, "5");
  }
  return graph;
}
