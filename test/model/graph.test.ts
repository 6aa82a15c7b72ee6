import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import type { Edge, ProcessNode, ResourceNode } from "../../src/model/nodes.ts";
import { assertConsistent, relations } from "./dump.ts";
import { event, held, state, T0, wait } from "./events.ts";

function graphOf(...events: Event[]): Graph {
  const graph = new Graph();
  for (const each of events) graph.apply(each);
  assertConsistent(graph);
  return graph;
}

function processOf(graph: Graph, pid: number, node?: string): ProcessNode {
  const process = graph.process(pid, node);
  assert.ok(process !== undefined, `no process ${pid}`);
  return process;
}

function resourceOf(graph: Graph, id: string): ResourceNode {
  const resource = graph.resource(id);
  assert.ok(resource !== undefined, `no resource ${id}`);
  return resource;
}

const targets = (edges: readonly Edge[]): string[] => edges.map((edge) => edge.to.id);
const metric = (graph: Graph, id: string, type: Event["event_type"]): number | undefined =>
  resourceOf(graph, id).metrics?.find((each) => each.type === type)?.value;

describe("measures", () => {
  for (const type of ["compute.util", "compute.mem", "storage.iops", "storage.qdepth"] as const) {
    test(`${type} is the resource's; with a pid that process consumes it`, () => {
      const graph = graphOf(event(type, "dev-0", "85"));
      assert.equal(metric(graph, "dev-0", type), 85);
      assert.equal(graph.counts().processes, 0);
      graph.apply(event(type, "dev-0", "85", { pid: 7 }));
      assert.deepEqual(targets(processOf(graph, 7).consumes), ["dev-0"]);
      assert.deepEqual(graph.counts().edges, { consumes: 1, waits_on: 0, held_by: 0, blocked_by: 0 });
    });
  }

  test("of processes make the resource's figure until it is told of itself", () => {
    const graph = graphOf(
      event("compute.util", "gpu-0", "20", { pid: 7 }),
      event("compute.util", "gpu-0", "30", { pid: 8 }),
    );
    assert.equal(metric(graph, "gpu-0", "compute.util"), 30);
    graph.apply(event("compute.util", "gpu-0", "55"));
    graph.apply(event("compute.util", "gpu-0", "25", { pid: 7 }));
    assert.equal(metric(graph, "gpu-0", "compute.util"), 55);
  });

  test("transport.bw and transport.drop are the resource's; a figure alone makes nobody wait", () => {
    const graph = graphOf(event("transport.bw", "eth0", "950.5"), event("transport.drop", "eth0", "3"));
    assert.equal(metric(graph, "eth0", "transport.bw"), 950.5);
    assert.equal(metric(graph, "eth0", "transport.drop"), 3);
    graph.apply(event("transport.bw", "eth0", "900", { pid: 7 }));
    assert.deepEqual(processOf(graph, 7).waits, []);
  });

  test("IO_WAIT, a stall and lost packets make the process wait, until traffic flows again", () => {
    const tcp = "tcp:10.0.0.1:4711-10.0.0.2:80";
    for (const [type, stall, flow] of [
      ["transport.bw", "IO_WAIT", "100"],
      ["transport.drop", "IO_WAIT", "0"],
      ["transport.drop", "STALL_250ms", "0"],
      ["transport.drop", "4", "0"],
    ] as const) {
      const graph = graphOf(event(type, tcp, stall, { pid: 7 }));
      assert.deepEqual(targets(processOf(graph, 7).waits), [tcp], stall);
      graph.apply(event(type, tcp, flow, { pid: 7 }));
      assert.deepEqual(processOf(graph, 7).waits, [], `${stall}, then ${flow}`);
    }
  });

  test("a figure of the traffic neither ends nor renames a wait that the kernel tells", () => {
    const graph = graphOf(wait(7, "tcp:a-b", "tcp.recv"));
    graph.apply(event("transport.bw", "tcp:a-b", "100", { pid: 7 }));
    graph.apply(event("transport.bw", "tcp:a-b", "IO_WAIT", { pid: 7 }));
    assert.deepEqual(
      processOf(graph, 7).waits.map((edge) => edge.detail),
      ["tcp.recv"],
    );
  });
});

