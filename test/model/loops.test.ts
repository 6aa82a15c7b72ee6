import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Graph } from "../../src/model/graph.ts";
import type { Attrs, Event } from "../../src/model/event.ts";
import { explain, isAlarming, type Explanation } from "../../src/model/why.ts";

const T0 = 1_790_000_000_000;
const NOW = T0 + 12_400;

const state = (pid: number, value: string): Event => event("process.state", `pid-${pid}`, pid, value);
const waits = (pid: number, entity: string, kind: string, attrs: Attrs = {}): Event =>
  event("process.wait", entity, pid, kind, { tid: pid, since_ms: T0, ...attrs });
const has = (pid: number, entity: string): Event => event("resource.held", entity, pid, "peer");

function event(event_type: Event["event_type"], entity_id: string, pid: number, value: string, attrs?: Attrs): Event {
  return { ts: T0, event_type, entity_id, pid, value, ...(attrs === undefined ? {} : { attrs }) };
}

function why(pid: number, ...events: Event[]): Explanation {
  const graph = new Graph();
  for (const told of events) graph.apply(told);
  const process = graph.process(pid);
  assert.ok(process);
  return explain(graph, process, NOW);
}

/** A client of a middle man, who is in his event loop and told to wait for a backend as well. */
const chain = [
  state(10, "sleeping"),
  state(11, "sleeping"),
  waits(10, "tcp:1", "tcp.recv"),
  has(11, "tcp:1"),
  waits(11, "epoll:11:3", "epoll", { serves: true }),
  waits(11, "tcp:2", "tcp.recv", { certainty: "inferred" }),
  has(12, "tcp:2"),
];

describe("through a middle man's event loop", () => {
  test("to the backend that is stopped: inferred, and a case for alarm", () => {
    const explanation = why(10, ...chain, state(12, "stopped"));
    const [cause] = explanation.causes;
    assert.deepEqual([explanation.verdict, cause?.kind, cause?.actor?.pid], ["blocked", "process.stopped", 12]);
    assert.equal(cause?.certainty, "inferred");
    assert.equal(isAlarming(explanation), true);
  });

  test("not to a backend that rests: nobody is to blame", () => {
    const explanation = why(10, ...chain, state(12, "sleeping"), waits(12, "listen:2", "tcp.accept"));
    assert.equal(explanation.causes[0]?.kind, "process.idle");
    assert.equal(isAlarming(explanation), false);
  });

  test("a middle man at rest is idle, whomever else he could wait for", () => {
    const explanation = why(11, state(11, "sleeping"), waits(11, "epoll:11:3", "epoll"));
    assert.equal(explanation.verdict, "idle");
  });
});

describe("a circle through an event loop", () => {
  const circle = [
    state(10, "sleeping"),
    state(11, "sleeping"),
    waits(10, "epoll:10:3", "epoll"),
    waits(10, "tcp:1", "tcp.recv", { certainty: "derived", end: "a" }),
    waits(11, "tcp:1", "tcp.recv", { end: "b" }),
    has(10, "tcp:1"),
    has(11, "tcp:1"),
  ];

  test("is no deadlock: other events may wake the loop", () => {
    const explanation = why(10, ...circle);
    assert.deepEqual(
      explanation.causes.map(({ kind }) => kind),
      ["process.idle"],
    );
    assert.equal(explanation.verdict, "idle");
    assert.equal(isAlarming(why(11, ...circle)), false);
  });

  test("is one where both have blocked in a call on that connection alone", () => {
    const explanation = why(10, ...circle.filter(({ value }) => value !== "epoll"));
    assert.equal(explanation.causes[0]?.kind, "process.deadlock");
  });
});
