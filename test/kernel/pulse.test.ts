/** The signs of life in a recorded tree (Linux 6.18, x64) and of a thread of this machine. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { readStat } from "../../src/kernel/procfs.ts";
import { readPulse } from "../../src/kernel/pulse.ts";
import { fixture, notLinux, until } from "./support.ts";

const PROC = fixture("x64-6.18");

test("time on a CPU and timeslices come out of schedstat", () => {
  const pulse = readPulse(PROC, 23112, 23112);
  assert.equal(pulse?.switches, 2);
  assert.ok((pulse?.ranNs ?? 0) > 0);
});

test("a kernel without schedstat has status' switches", () => {
  // 23114's schedstat is made `0 0 0`, as a kernel without CONFIG_SCHED_INFO prints it.
  assert.deepEqual(readPulse(PROC, 23114, 23114), { ranNs: 0, switches: 1 });
});

test("who is gone has none", () => {
  assert.equal(readPulse(PROC, 999_999, 999_999), undefined);
});

test("a blocked thread's stands still, and moves once it has run", { skip: notLinux }, async () => {
  const child = spawn("cat", { stdio: ["pipe", "pipe", "ignore"] });
  try {
    const pid = child.pid as number;
    child.stdin.write("a");
    await once(child.stdout, "data");
    await until(() => readStat("/proc", pid)?.state === "S", "cat waits for input");
    const before = readPulse("/proc", pid, pid);
    assert.ok(before !== undefined && before.switches > 0);
    assert.deepEqual(readPulse("/proc", pid, pid), before);
    child.stdin.write("b");
    await once(child.stdout, "data");
    assert.ok((readPulse("/proc", pid, pid)?.switches ?? 0) > before.switches);
    await until(() => (readPulse("/proc", pid, pid)?.ranNs ?? 0) > before.ranNs, "the time on a CPU is added up");
  } finally {
    child.kill("SIGKILL");
  }
});