describe("process.state", () => {
  test("carries what is known of the process", () => {
    const attrs = { comm: "python3", ppid: 3, start_ms: 42, cgroup: "/a", rank: 2, world_size: 8, since_ms: 40 };
    const process = processOf(graphOf(state(7, "blocked", attrs, { job_id: "job-1" })), 7);
    const { id, pid, comm, ppid, startMs, cgroup, rank, worldSize, stateSinceMs, jobId } = process;
    assert.deepEqual([id, pid, comm, ppid, startMs], ["pid-7", 7, "python3", 3, 42]);
    assert.deepEqual([cgroup, rank, worldSize, stateSinceMs, jobId], ["/a", 2, 8, 40, "job-1"]);
    assert.equal(process.state, "blocked");
  });

  for (const value of ["running", "sleeping", "blocked", "stopped", "traced", "frozen", "zombie"]) {
    test(`${value} is the process's state`, () => {
      assert.equal(processOf(graphOf(state(7, "start"), state(7, value)), 7).state, value);
    });
  }

  test("start makes a running process, and leaves a known state as it is", () => {
    assert.equal(processOf(graphOf(state(7, "start")), 7).state, "running");
    assert.equal(processOf(graphOf(state(7, "stopped"), state(7, "start")), 7).state, "stopped");
  });

  test("names the process by its id where there is no pid; another host's is not this host's", () => {
    const graph = graphOf(
      event("process.state", "pid-7", "stopped"),
      event("process.state", "far/pid-7", "zombie", { node: "near" }),
    );
    assert.equal(processOf(graph, 7).state, "stopped");
    assert.equal(processOf(graph, 7, "far").state, "zombie");
  });

  test("of a thread is not its process's", () => {
    const graph = graphOf(state(7, "running"), event("process.state", "pid-7/tid-8", "stopped"));
    assert.equal(processOf(graph, 7).state, "running");
  });

  test("does not show the evidence of a state that is over", () => {
    const told = { source: "/proc/7/stat", observed: "state T" };
    const graph = graphOf(state(7, "stopped", told));
    assert.deepEqual(processOf(graph, 7).stateEvidence, told);
    graph.apply(state(7, "running"));
    assert.equal(processOf(graph, 7).stateEvidence, undefined);
  });

  test("exit ends all that the process waits for, holds and consumes, and what waits for it", () => {
    const graph = graphOf(
      wait(7, "pipe:1", "pipe.read"),
      held(7, "pipe:2", "writer"),
      event("compute.util", "gpu-0", "5", { pid: 7 }),
      event("error.hw", "gpu-0", "XID_79", { pid: 7 }),
      wait(8, "pid-7", "child"),
      held(9, "pid-7", "tracer"),
    );
    assert.equal(graph.counts().edges.held_by, 2);
    graph.apply(state(7, "exit"));
    assertConsistent(graph);
    assert.deepEqual(graph.counts().edges, { consumes: 0, waits_on: 0, held_by: 0, blocked_by: 1 });
    assert.equal(processOf(graph, 7).exited, true);
  });

  test("exit of a process that is not known makes none", () => {
    assert.equal(graphOf(state(7, "exit")).counts().processes, 0);
  });
});

