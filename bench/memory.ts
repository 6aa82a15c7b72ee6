/** What a graph of 100,000 processes and 300,000 edges weighs: the whole process that holds it, Node included. */
import { Graph } from "../src/model/graph.ts";
import { parse, type Event } from "../src/model/event.ts";
import { residentBytes, rounded, type Benchmark, type Result } from "./measure.ts";

const PROCESSES = 100_000;
const MIB = 2 ** 20;

export const memoryBenchmark: Benchmark = { name: "memory", run: residentMemory };

function residentMemory(): Result[] {
  const emptyBytes = residentBytes();
  const graph = new Graph();
  for (const line of lines()) graph.apply(parse(line) as Event);
  const bytes = residentBytes();
  const { processes, resources, edges } = graph.counts();
  const nodes = processes + resources;
  const edgeCount = edges.consumes + edges.waits_on + edges.held_by;
  return [
    {
      name: "edges of the graph that is weighed",
      nodes,
      figure: edgeCount,
      unit: "edges",
      target: { atLeast: 300_000 },
    },
    { name: "resident memory", nodes, figure: rounded(bytes / MIB), unit: "MiB", target: { atMost: 300 } },
    { name: "of it before the graph", nodes, figure: rounded(emptyBytes / MIB), unit: "MiB" },
  ];
}

/** As they come from a probe: each process with all that is told of it, one wait, one thing held, one device used. */
function* lines(): Generator<string> {
  for (let pid = 1; pid <= PROCESSES; pid++) {
    const told = { ts: 1_700_000_000_000, pid, node: "node-1" };
    const evidence = { source: `/proc/${pid}/stat`, observed: "state S (sleeping)", certainty: "observed" };
    const cmdline = `/usr/bin/python3 -m torch.distributed.run --nproc-per-node 8 train.py --rank ${pid}`;
    const identity = {
      comm: `worker-${pid}`,
      cmdline,
      cgroup: `/system.slice/job-${pid % 50}.scope`,
      ppid: 1,
      start_ms: pid,
      threads: 4,
    };
    yield JSON.stringify({
      ...told,
      event_type: "process.state",
      entity_id: `pid-${pid}`,
      value: "sleeping",
      attrs: { ...identity, ...evidence },
    });
    yield JSON.stringify({
      ...told,
      event_type: "process.wait",
      entity_id: `pipe:${pid}`,
      value: "pipe.read",
      attrs: { tid: pid, since_ms: 1_700_000_000_000, ...evidence },
    });
    yield JSON.stringify({
      ...told,
      event_type: "resource.held",
      entity_id: `pipe:${(pid % PROCESSES) + 1}`,
      value: "writer",
      attrs: evidence,
    });
    yield JSON.stringify({
      ...told,
      event_type: "compute.util",
      entity_id: `gpu-${pid % 1024}`,
      value: "50",
      job_id: `job-${pid % 50}`,
    });
  }
}
