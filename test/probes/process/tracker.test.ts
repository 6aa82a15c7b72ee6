import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ProcessSample, TaskSample } from "../../../src/probes/process/task.ts";
import { Tracker, type Change } from "../../../src/probes/process/tracker.ts";

const SECOND = 1000;

function task(tid: number, switches = 1, state = "S"): TaskSample {
  return { tid, state, switches };
}

function sample(pid: number, atMs: number, more: Partial<ProcessSample> = {}): ProcessSample {
  const tasks = more.tasks ?? [task(pid)];
  return {
    pid,
    startTicks: 100,
    startMs: 5000,
    ppid: 1,
    pgrp: pid,
    comm: "app",
    kthread: false,
    ttyNr: 0,
    threads: tasks.length,
    image: "1",
    state: tasks[0]?.state ?? "S",
    atMs,
    ...more,
    tasks,
  };
}

const told = (changes: Iterable<Change>) => Array.from(changes, ({ type, process }) => `${type} ${process.pid}`);
const due = (tracker: Tracker, nowMs: number) => tracker.due(nowMs).map(({ thread }) => thread.tid);

/** As the prober does after a look. */
function look(tracker: Tracker, nowMs: number, namesOthers = false): void {
  for (const { thread } of tracker.due(nowMs)) Object.assign(thread, { lookedMs: nowMs, namesOthers });
}