describe("process.wait", () => {
  test("makes the process wait on the entity, until the end", () => {
    const graph = graphOf(wait(7, "pipe:1", "pipe.read", { since_ms: T0 - 5000, tid: 7 }));
    const [edge] = processOf(graph, 7).waits as [Edge];
    assert.deepEqual([edge.to.id, edge.detail, edge.tid, edge.sinceMs], ["pipe:1", "pipe.read", 0, T0 - 5000]);
    graph.apply(wait(7, "pipe:1", "end"));
    assert.deepEqual(processOf(graph, 7).waits, []);
    assert.equal(graph.resource("pipe:1"), undefined, "a pipe that nobody waits for or holds is no news");
  });

  test("tells threads apart", () => {
    const graph = graphOf(wait(7, "futex:1", "futex", { tid: 7 }), wait(7, "futex:1", "futex", { tid: 8 }));
    assert.deepEqual(
      processOf(graph, 7)
        .waits.map((edge) => edge.tid)
        .toSorted(),
      [0, 8],
    );
    graph.apply(wait(7, "futex:1", "end", { tid: 8 }));
    assert.deepEqual(
      processOf(graph, 7).waits.map((edge) => edge.tid),
      [0],
    );
  });

  test("may be for a process, or a thread of one", () => {
    const graph = graphOf(wait(7, "pid-9", "child"), wait(8, "pid-9/tid-11", "join"));
    const [child] = processOf(graph, 7).waits as [Edge];
    const [join] = processOf(graph, 8).waits as [Edge];
    assert.deepEqual([child.to.id, child.targetTid], ["pid-9", 0]);
    assert.deepEqual([join.to.id, join.targetTid], ["pid-9", 11]);
    assert.equal(graph.counts().resources, 0);
  });

  test("keeps its beginning while it is confirmed, and only its own evidence", () => {
    const told = { source: "/proc/7/syscall", observed: "read(3)" };
    const graph = graphOf(wait(7, "tcp:a-b", "tcp.recv", { ...told, certainty: "derived", holder: "remote" }));
    graph.apply(wait(7, "tcp:a-b", "tcp.recv", {}, { ts: T0 + 9000 }));
    const [edge] = processOf(graph, 7).waits as [Edge];
    assert.deepEqual([edge.sinceMs, edge.evidence, edge.told.holder], [T0, told, undefined]);
    graph.apply(wait(7, "tcp:a-b", "tcp.send"));
    assert.deepEqual([edge.detail, edge.evidence], ["tcp.send", undefined]);
  });

  test("of nobody, and an end of what never began, do nothing", () => {
    const graph = graphOf(
      event("process.wait", "pipe:1", "pipe.read"),
      wait(7, "pipe:2", "end"),
      held(7, "pipe:3", "end"),
      wait(7, "pid-99", "end"),
    );
    assert.deepEqual(relations(graph), new Set());
    assert.equal(graph.counts().resources, 0);
    assert.equal(graph.process(99), undefined);
  });

  test("of a process that has exited does not bring it back", () => {
    const graph = graphOf(
      state(7, "start"),
      state(7, "exit"),
      wait(7, "pipe:1", "pipe.read"),
      held(7, "pipe:1", "writer"),
    );
    graph.apply(wait(8, "pid-7", "child"));
    assert.deepEqual(relations(graph), new Set());
  });
});

describe("resource.held", () => {
  test("names who has it, each thread for itself, until the end", () => {
    const graph = graphOf(held(7, "lock:1", "owner"), held(8, "lock:1", "owner", { tid: 80 }));
    assert.deepEqual(
      resourceOf(graph, "lock:1").holders.map((edge) => [edge.to.id, edge.tid, edge.detail]),
      [
        ["pid-7", 0, "owner"],
        ["pid-8", 80, "owner"],
      ],
    );
    graph.apply(held(7, "lock:1", "end"));
    assert.deepEqual(targets(resourceOf(graph, "lock:1").holders), ["pid-8"]);
    assert.deepEqual(processOf(graph, 7).holds, []);
  });

  test("of a process's id means the process: its tracer has it", () => {
    const graph = graphOf(held(9, "pid-7", "tracer"));
    assert.deepEqual(targets(processOf(graph, 7).holders), ["pid-9"]);
  });

  test("finds each of very many holders again", () => {
    const graph = new Graph();
    for (let pid = 1; pid <= 200; pid++) graph.apply(held(pid, "pipe:1", "writer"));
    for (let pid = 1; pid <= 200; pid++) graph.apply(held(pid, "pipe:1", "writer", { tid: 1000 + pid }));
    for (let pid = 1; pid <= 200; pid++) graph.apply(held(pid, "pipe:1", "writer"));
    assert.equal(resourceOf(graph, "pipe:1").holders.length, 400);
    for (let pid = 1; pid <= 200; pid += 2) graph.apply(held(pid, "pipe:1", "end"));
    assertConsistent(graph);
    assert.equal(resourceOf(graph, "pipe:1").holders.length, 300);
    assert.equal(resourceOf(graph, "pipe:1").holders.filter((edge) => edge.tid === 0).length, 100);
  });
});

