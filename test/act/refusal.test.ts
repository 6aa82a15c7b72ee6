import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { PF_KTHREAD, readPids, readStat, readTids } from "../../src/kernel/procfs.ts";
import { KILL } from "../../src/act/signals.ts";
import { zap } from "../../src/act/zap.ts";
import { onLinux, Tree } from "./processes.ts";

const options = { signal: KILL, graceMs: 0, dryRun: false };
/** A refusal that failed to come must not take the machine down: these are asked as a dry run. */
const harmless = { ...options, dryRun: true };

test("the system's first process, xctl and all that it runs under are refused", { skip: onLinux }, async () => {
  await assert.rejects(zap({ pid: 1 }, harmless), { kind: "init" });
  await assert.rejects(zap({ pid: process.pid }, harmless), { kind: "self" });
  let pid = process.ppid;
  for (; pid > 1; pid = readStat("/proc", pid)?.ppid ?? 0) {
    await assert.rejects(zap({ pid }, harmless), { kind: "ancestor", pid });
  }
});

test("a kernel thread is refused", { skip: onLinux }, async (t) => {
  const pid = readPids("/proc").find((candidate) => ((readStat("/proc", candidate)?.flags ?? 0) & PF_KTHREAD) !== 0);
  if (pid === undefined) return t.skip("none is visible in this pid namespace");
  await assert.rejects(zap({ pid }, harmless), { kind: "kernel_thread" });
});

test("a thread's id is refused, with the process it belongs to", { skip: onLinux }, async () => {
  const worker = new Worker("setInterval(() => {}, 1000)", { eval: true });
  const tid = readTids("/proc", process.pid).find((candidate) => candidate !== process.pid) as number;
  await assert.rejects(zap({ pid: tid }, harmless), { kind: "thread", detail: String(process.pid) });
  await worker.terminate();
});

test("no such process", { skip: onLinux }, async () => {
  const beyond = Number(readFileSync("/proc/sys/kernel/pid_max", "utf8")) + 1;
  await assert.rejects(zap({ pid: beyond }, options), { kind: "no_such_process" });
  await assert.rejects(zap({ pid: 5_000_000_000 }, options), { kind: "no_such_process" });
});

test("a pid that is another process's by now is refused, and that process untouched", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("sleep 300; :").started(1);
  const startTicks = readStat("/proc", tree.pid)?.startTicks as number;
  const before = tree.living().map(({ pid, state }) => [pid, state]);

  await assert.rejects(zap({ pid: tree.pid, startTicks: startTicks - 1 }, options), { kind: "reused" });
  await sleep(50);
  assert.deepEqual(
    tree.living().map(({ pid, state }) => [pid, state]),
    before,
  );

  const outcome = await zap({ pid: tree.pid, startTicks }, options);
  assert.equal(outcome.ended.length, 2);
});
