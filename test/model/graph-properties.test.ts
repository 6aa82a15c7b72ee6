import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Attrs, Event, EventType } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import { assertConsistent, dump, relations } from "./dump.ts";
import { T0 } from "./events.ts";
import { Reference } from "./reference.ts";

const RUNS = { numRuns: 500 };

describe("whatever is told", () => {
  test("the same log gives the same graph, whatever the batches", () => {
    fc.assert(
      fc.property(anyLog(), fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (log, sizes) => {
        const one = new Graph({ localNode: "near" });
        for (const event of log) tell(one, [event]);
        const other = new Graph({ localNode: "near" });
        for (let at = 0, batch = 0; at < log.length; batch++) {
          const size = sizes[batch % sizes.length] as number;
          tell(other, log.slice(at, at + size));
          at += size;
        }
        assert.deepEqual(dump(one), dump(other));
      }),
      RUNS,
    );
  });

  test("each edge lies in the lists of both its ends, and the counts are what the lists say", () => {
    let most = 0;
    fc.assert(
      fc.property(anyLog(), (log) => {
        const graph = new Graph({ localNode: "near" });
        for (const event of log) {
          tell(graph, [event]);
          assertConsistent(graph);
        }
        most = Math.max(most, relations(graph).size);
      }),
      RUNS,
    );
    assert.ok(most > 20, "the logs were too poor to show anything");
  });

  test("who waits on, holds and consumes what is what a naive model says", () => {
    let compared = 0;
    fc.assert(
      fc.property(anyLog(), (log) => {
        const graph = new Graph({ localNode: "near" });
        const reference = new Reference();
        for (const event of log) {
          graph.apply(event, T0);
          reference.apply(event);
        }
        assert.deepEqual(relations(graph), reference.relations());
        compared += reference.relations().size;
      }),
      RUNS,
    );
    assert.ok(compared > 1000);
  });

  test("no limit is passed, each event is applied or dropped, and all still agrees", () => {
    let dropped = 0;
    fc.assert(
      fc.property(anyLog(), fc.nat({ max: 12 }), fc.nat({ max: 12 }), (log, nodes, edges) => {
        const graph = new Graph({ localNode: "near", limits: { nodes, edges } });
        for (const event of log) {
          tell(graph, [event]);
          const { processes, resources, errors, edges: found } = graph.counts();
          assert.ok(processes + resources + errors <= nodes);
          assert.ok(found.consumes + found.waits_on + found.held_by <= edges);
        }
        assertConsistent(graph);
        assert.equal(graph.applied + graph.dropped, log.length);
        dropped += graph.dropped;
      }),
      RUNS,
    );
    assert.ok(dropped > 1000);
  });

  test("nothing is left once all have exited and time has passed, but resources that are or may be measured", () => {
    fc.assert(
      fc.property(anyLog(), (log) => {
        const graph = new Graph({ localNode: "near" });
        tell(graph, log);
        const endMs = (log.at(-1)?.ts ?? T0) + 1;
        for (const { pid, node } of [...graph.processes()]) {
          const exit: Event = { ts: endMs, event_type: "process.state", entity_id: "x", pid, value: "exit" };
          graph.apply(node === undefined ? exit : { ...exit, node });
        }
        graph.expire(endMs + 600_000);
        assertConsistent(graph);
        const { processes, errors, edges } = graph.counts();
        assert.deepEqual([processes, errors], [0, 0]);
        assert.deepEqual(edges, { consumes: 0, waits_on: 0, held_by: 0, blocked_by: 0 });
        for (const { id, metrics } of graph.resources()) assert.ok(metrics !== undefined || !id.includes(":"), id);
        assert.deepEqual(
          ["job-1", "job-2"].map((job) => graph.job(job)),
          [undefined, undefined],
        );
      }),
      RUNS,
    );
  });
});

/** A clock that is the log's: what is due goes before each new second's first event. */
function tell(graph: Graph, batch: readonly Event[]): void {
  for (const event of batch) {
    if (event.attrs?.sweep === true) graph.expire(event.ts);
    graph.apply(event, event.ts);
  }
}

/** Few names, so that they meet; times that go on in steps from nothing to half a minute. */
function anyLog(): fc.Arbitrary<Event[]> {
  const steps = fc.array(fc.tuple(anyEvent(), fc.constantFrom(0, 0, 0, 1, 1000, 5000, 30_000)), {
    maxLength: 120,
    size: "max",
  });
  return steps.map((pairs) => {
    let ts = T0;
    return pairs.map(([event, stepMs]) => Object.assign(event, { ts: (ts += stepMs) }));
  });
}

const THINGS = ["pipe:1", "pipe:2", "lock:1", "gpu-0"];
const PROCESSES = ["pid-1", "far/pid-2", "pid-3/tid-30"];

function anyEvent(): fc.Arbitrary<Event> {
  const all = [...THINGS, ...PROCESSES];
  return fc.oneof(
    { weight: 6, arbitrary: eventOf(["process.wait"], all, ["pipe.read", "flock", "flock", "end"]) },
    { weight: 5, arbitrary: eventOf(["resource.held"], all, ["owner", "writer", "writer", "end"]) },
    { weight: 2, arbitrary: eventOf(["process.state"], all, ["start", "running", "stopped", "zombie", "exit"]) },
    { weight: 2, arbitrary: eventOf(["compute.util"], THINGS, ["0", "50"]) },
    { weight: 1, arbitrary: eventOf(["error.hw", "error.net"], THINGS, ["XID_79", "XID_48"]) },
    { weight: 1, arbitrary: eventOf(["intent.run", "action.exec"], all, [""]) },
  );
}

function eventOf(
  types: readonly EventType[],
  entities: readonly string[],
  values: readonly string[],
): fc.Arbitrary<Event> {
  return fc.record({
    ts: fc.constant(T0),
    event_type: fc.constantFrom(...types),
    entity_id: fc.constantFrom(...entities),
    value: fc.constantFrom(...values),
    pid: fc.integer({ min: 1, max: 4 }),
    job_id: fc.constantFrom(undefined, undefined, "job-1", "job-2", null),
    node: fc.constantFrom(undefined, undefined, "near", "far"),
    attrs: fc.record(
      { tid: fc.constantFrom(1, 2, 20, 30), start_ms: fc.constantFrom(1, 2), sweep: fc.constant(true) },
      { requiredKeys: [] },
    ) as fc.Arbitrary<Attrs>,
  });
}