describe("errors", () => {
  for (const type of ["error.hw", "error.net", "topo.link_down"] as const) {
    test(`${type} blocks the resource, and each process that consumes or waits on it`, () => {
      const graph = graphOf(
        event("compute.util", "gpu-0", "5", { pid: 7 }),
        wait(8, "gpu-0", "ioctl"),
        event(type, "gpu-0", "XID_79"),
        event("compute.util", "gpu-0", "5", { pid: 9 }),
      );
      const [error] = graph.errors();
      assert.deepEqual([error?.eventType, error?.entityId, error?.value], [type, "gpu-0", "XID_79"]);
      assert.deepEqual(targets(resourceOf(graph, "gpu-0").errors), [error?.id]);
      assert.equal(graph.counts().edges.blocked_by, 4);
    });
  }

  test("with a pid block that process, though it uses nothing", () => {
    const graph = graphOf(event("error.hw", "gpu-0", "XID_31: page fault", { pid: 7 }));
    assert.equal(processOf(graph, 7).errors.length, 1);
    assert.equal(graph.counts().edges.blocked_by, 2);
  });

  test("told again are the same error with more to it", () => {
    const graph = graphOf(
      event("error.hw", "gpu-0", "XID_79: fell off"),
      event("error.hw", "gpu-0", "XID_79: once more"),
    );
    const errors = [...graph.errors()];
    assert.deepEqual(
      errors.map(({ count, value }) => [count, value]),
      [[2, "XID_79: once more"]],
    );
  });

  test("of one entity are kept up to a number, the latest of them", () => {
    const graph = new Graph();
    graph.apply(event("error.hw", "gpu-0", "XID_0"));
    for (let index = 1; index <= 1000; index++) {
      graph.apply(event("error.hw", "gpu-0", `XID_${index}`), T0 + index);
      graph.apply(event("error.hw", "gpu-0", "XID_0"), T0 + index);
    }
    assertConsistent(graph);
    const values = [...graph.errors()].map((error) => error.value);
    assert.ok(values.length <= 16);
    assert.ok(values.includes("XID_0") && values.includes("XID_1000"));
  });
});

describe("jobs", () => {
  test("intent.run, and any event with a job, has the process join it; the last job counts", () => {
    const graph = graphOf(
      event("intent.run", "pid-7", "{}", { pid: 7, job_id: "a" }),
      event("compute.util", "gpu-0", "5", { pid: 8, job_id: "a" }),
      state(9, "running", {}, { job_id: "a" }),
      event("intent.run", "pid-9", "", { pid: 9, job_id: "b" }),
    );
    const pids = (job: string): number[] => [...(graph.job(job) ?? [])].map((process) => process.pid);
    assert.deepEqual(pids("a"), [7, 8]);
    assert.deepEqual(pids("b"), [9]);
    graph.apply(event("intent.run", "pid-9", "", { pid: 9, job_id: null }));
    assert.equal(processOf(graph, 9).jobId, "b");
  });

  test("are gone with their last process", () => {
    const graph = graphOf(state(7, "running", {}, { job_id: "a" }), state(7, "exit"));
    graph.expire(T0 + 61_000);
    assert.equal(graph.job("a"), undefined);
  });
});

test("action.exec is a record and nothing more", () => {
  const graph = graphOf(event("action.exec", "pid-7", "zap", { pid: 7 }));
  assert.deepEqual(graph.counts().processes, 0);
  assert.equal(graph.applied, 1);
});

describe("hosts", () => {
  test("the same pid on two of them is two processes; this one's has no host in its name", () => {
    const graph = graphOf(state(7, "running", {}, { node: "near" }), state(7, "stopped", {}, { node: "far" }));
    assert.deepEqual(
      [...graph.processes()].map((process) => process.id),
      ["pid-7", "far/pid-7"],
    );
    assert.equal(processOf(graph, 7, "near").state, "running");
    assert.equal(graph.processById("far/pid-7")?.state, "stopped");
    assert.equal(graph.processById("near/pid-7")?.state, "running");
    graph.apply(state(7, "exit", {}, { node: "far" }));
    assert.equal(processOf(graph, 7).exited, false);
  });

  test("meet at what both see: one connection", () => {
    const tcp = "tcp:10.0.0.1:4711-10.0.0.2:80";
    const graph = graphOf(
      wait(7, tcp, "tcp.recv", {}, { node: "near" }),
      held(7, tcp, "peer", {}, { node: "far" }),
      wait(8, "far/pid-7", "rpc", {}, { node: "near" }),
    );
    assert.deepEqual(targets(resourceOf(graph, tcp).holders), ["far/pid-7"]);
    assert.deepEqual(targets(processOf(graph, 8).waits), ["far/pid-7"]);
  });

  test("of any number of pids are found again, beyond the largest that Linux gives too", () => {
    const pids = [1, 1023, 1024, 4_194_303, 4_194_304, 4_194_305, 2 ** 31, Number.MAX_SAFE_INTEGER];
    const graph = graphOf(...pids.map((pid) => state(pid, "running", { start_ms: pid })));
    assert.equal(graph.counts().processes, pids.length);
    for (const pid of pids) assert.equal(processOf(graph, pid).startMs, pid);
    assert.deepEqual(
      [...graph.processes()].map((process) => process.pid).toSorted((a, b) => a - b),
      pids,
    );
  });
});

