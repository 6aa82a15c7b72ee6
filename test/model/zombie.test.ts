import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../src/model/event.ts";
import { Graph, type ProcessNode } from "../../src/model/graph.ts";
import { explain } from "../../src/model/why.ts";
import { unseen } from "../../src/model/why-all.ts";
import { held, state, T0, wait } from "./events.ts";

function graphOf(...events: Event[]): Graph {
  const graph = new Graph();
  for (const event of events) graph.apply(event);
  return graph;
}

/** Verdict, cause and who must act. */
function why(graph: Graph, pid: number): unknown[] {
  const { verdict, causes } = explain(graph, graph.process(pid) as ProcessNode, T0 + 5000);
  return [verdict, causes[0]?.kind, causes[0]?.actor?.pid];
}

const ZOMBIE = state(10, "zombie", { ppid: 11 });

test("a zombie's parent that goes on without collecting it is to blame", () => {
  const parents = [
    state(11, "running", { threads: 1 }),
    wait(11, "sleep:11", "sleep"),
    wait(11, "epoll:11:3", "epoll"),
  ];
  for (const parent of parents) assert.deepEqual(why(graphOf(ZOMBIE, parent), 10), ["exited", "process.zombie", 11]);
});

test("a parent that is held up itself is not: what holds it up is the cause", () => {
  assert.deepEqual(why(graphOf(ZOMBIE, state(11, "stopped")), 10), ["exited", "process.stopped", 11]);
  const behindLock = graphOf(ZOMBIE, wait(11, "lock:a", "flock"), held(12, "lock:a", "owner"), state(12, "stopped"));
  assert.deepEqual(why(behindLock, 10), ["exited", "process.stopped", 12]);
});

test("a tracer is told of the end before the parent is", () => {
  const graph = graphOf(ZOMBIE, state(11, "running"), held(12, "pid-10", "tracer"), state(12, "stopped"));
  assert.deepEqual(why(graph, 10), ["exited", "process.stopped", 12]);
});

test("the init of a pid namespace hangs on its last member's tracer", () => {
  const graph = graphOf(
    wait(10, "pidns:4026532178", "pid_namespace"),
    held(12, "pidns:4026532178", "child"),
    state(12, "zombie", { ppid: 10 }),
    held(13, "pid-12", "tracer"),
    state(13, "stopped"),
  );
  assert.deepEqual(why(graph, 10), ["blocked", "process.stopped", 13]);
});

test("what could not be seen of the machine: of hidden holders only, and hidden processes", () => {
  const graph = graphOf(
    wait(10, "wait:10:10", "kernel.unknown", { holder: "hidden", blind: "syscall" }),
    wait(11, "pipe:1", "pipe.read", { blind: "fds" }),
    held(12, "pipe:1", "writer"),
  );
  assert.deepEqual(unseen(graph), ["syscall"]);
  graph.apply(state(13, "sleeping", { blind: "processes" }));
  assert.deepEqual(unseen(graph).sort(), ["processes", "syscall"]);
});
