import assert from "node:assert/strict";
import { test } from "node:test";
import { Sickness } from "../../src/kernel/sickness.ts";

test("a process is left alone for 30 s, then twice as long each time, at most 10 min; an answer heals it", () => {
  const sickness = new Sickness();
  let nowMs = 1000;
  for (const restMs of [30_000, 60_000, 120_000, 240_000, 480_000, 600_000, 600_000]) {
    sickness.hung(7, nowMs);
    assert.ok(sickness.has(7, nowMs + restMs - 1));
    nowMs += restMs;
    assert.ok(!sickness.has(7, nowMs));
  }
  sickness.answered(7);
  sickness.hung(7, nowMs);
  assert.deepEqual(sickness.list(nowMs + 29_999), [7]);
  assert.deepEqual(sickness.list(nowMs + 30_000), []);
});

test("it remembers a bounded number, the latest", () => {
  const sickness = new Sickness();
  for (let pid = 1; pid <= 10_000; pid++) sickness.hung(pid, 0);
  const pids = sickness.list(1);
  assert.equal(pids.length, 4096);
  assert.ok(pids.includes(10_000) && !pids.includes(1));
});
