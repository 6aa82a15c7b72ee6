/** What procfs.ts reads from a recorded tree (Linux 6.18, x64), and from spellings of other kernels. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import * as procfs from "../../src/kernel/procfs.ts";
import { anyText, fixture } from "./support.ts";

const PROC = fixture("x64-6.18");
/** The recorded main process: two threads, one child. */
const MAIN = 23110;

test("a process's stat is read, a name with a bracket and a state letter in it too", () => {
  const stat = procfs.readStat(PROC, 23114);
  assert.deepEqual(
    [stat?.pid, stat?.comm, stat?.state, stat?.ppid, stat?.threads, stat?.startTicks],
    [23114, "odd) R (name", "S", 23112, 1, 182579],
  );
});

test("processes, threads, boot time and children are listed", () => {
  assert.deepEqual(procfs.readPids(PROC).sort(), [MAIN, 23112, 23114]);
  assert.deepEqual(procfs.readTids(PROC, MAIN).sort(), [MAIN, 23113]);
  assert.equal(procfs.readBootMs(PROC), 1_700_000_000_000);
  assert.deepEqual(procfs.readChildren(PROC, MAIN), [23112]);
  assert.deepEqual(procfs.readChildren(PROC, 23114), []);
});

test("children are unknown, not none, where the kernel does not list them", () => {
  assert.equal(procfs.readChildren(PROC, 999_999), undefined);
});

test("status tells tracer, user, pids, threads and switches", () => {
  const status = procfs.readStatus(PROC, MAIN);
  assert.equal(procfs.readTracerPid(PROC, MAIN), 0);
  assert.deepEqual({ ...status, switches: undefined, signals: undefined }, {
    tgid: MAIN, tracerPid: 0, uid: 0, nsPids: [MAIN], nsPgrps: [23106], threads: 2, kthread: false, switches: undefined, signals: undefined,
  }); // prettier-ignore
  assert.ok((status?.switches ?? 0) > 0);
});

test("status of a traced process in a container, on a kernel before 6.8", () => {
  const text = [
    "Name:\tTracerPid:\\t9", "State:\tt (tracing stop)", "Pid:\t4711", "TracerPid:\t4700", "Uid:\t1000\t0\t0\t0",
    "NSpid:\t4711\t12\t1", "Threads:\t3", "voluntary_ctxt_switches:\t5", "nonvoluntary_ctxt_switches:\t7", "",
  ].join("\n"); // prettier-ignore
  assert.deepEqual(procfs.parseStatus(text), {
    tracerPid: 4700,
    uid: 1000,
    nsPids: [4711, 12, 1],
    nsPgrps: [],
    threads: 3,
    switches: 12,
  });
});

test("status tells which signals are blocked and which handled", () => {
  const text = "TracerPid:\t0\nUid:\t0\t0\t0\t0\nSigBlk:\t0000000000010000\nSigCgt:\tffffffff00000000\n";
  assert.deepEqual(procfs.parseStatus(text)?.signals, { blocked: 1n << 16n, caught: 0xffff_ffff_0000_0000n });
  assert.equal(procfs.parseStatus(text.replace("SigCgt:", "Sig:"))?.signals, undefined);
});

test("a process has an image, a kernel thread and a dead process none", () => {
  assert.equal(imageOf("94000", "7ffe"), "94000 7ffe 5 5");
  assert.notEqual(imageOf("94000", "7ffe"), imageOf("94000", "7fff"));
  assert.equal(imageOf("0", "0"), "");
});

test("no text makes a parser throw", () => {
  fc.assert(
    fc.property(anyText, (text) => {
      for (const parse of [procfs.parseStat, procfs.parseStatus]) parse(text);
    }),
  );
});

function imageOf(codeStart: string, stackStart: string): string | undefined {
  const fields = [...Array(22).fill("9"), codeStart, "9", stackStart, ...Array(25).fill("5")];
  return procfs.parseStat(`7 (a) S ${fields.join(" ")}`)?.image;
}
