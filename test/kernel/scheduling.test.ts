import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  allowedCpus,
  parseOnlineCpus,
  parseCpuList,
  parseScheduling,
  parseSchedstat,
  readCpuTimes,
  readScheduling,
} from "../../src/kernel/scheduling.ts";
import { anyText, notLinux } from "./support.ts";

test("schedstat; all zero where the kernel does not count", () => {
  assert.deepEqual(parseSchedstat("54607646 2058423286 34\n"), { ranNs: 54607646, waitedNs: 2058423286, turns: 34 });
  assert.equal(parseSchedstat("0 0 0\n"), undefined);
});

test("CPU and priority, after a name that looks like fields", () => {
  // A SCHED_FIFO 50 thread on CPU 3, recorded on 6.18.
  const fields = "R 1 77 77 0 -1 64 1 0 0 0 9 9 0 0 -51 0 1 0 1234 1 1 1 1 1 1 0 0 0 0 0 0 0 0 0 17 3 50 1 0 0 0";
  assert.deepEqual(parseScheduling(`77 (a) R 0 (b) ${fields}`), {
    cpu: 3,
    policy: "SCHED_FIFO",
    realtimePriority: 50,
    nice: 0,
  });
  assert.equal(parseScheduling("77 (short) R 1 2"), undefined);
});

test("lists of CPUs", () => {
  assert.deepEqual([...parseCpuList("0-3,7\n")], [0, 1, 2, 3, 7]);
  assert.deepEqual([...parseCpuList("")], []);
});

test("the CPUs that are online", () => {
  assert.deepEqual([...parseOnlineCpus("cpu  9 9\ncpu0 100 20\ncpu2 1 0\nintr 1 2\n")], [0, 2]);
});

test("this very thread", { skip: notLinux }, () => {
  const cpus = allowedCpus("/proc", process.pid, process.pid);
  assert.ok(cpus?.has(readScheduling("/proc", process.pid, process.pid)?.cpu ?? -1));
  assert.ok((readCpuTimes("/proc", process.pid, process.pid)?.ranNs ?? 0) > 0);
});

test("no text makes a parser throw", () => {
  fc.assert(
    fc.property(
      anyText,
      (text) => void [parseSchedstat(text), parseScheduling(text), parseCpuList(text), parseOnlineCpus(text)],
    ),
  );
});