describe("a pid that comes back", () => {
  test("with another start time is a new process, with nothing of the old one's", () => {
    const graph = graphOf(
      state(7, "stopped", { start_ms: 1, comm: "old" }, { job_id: "a" }),
      wait(7, "pipe:1", "pipe.read"),
      held(7, "pipe:2", "writer"),
    );
    const old = processOf(graph, 7);
    graph.apply(state(7, "start", { start_ms: 2 }));
    assertConsistent(graph);
    const young = processOf(graph, 7);
    assert.notEqual(young, old);
    assert.deepEqual([young.state, young.comm, young.jobId, young.startMs], ["running", "", null, 2]);
    assert.deepEqual(relations(graph), new Set());
    assert.equal(graph.counts().processes, 2, "the old one lives on for its minute");
    graph.expire(T0 + 61_000);
    assert.equal(graph.counts().processes, 1);
    assert.equal(processOf(graph, 7), young);
  });

  test("is not killed by the late exit of the one before", () => {
    const graph = graphOf(state(7, "start", { start_ms: 1 }), state(7, "start", { start_ms: 2 }));
    graph.apply(state(7, "exit", { start_ms: 1 }));
    assert.equal(processOf(graph, 7).exited, false);
    graph.apply(state(7, "exit", { start_ms: 2 }));
    assert.equal(processOf(graph, 7).exited, true);
  });

  test("after its exit is new, though nobody told its start", () => {
    const graph = graphOf(state(7, "running", { comm: "old" }), state(7, "exit"), state(7, "sleeping"));
    const process = processOf(graph, 7);
    assert.deepEqual([process.state, process.comm, process.exited], ["sleeping", "", false]);
    graph.expire(T0 + 61_000);
    assert.equal(processOf(graph, 7), process);
  });
});

describe("limits", () => {
  test("a node too many is left out and counted; what is known goes on", () => {
    const graph = new Graph({ limits: { nodes: 2, edges: 100 } });
    graph.apply(state(1, "running"));
    graph.apply(state(2, "running"));
    graph.apply(state(3, "running"));
    graph.apply(event("compute.util", "gpu-0", "5"));
    graph.apply(event("error.hw", "gpu-0", "XID_79"));
    graph.apply(wait(1, "pipe:1", "pipe.read"));
    assert.deepEqual([graph.applied, graph.dropped], [2, 4]);
    assert.deepEqual(graph.counts().processes, 2);
    graph.apply(state(2, "stopped"));
    assert.equal(processOf(graph, 2).state, "stopped");
    assert.deepEqual([graph.applied, graph.dropped], [3, 4]);
    assertConsistent(graph);
  });

  test("an edge too many is left out and counted; ends and exits make room", () => {
    const graph = new Graph({ limits: { nodes: 100, edges: 2 } });
    graph.apply(wait(1, "pipe:1", "pipe.read"));
    graph.apply(held(2, "pipe:1", "writer"));
    graph.apply(wait(3, "pipe:2", "pipe.read"));
    graph.apply(event("compute.util", "gpu-0", "5", { pid: 1 }));
    assert.deepEqual([graph.applied, graph.dropped], [2, 2]);
    assert.equal(graph.resource("pipe:2"), undefined, "nothing is left of what could not be told");
    graph.apply(wait(1, "pipe:1", "end"));
    graph.apply(state(2, "exit"));
    graph.apply(wait(3, "pipe:2", "pipe.read"));
    assert.deepEqual(targets(processOf(graph, 3).waits), ["pipe:2"]);
    assertConsistent(graph);
  });

  test("a text of any length is kept in part", () => {
    const long = "x".repeat(60_000);
    const graph = graphOf(state(7, "running", { comm: long, cmdline: long, blind: long }), wait(7, "pipe:1", long));
    const { comm, cmdline, blind, waits } = processOf(graph, 7);
    for (const text of [comm, cmdline, blind, waits[0]?.detail ?? ""])
      assert.ok(text.length > 0 && text.length <= 1024);
  });
});
