import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import { explain, isAlarming, type Explanation } from "../../src/model/why.ts";
import { held, state, T0, wait } from "./events.ts";

function why(events: readonly Event[], pid = 10): Explanation {
  const graph = new Graph();
  for (const event of events) graph.apply(event);
  const process = graph.process(pid);
  assert.ok(process !== undefined);
  return explain(graph, process, T0 + 5000);
}

/** Verdict, kind of the first cause, its members, and whether it alarms. */
function judged(explanation: Explanation): unknown[] {
  const [cause] = explanation.causes;
  const pids = cause?.members.map(({ pid }) => pid) ?? [];
  return [explanation.verdict, cause?.kind, ...pids, isAlarming(explanation)];
}

const threaded = (pid = 10) => state(pid, "sleeping", { threads: 4 });
/** Of a thread of process 10; `tid` 10 is the main one. */
const waits = (tid: number, entity: string, kind: string, attrs = {}) => wait(10, entity, kind, { tid, ...attrs });
const anyone = (tid: number) => waits(tid, `futex:10:${tid}`, "futex");
const has = (tid: number, entity: string, role = "owner") => held(10, entity, role, { tid });
const stoppedWriter = [held(20, "pipe:1", "writer"), state(20, "stopped")];

describe("a main thread that waits for anyone's signal", () => {
  test("hangs, most likely, on what another thread waits for", () => {
    const explanation = why([threaded(), anyone(10), waits(12, "pipe:1", "pipe.read"), ...stoppedWriter]);
    assert.deepEqual(judged(explanation), ["blocked", "process.stopped", 20, true]);
    assert.equal(explanation.causes[0]?.certainty, "inferred");
    assert.deepEqual(
      explanation.chain.map(({ to, certainty }) => [to, certainty]),
      [
        ["pid-10/tid-12", "inferred"],
        ["pipe:1", "observed"],
        ["pid-20", "observed"],
      ],
    );
  });

  test("has got on until it began to wait, however long the other one waits", () => {
    const own = waits(10, "futex:10:10", "futex", { since_ms: T0 + 4900 });
    const other = waits(12, "pipe:1", "pipe.read", { since_ms: T0 + 1000 });
    assert.equal(why([threaded(), own, other, ...stoppedWriter]).blockedMs, 100);
    // It would do something else when the time is over, and is no step of anybody's.
    const timed = waits(10, "futex:10:10", "futex", { since_ms: T0 + 4900, cause: "process.sleeping" });
    assert.equal(why([threaded(), timed, other, ...stoppedWriter]).blockedMs, 4000);
  });

  test("is at rest beside one at the gates", () => {
    assert.deepEqual(judged(why([threaded(), anyone(10), anyone(12), waits(13, "listen:1", "tcp.accept")])), [
      "idle",
      "process.idle",
      10,
      false,
    ]);
  });

  test("is at rest beside one that sleeps", () => {
    const explanation = why([threaded(), anyone(10), waits(12, "sleep:10:12", "sleep")]);
    assert.deepEqual(judged(explanation), ["idle", "process.sleeping", 10, false]);
    assert.equal(explanation.causes[0]?.certainty, "inferred");
  });

  test("with nobody else is not explained", () => {
    assert.deepEqual(judged(why([threaded(), anyone(10), anyone(12)])), ["unknown", "unknown", 10, false]);
  });

  test("or rather for a lock of which no owner shows, is not at rest", () => {
    const lock = waits(10, "futex:10:1", "futex", { holder: "hidden" });
    assert.deepEqual(judged(why([threaded(), lock, waits(13, "listen:1", "tcp.accept")])), [
      "unknown",
      "unknown",
      10,
      false,
    ]);
  });

  test("is not deadlocked with whom it keeps waiting: somebody else may signal", () => {
    const events = [threaded(), waits(10, "thread:10:12", "thread.join"), has(12, "thread:10:12", "thread")];
    const explanation = why([...events, anyone(12), waits(13, "futex:10:1", "futex"), has(12, "futex:10:1")]);
    assert.deepEqual(judged(explanation), ["unknown", "unknown", 10, false]);
  });
});

