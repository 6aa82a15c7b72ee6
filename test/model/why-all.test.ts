import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import { explainAll } from "../../src/model/why-all.ts";
import { held, state, T0, wait } from "./events.ts";

/** Cause, culprit and victims of each group. */
function groupsOf(events: Event[], options: { all?: boolean; nowMs?: number } = {}): unknown[] {
  const graph = new Graph();
  for (const each of events) graph.apply(each);
  return explainAll(graph, options.nowMs ?? T0 + 5000, options).map(({ cause, victims }) => [
    cause.kind,
    cause.entityId,
    victims.map(({ process }) => process.pid),
  ]);
}

const ON_A_STOPPED_ONE = [
  wait(10, "pipe:1", "pipe.read", { since_ms: T0 - 1000 }),
  wait(11, "pipe:2", "pipe.read", { since_ms: T0 - 9000 }),
  held(12, "pipe:1", "writer"),
  held(12, "pipe:2", "writer"),
  state(12, "stopped", { since_ms: T0 }),
];

test("whoever waits for the same is one group, the longest first, the culprit among them where it is stuck", () => {
  assert.deepEqual(groupsOf(ON_A_STOPPED_ONE), [["process.stopped", "pid-12", [11, 10, 12]]]);
});

test("a deadlock is one group, whoever of it is asked first", () => {
  const events = [
    wait(10, "lock:b", "flock"),
    wait(11, "lock:a", "flock"),
    held(10, "lock:a", "owner"),
    held(11, "lock:b", "owner"),
  ];
  assert.deepEqual(groupsOf(events), [["process.deadlock", "pid-10", [10, 11]]]);
});

test("the largest group comes first", () => {
  const another = [wait(20, "pipe:3", "pipe.read", { holder: "none" })];
  const kinds = groupsOf([...another, ...ON_A_STOPPED_ONE]) as [string][];
  assert.deepEqual(
    kinds.map(([kind]) => kind),
    ["process.stopped", "ipc.no_peer"],
  );
});

test("who rests, sleeps, or waits for one who sleeps is left out, unless all are asked for", () => {
  const events = [
    wait(10, "epoll:10", "epoll"),
    wait(11, "children:11", "child"),
    held(12, "children:11", "child"),
    wait(12, "sleep:12", "sleep"),
  ];
  assert.deepEqual(groupsOf(events), []);
  assert.deepEqual(groupsOf(events, { all: true }).length, 2);
});

test("who waits for a lock whose owner sleeps is not left out: somebody should look at that", () => {
  const events = [wait(10, "lock:a", "flock"), held(11, "lock:a", "owner"), wait(11, "sleep:11", "sleep")];
  assert.deepEqual(groupsOf(events), [["process.sleeping", "pid-11", [10]]]);
});

test("a wait of less than a second is how a healthy machine works", () => {
  const events = [wait(10, "pipe:1", "pipe.read", { holder: "none" })];
  assert.deepEqual(groupsOf(events, { nowMs: T0 + 999 }), []);
  assert.equal(groupsOf(events, { nowMs: T0 + 1000 }).length, 1);
});

test("kernel threads and the dead are not asked", () => {
  const events = [
    state(10, "stopped", { kthread: true }),
    state(11, "stopped"),
    state(11, "exit"),
    state(12, "stopped"),
  ];
  assert.deepEqual(groupsOf(events, { all: true }), [["process.stopped", "pid-12", [12]]]);
});
