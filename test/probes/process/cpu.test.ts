import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterEach, beforeEach, test } from "node:test";
import { CpuCompetition } from "../../../src/probes/process/cpu-competition.ts";
import { CpuWatch, type CpuShare, type RunnableThread } from "../../../src/probes/process/cpu-watch.ts";
import type { TrackedProcess } from "../../../src/probes/process/tracker.ts";
import { cpuWait } from "../../../src/probes/process/waits/cpu.ts";

let proc: string;

beforeEach(() => {
  proc = mkdtempSync(`${tmpdir()}/xctl-cpu-`);
  writeFileSync(`${proc}/stat`, "cpu  1\ncpu0 1\ncpu1 1\n");
});
afterEach(() => rmSync(proc, { recursive: true }));

/** A runnable process that last ran on `cpu` and had these shares of it for two seconds. */
function runnable(
  pid: number,
  share: { ran: number; waited: number },
  { cpu = 1, allowed = "0-1", policy = 0, rtPriority = 0, nice = 0 } = {},
): RunnableThread {
  mkdirSync(`${proc}/${pid}`);
  const fields = `R 1 1 1 0 -1 64 1 0 0 0 9 9 0 0 20 ${nice} 1 0 1234 ${"1 ".repeat(16)}${cpu} ${rtPriority} ${policy} 0`;
  writeFileSync(`${proc}/${pid}/stat`, `${pid} (worker) ${fields}`);
  writeFileSync(`${proc}/${pid}/status`, `Name:\tworker\nCpus_allowed_list:\t${allowed}\n`);
  const process = {
    pid,
    comm: "worker",
    kthread: false,
    startTicks: 1234,
    threadsByTid: new Map(),
  } as unknown as TrackedProcess;
  const over = (overMs: number): CpuShare => ({ overMs, ...share });
  return { process, tid: pid, lately: over(1000), longer: over(2000) };
}

function waitOf(thread: RunnableThread, ...others: RunnableThread[]) {
  return cpuWait(proc, thread, new CpuWatch(proc), new CpuCompetition(proc, [thread, ...others]));
}

test("kept off its only CPU by a realtime process", () => {
  const victim = runnable(10, { ran: 0.04, waited: 0.96 }, { allowed: "1" });
  const hog = runnable(11, { ran: 0.95, waited: 0.05 }, { policy: 1, rtPriority: 50 });
  const elsewhere = runnable(12, { ran: 1, waited: 0 }, { cpu: 0 });
  const wait = waitOf(victim, hog, elsewhere);
  assert.equal(wait?.kind, "cpu.runqueue");
  assert.equal(wait.entity, "cpu:1");
  assert.equal(wait.attrs.cause, "cpu.starved");
  assert.equal(wait.attrs.actor, 11);
  assert.match(String(wait.attrs.observed), /worker \(11, SCHED_FIFO 50\) had 95 % of CPU 1/);
});

test("several have the CPUs: they are named, but none is to blame", () => {
  const victim = runnable(10, { ran: 0.01, waited: 0.99 }, { policy: 5 });
  const wait = waitOf(victim, runnable(11, { ran: 1, waited: 0 }, { cpu: 0 }), runnable(12, { ran: 0.99, waited: 0 }));
  assert.equal(wait?.entity, "cpu");
  assert.equal(wait.attrs.actor, undefined);
  assert.match(String(wait.attrs.observed), /with SCHED_IDLE nice 0; worker \(11, .*; worker \(12, /);
});

test("a share of a busy machine is no starvation, however small", () => {
  const crowd = Array.from({ length: 30 }, (_, index) => runnable(100 + index, { ran: 0.06, waited: 0.94 }));
  assert.equal(waitOf(crowd[0] as RunnableThread, ...crowd.slice(1)), undefined);
});

test("nobody who is known had the CPU: nothing is claimed", () => {
  const victim = runnable(10, { ran: 0, waited: 1 });
  assert.equal(waitOf(victim), undefined);
  assert.equal(waitOf(victim, runnable(11, { ran: 0.3, waited: 0.7 })), undefined);
});

test("a fifth of a CPU is enough", () => {
  const victim = runnable(10, { ran: 0.2, waited: 0.8 }, { allowed: "1" });
  assert.equal(waitOf(victim, runnable(11, { ran: 0.8, waited: 0.2 })), undefined);
});
