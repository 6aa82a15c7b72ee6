import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import { assertConsistent } from "./dump.ts";
import { event, held, state, T0, wait } from "./events.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const YEAR = 365 * 24 * 60 * MINUTE;

/** A graph whose clock is moved in steps of a second, as the daemon's is. */
class Watched {
  readonly graph = new Graph();
  nowMs = T0;

  tell(...events: Event[]): void {
    for (const each of events) this.graph.apply({ ...each, ts: this.nowMs }, this.nowMs);
  }

  /** Time passes; `each` is told every `periodMs`. */
  pass(ms: number, each?: Event, periodMs = SECOND): void {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs;) {
      this.nowMs += Math.min(SECOND, endMs - this.nowMs);
      if (each !== undefined && (this.nowMs - T0) % periodMs === 0) this.tell(each);
      this.graph.expire(this.nowMs);
    }
    assertConsistent(this.graph);
  }

  edges(): number {
    const { consumes, waits_on, held_by } = this.graph.counts().edges;
    return consumes + waits_on + held_by;
  }
}

function watch(...events: Event[]): Watched {
  const watched = new Watched();
  watched.tell(...events);
  return watched;
}

describe("an error", () => {
  test("lives five minutes after its last event", () => {
    const xid = event("error.hw", "gpu-0", "XID_79", { pid: 7 });
    const watched = watch(xid);
    watched.pass(4 * MINUTE, xid, 4 * MINUTE);
    watched.pass(5 * MINUTE - SECOND);
    assert.equal(watched.graph.counts().errors, 1);
    watched.pass(2 * SECOND);
    assert.equal(watched.graph.counts().errors, 0);
    assert.equal(watched.graph.counts().edges.blocked_by, 0);
    assert.deepEqual(watched.graph.process(7)?.errors, []);
  });

  test("that is put out by newer ones is not missed by the clock", () => {
    const watched = new Watched();
    for (let index = 0; index < 100; index++) watched.tell(event("error.net", "eth0", `fault ${index}`));
    watched.pass(6 * MINUTE);
    assert.equal(watched.graph.counts().errors, 0);
  });
});

describe("a process", () => {
  test("that exited leaves after a minute", () => {
    const watched = watch(state(7, "running"), state(7, "exit"));
    watched.pass(MINUTE - SECOND);
    assert.equal(watched.graph.process(7)?.state, "exit");
    watched.pass(2 * SECOND);
    assert.equal(watched.graph.process(7), undefined);
  });

  test("that is a zombie stays until it is reaped", () => {
    const watched = watch(state(7, "zombie"));
    watched.pass(60 * MINUTE);
    assert.equal(watched.graph.process(7)?.state, "zombie");
    watched.tell(state(7, "exit"));
    watched.pass(MINUTE + SECOND);
    assert.equal(watched.graph.process(7), undefined);
  });

  test("that runs, and a resource that was measured, are never gone for silence", () => {
    const watched = watch(
      state(7, "running"),
      event("compute.util", "gpu-0", "5"),
      event("storage.iops", "nvme:0", "1"),
    );
    watched.graph.expire(T0 + YEAR);
    assert.deepEqual(watched.graph.counts(), {
      processes: 1,
      resources: 2,
      errors: 0,
      edges: { consumes: 0, waits_on: 0, held_by: 0, blocked_by: 0 },
    });
  });

  test("and a connection that is told to be over: it is not kept, nor is a wait for its standing still", () => {
    const connection = "tcp:10.0.0.1:1-10.0.0.2:2";
    const watched = watch(
      state(7, "running"),
      event("transport.bw", connection, "5", { pid: 7 }),
      event("transport.drop", connection, "STALL_2000ms", { pid: 7 }),
    );
    watched.tell(event("transport.bw", connection, "0", { attrs: { ended: true } }));
    assert.equal(watched.edges(), 1);
    watched.tell(event("transport.drop", connection, "0", { pid: 7, attrs: { ended: true } }));
    assert.equal(watched.edges(), 0);
    assert.equal(watched.graph.resource(connection), undefined);
    assertConsistent(watched.graph);
  });

  test("that came back with the pid is not taken along when the old one's minute is over", () => {
    const watched = watch(state(7, "running", { start_ms: 1 }));
    watched.tell(state(7, "exit", { start_ms: 1 }));
    watched.pass(30 * SECOND);
    watched.tell(state(7, "start", { start_ms: 2 }), wait(7, "pipe:1", "pipe.read", { tid: 7 }));
    watched.pass(31 * SECOND);
    assert.equal(watched.graph.process(7)?.startMs, 2);
    assert.equal(watched.graph.counts().processes, 1);
    assert.equal(watched.edges(), 1);
  });
});

describe("a wait", () => {
  const read = wait(7, "pipe:1", "pipe.read");

  test("told once is believed for a minute", () => {
    const watched = watch(read);
    watched.pass(MINUTE - SECOND);
    assert.equal(watched.edges(), 1);
    watched.pass(2 * SECOND);
    assert.equal(watched.edges(), 0);
    assert.equal(watched.graph.resource("pipe:1"), undefined);
  });

  for (const periodS of [1, 5]) {
    test(`confirmed every ${periodS} s lives on, and ends soon after the confirmations do`, () => {
      const watched = watch(read);
      watched.pass(10 * MINUTE, read, periodS * SECOND);
      assert.equal(watched.edges(), 1);
      watched.pass(2 * periodS * SECOND);
      assert.equal(watched.edges(), 1, "one confirmation that is late ends nothing");
      watched.pass(20 * SECOND);
      assert.equal(watched.edges(), 0);
    });
  }

  test("confirmed seldom outlives the pauses between", () => {
    const watched = watch(read);
    watched.pass(10 * MINUTE, read, 40 * SECOND);
    assert.equal(watched.edges(), 1);
    watched.pass(MINUTE + SECOND);
    assert.equal(watched.edges(), 0);
  });

  test("whose sender's clock is wrong is measured by the receiver's", () => {
    const graph = new Graph();
    graph.apply({ ...read, ts: 0 }, T0);
    graph.expire(T0 + 30 * SECOND);
    assert.equal(graph.counts().edges.waits_on, 1);
    graph.expire(T0 + 61 * SECOND);
    assert.equal(graph.counts().edges.waits_on, 0);
  });

  test("that ended and began again is a new one", () => {
    const watched = watch(read);
    watched.pass(50 * SECOND);
    watched.tell(wait(7, "pipe:1", "end"), read);
    watched.pass(50 * SECOND);
    assert.equal(watched.graph.process(7)?.waits[0]?.sinceMs, T0 + 50 * SECOND);
  });
});

describe("what a process holds and consumes", () => {
  for (const [what, told] of [
    ["held", held(7, "lock:1", "owner")],
    ["consumed", event("compute.util", "gpu-0", "5", { pid: 7 })],
  ] as const) {
    test(`${what}, told once, stays while the process does`, () => {
      const watched = watch(told);
      watched.graph.expire(T0 + YEAR);
      assert.equal(watched.edges(), 1);
      watched.tell(state(7, "exit"));
      assert.equal(watched.edges(), 0);
    });

    test(`${what}, told again and again, ends when nobody says so any more`, () => {
      const watched = watch(told);
      watched.pass(MINUTE, told);
      assert.equal(watched.edges(), 1);
      watched.pass(20 * SECOND);
      assert.equal(watched.edges(), 0);
    });
  }
});
