import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attrs, Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";

const NOW_MS = 1_700_000_000_000;

function state(pid: number, value: string, job_id: string | undefined, attrs: Attrs = {}): Event {
  const told: Attrs = { comm: "a.out", start_ms: NOW_MS + pid, ...attrs };
  const event: Event = {
    ts: NOW_MS + pid,
    event_type: "process.state",
    entity_id: `pid-${pid}`,
    pid,
    value,
    attrs: told,
  };
  return job_id === undefined ? event : { ...event, job_id };
}

const rank = (pid: number, number: number, job = "j") =>
  state(pid, "running", job, { rank: number, local_rank: number, world_size: 4, job_role: "rank" });

function folded(...events: Event[]): Graph {
  const graph = new Graph();
  for (const event of events) graph.apply(event);
  return graph;
}

const intent = (job_id: string): Event => {
  return {
    ts: NOW_MS,
    event_type: "intent.run",
    entity_id: job_id,
    job_id,
    pid: 5,
    value: "run",
    attrs: { rank: 7 },
  };
};

const members = (graph: Graph, job: string) => Array.from(graph.job(job) ?? [], ({ pid }) => pid).sort();

test("a member's place in its job", () => {
  const { jobId, rank: number, localRank, worldSize, jobRole } = folded(rank(5, 3)).process(5) ?? {};
  assert.deepEqual([jobId, number, localRank, worldSize, jobRole], ["j", 3, 3, 4, "rank"]);
});

test("a role that is none is not taken", () => {
  assert.equal(folded(state(5, "running", "j", { job_role: "boss" })).process(5)?.jobRole, null);
});

test("what a scheduler says is not undone by what a probe reads off; a later word of the scheduler is", () => {
  const graph = folded(rank(5, 3), intent("batch"), rank(5, 3));
  assert.deepEqual([members(graph, "j"), members(graph, "batch")], [[], [5]]);
  assert.deepEqual([graph.process(5)?.rank, graph.process(5)?.jobRole], [7, "rank"]);
  graph.apply(intent("other"));
  assert.deepEqual(members(graph, "other"), [5]);
});

test("a job's steps and the jobs inside it are its own, and others' are not", () => {
  const graph = folded(
    rank(1, 0, "42"),
    rank(2, 0, "42.0"),
    rank(3, 0, "42/mpi-7"),
    rank(4, 0, "421"),
    rank(5, 0, "exp.2"),
  );
  assert.deepEqual(members(graph, "42"), [1, 2, 3]);
  assert.deepEqual(members(graph, "42.0"), [2]);
  assert.equal(graph.job("exp"), undefined);
});

test("who exited is a member for a minute", () => {
  const graph = folded(rank(1, 0), state(2, "running", "j", { job_role: "helper" }), state(2, "exit", undefined));
  assert.deepEqual(members(graph, "j"), [1, 2]);
  graph.expire(NOW_MS + 62_000);
  assert.deepEqual(members(graph, "j"), [1]);
});

test("a rank that exited is missed as long as others of its job live", () => {
  const graph = folded(rank(1, 0), rank(2, 1), rank(3, 2), state(2, "exit", undefined));
  for (const minute of [2, 4, 60]) graph.expire(NOW_MS + minute * 60_000);
  assert.deepEqual(members(graph, "j"), [1, 2, 3]);
  graph.apply(state(1, "exit", undefined), NOW_MS + 3_600_000);
  graph.apply(state(3, "exit", undefined), NOW_MS + 3_600_000);
  for (const minute of [62, 64]) graph.expire(NOW_MS + minute * 60_000);
  assert.equal(graph.job("j"), undefined);
});

test("of a job that was started anew the dead ranks of the life before are no members", () => {
  const graph = folded(rank(1, 0), rank(2, 1), rank(3, 2));
  for (const pid of [1, 2, 3]) graph.apply({ ...state(pid, "exit", undefined), ts: NOW_MS + 9 });
  assert.deepEqual(members(graph, "j"), [1, 2, 3]);
  graph.apply(rank(11, 0));
  assert.deepEqual(members(graph, "j"), [11]);
});

test("a rank that died before the last of them came is still missed", () => {
  const graph = folded(
    rank(1, 0),
    rank(2, 1),
    state(2, "exit", undefined),
    rank(3, 2),
    state(4, "running", "j", { rank: 1, job_role: "helper" }),
  );
  assert.deepEqual(members(graph, "j"), [1, 2, 3, 4]);
});
