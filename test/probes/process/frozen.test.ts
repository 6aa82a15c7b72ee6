import assert from "node:assert/strict";
import { test } from "node:test";
import { FrozenWatch } from "../../../src/probes/process/frozen.ts";
import { stateChange } from "../../../src/probes/process/state-events.ts";
import type { ProcessSample } from "../../../src/probes/process/task.ts";
import { Tracker, type TrackedProcess } from "../../../src/probes/process/tracker.ts";
import { cgroupMachine } from "../../kernel/cgroup-fixture.ts";

test("of a cgroup that is still freezing, only those who stand still already", async () => {
  const frozen = await new FrozenWatch(cgroupMachine("v1").proc).all(0);
  // 12 still sleeps in its pipe, 14 hangs in the kernel and has not come to it.
  assert.deepEqual(
    [...frozen.keys()].toSorted((a, b) => a - b),
    [10, 11, 13],
  );
});

const FREEZE = {
  version: 1,
  complete: true,
  control: "/sys/fs/cgroup/freezer/a/freezer.state",
  source: "/sys/fs/cgroup/freezer/a/b/freezer.state",
  observed: "FROZEN",
} as const;

function sampleOf(state: string, atMs: number): ProcessSample {
  return {
    pid: 7,
    startTicks: 1,
    startMs: 10,
    ppid: 1,
    pgrp: 7,
    comm: "worker",
    kthread: false,
    ttyNr: 0,
    threads: 1,
    image: "1",
    state,
    tasks: [{ tid: 7, state, switches: 1 }],
    atMs,
  };
}

test("a frozen process is frozen, whatever its state letter, until it is thawed", () => {
  const tracker = new Tracker();
  tracker.observe(sampleOf("S", 1000));
  const process = tracker.processes.get(7) as TrackedProcess;
  assert.deepEqual(tracker.setFreeze(process, FREEZE, 2000), [{ type: "state", process }]);
  assert.equal(process.state, "frozen");
  const { value, attrs } = stateChange(process, 2000);
  assert.equal(value, "frozen");
  assert.equal(attrs?.object, FREEZE.control);
  assert.equal(attrs?.source, FREEZE.source);

  assert.deepEqual(tracker.observe(sampleOf("D", 3000)), [], "v1 shows D");
  assert.deepEqual(Array.from(tracker.frozen()), [process]);
  tracker.observe(sampleOf("S", 4000));
  assert.deepEqual(tracker.setFreeze(process, undefined, 4000), [{ type: "state", process }]);
  assert.equal(process.state, "sleeping");
});

test("who is stopped as well would not go on if it were thawed", () => {
  const tracker = new Tracker();
  tracker.observe(sampleOf("T", 1000));
  const process = tracker.processes.get(7) as TrackedProcess;
  assert.deepEqual(tracker.setFreeze(process, FREEZE, 2000), []);
  assert.equal(process.state, "stopped");
});