describe("a main thread that rests", () => {
  const rests = [threaded(), waits(10, "sleep:10", "sleep")];
  const aboutTwo = [waits(12, "futex:10:1", "futex"), waits(13, "futex:10:2", "futex")];

  test("does not hide a deadlock of the others", () => {
    const explanation = why([...rests, ...aboutTwo, has(13, "futex:10:1"), has(12, "futex:10:2")]);
    assert.deepEqual(judged(explanation), ["blocked", "process.deadlock", 10, true]);
    assert.deepEqual(explanation.causes[0]?.tids, [12, 13]);
  });

  test("nor one that goes by a file lock, which is the whole process's", () => {
    const onFile = [waits(12, "lock:1:2:3", "flock"), held(10, "lock:1:2:3", "owner")];
    const explanation = why([...rests, ...onFile, waits(13, "futex:10:1", "futex"), has(12, "futex:10:1")]);
    assert.deepEqual(judged(explanation), ["blocked", "process.deadlock", 10, true]);
    assert.equal(explanation.causes[0]?.certainty, "inferred");
  });

  test("says more than that a thread of it waits for someone at rest", () => {
    const idlePeer = [held(20, "tcp:1-2", "peer"), state(20, "sleeping"), wait(20, "epoll:20", "epoll")];
    const explanation = why([...rests, waits(12, "tcp:1-2", "tcp.recv"), ...idlePeer]);
    assert.deepEqual(judged(explanation), ["idle", "process.sleeping", 10, false]);
  });

  test("is not deadlocked with another whose threads listen to its threads", () => {
    const events = [
      threaded(10),
      waits(10, "epoll:10", "epoll"),
      waits(12, "tcp:1-2", "tcp.recv"),
      held(20, "tcp:1-2", "peer"),
      threaded(20),
      wait(20, "epoll:20", "epoll", { tid: 20 }),
      wait(20, "tcp:3-4", "tcp.recv", { tid: 22 }),
      held(10, "tcp:3-4", "peer"),
    ];
    for (const pid of [10, 20]) assert.deepEqual(judged(why(events, pid)), ["idle", "process.idle", pid, false]);
  });

  test("may have ended: what is left of the process rests", () => {
    assert.deepEqual(judged(why([threaded(), waits(12, "epoll:3", "epoll")])), ["idle", "process.idle", 10, false]);
  });
});

describe("a thread that waits for another of its process", () => {
  const joins = [threaded(), waits(10, "thread:10:12", "thread.join"), has(12, "thread:10:12", "thread")];
  const locks = [threaded(), waits(10, "futex:10:1", "futex"), has(12, "futex:10:1")];

  test("to end, rests while that one does", () => {
    assert.deepEqual(judged(why([...joins, waits(12, "epoll:3", "epoll")])), ["idle", "process.idle", 10, false]);
    assert.deepEqual(judged(why([...joins, waits(12, "sleep:10:12", "sleep")])), [
      "idle",
      "process.sleeping",
      10,
      false,
    ]);
  });

  test("to end, is stuck where that one is", () => {
    assert.deepEqual(judged(why([...joins, waits(12, "pipe:1", "pipe.read"), ...stoppedWriter])), [
      "blocked",
      "process.stopped",
      20,
      true,
    ]);
  });

  test("to release a lock, is blocked while that one sleeps", () => {
    const explanation = why([...locks, waits(12, "sleep:10:12", "sleep")]);
    assert.deepEqual(judged(explanation), ["blocked", "process.sleeping", 10, true]);
  });

  test("to let it have its turn to accept, rests", () => {
    assert.deepEqual(judged(why([...locks, waits(12, "listen:1", "tcp.accept")])), ["idle", "process.idle", 10, false]);
  });

  test("of another process to let it have its turn, is no alarm", () => {
    const other = [held(20, "futex:10:1", "owner"), wait(20, "listen:1", "tcp.accept")];
    assert.equal(isAlarming(why([threaded(), waits(10, "futex:10:1", "futex"), ...other])), false);
  });
});