describe("Tracker", () => {
  it("tells who came and who went", () => {
    const tracker = new Tracker();
    assert.deepEqual(told(tracker.observeAll([sample(10, 0), sample(11, 0)], 0)), ["start 10", "start 11"]);
    assert.deepEqual(told(tracker.observeAll([sample(10, SECOND)], SECOND)), ["exit 11"]);
    assert.deepEqual(told(tracker.observeAll([sample(10, 2 * SECOND)], 2 * SECOND)), []);
  });

  it("takes the same pid with another start time for another process", () => {
    const tracker = new Tracker();
    tracker.observe(sample(10, 0));
    const changes = tracker.observe(sample(10, SECOND, { startTicks: 200, startMs: 6000 }));
    assert.deepEqual(told(changes), ["exit 10", "start 10"]);
    assert.deepEqual(
      changes.map(({ process }) => process.startMs),
      [5000, 6000],
    );
  });

  it("tells exec, a new parent and a new terminal", () => {
    const tracker = new Tracker();
    tracker.observe(sample(10, 0));
    const [exec] = tracker.observe(sample(10, 1, { comm: "other" }));
    assert.ok(exec?.type === "identity" && exec.recast);
    const [orphaned] = tracker.observe(sample(10, 2, { comm: "other", ppid: 7 }));
    assert.ok(orphaned?.type === "identity" && !orphaned.recast);
    assert.deepEqual(told(tracker.observe(sample(10, 3, { comm: "other", ppid: 7, ttyNr: 34816 }))), ["identity 10"]);
  });

  it("tells exec that keeps the name, but not the loss of memory in death", () => {
    const tracker = new Tracker();
    tracker.observe(sample(10, 0));
    const [exec] = tracker.observe(sample(10, 1, { image: "2" }));
    assert.ok(exec?.type === "identity" && exec.recast);
    assert.deepEqual(told(tracker.observe(sample(10, 2, { image: "" }))), []);
  });

  it("looks at a thread once it has not run for a second, and once only", () => {
    const tracker = new Tracker();
    tracker.observe(sample(10, 0, { tasks: [task(10, 1), task(11, 1)] }));
    assert.deepEqual(due(tracker, 500), []);
    tracker.observe(sample(10, SECOND, { tasks: [task(10, 1), task(11, 2)] }));
    assert.deepEqual(due(tracker, SECOND), [10]);
    look(tracker, SECOND);
    assert.deepEqual(due(tracker, 100 * SECOND), [11]);
  });

  it("looks again every five seconds, at all together, where others are named", () => {
    const tracker = new Tracker();
    tracker.observe(sample(10, 0));
    look(tracker, SECOND, true);
    assert.deepEqual(due(tracker, 5 * SECOND - 1), []);
    assert.deepEqual(due(tracker, 5 * SECOND), [10]);
    look(tracker, 5 * SECOND, true);
    assert.deepEqual(due(tracker, 9 * SECOND), []);
    assert.deepEqual(due(tracker, 10 * SECOND), [10]);
  });

  it("counts a wait from the last sample at which the thread ran", () => {
    const tracker = new Tracker();
    tracker.observe(sample(10, 0, { tasks: [task(10, 1)] }));
    tracker.observe(sample(10, SECOND, { tasks: [task(10, 2, "R")] }));
    tracker.observe(sample(10, 2 * SECOND, { tasks: [task(10, 2, "R")] }));
    tracker.observe(sample(10, 3 * SECOND, { tasks: [task(10, 2)] }));
    assert.deepEqual(
      tracker.due(3 * SECOND).map(({ thread }) => thread.ranMs),
      [2 * SECOND],
    );
  });

  it("ends a wait when the thread runs, ends, or its process does", () => {
    const tracker = new Tracker();
    const both = { tasks: [task(10, 1), task(11, 1)] };
    tracker.observe(sample(10, 0, both));
    look(tracker, SECOND);
    const ran = tracker.observe(sample(10, 2 * SECOND, { tasks: [task(10, 1), task(11, 2)] }));
    assert.ok(ran.length === 1 && ran[0]?.type === "ran" && ran[0].tid === 11);
    look(tracker, 4 * SECOND);
    const left = tracker.observe(sample(10, 5 * SECOND, { tasks: [task(10, 1)] }));
    assert.ok(left.length === 1 && left[0]?.type === "ran" && left[0].tid === 11);
    assert.deepEqual(told(tracker.gone(10)), ["ran 10", "exit 10"]);
  });

  it("waits of stopped and traced threads and of sleeping kernel threads are none", () => {
    const tracker = new Tracker();
    tracker.observe(sample(10, 0, { tasks: [task(10, 1, "T")] }));
    tracker.observe(sample(11, 0, { tasks: [task(11, 1, "t")] }));
    tracker.observe(sample(12, 0, { kthread: true, tasks: [task(12, 1, "S")] }));
    tracker.observe(sample(13, 0, { kthread: true, tasks: [task(13, 1, "D")] }));
    assert.deepEqual(due(tracker, 9 * SECOND), [13]);
  });

  it("does not let a snapshot undo what was seen on its own since it began", () => {
    const tracker = new Tracker();
    tracker.observe(sample(10, 0));
    tracker.observe(sample(10, 50, { tasks: [task(10, 9, "T")] }));
    tracker.observe(sample(11, 50));
    assert.deepEqual(told(tracker.observeAll([sample(10, 20)], 10)), []);
    assert.equal(tracker.processes.get(10)?.state, "stopped");
    assert.ok(tracker.processes.has(11));
  });

  for (const [main, other, state] of [
    ["S", "R", "running"],
    ["S", "D", "sleeping"],
    ["D", "S", "blocked"],
    ["T", "T", "stopped"],
    ["t", "S", "traced"],
    ["Z", "S", "sleeping"],
    ["Z", "D", "blocked"],
    ["I", "I", "sleeping"],
  ] as const) {
    it(`main thread ${main}, another ${other}: ${state}`, () => {
      const tracker = new Tracker();
      tracker.observe(sample(10, 0, { tasks: [task(10, 1, main), task(11, 1, other)] }));
      assert.equal(tracker.processes.get(10)?.state, state);
    });
  }

  it("a dead main thread alone is a zombie", () => {
    const tracker = new Tracker();
    tracker.observe(sample(10, 0, { tasks: [task(10, 1, "Z")] }));
    assert.equal(tracker.processes.get(10)?.state, "zombie");
  });
});
