import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cgroupFor, lineage, type Cgroup } from "../../src/kernel/cgroup-files.ts";
import { readCpuQuota, readThrottling } from "../../src/kernel/cpu-quota.ts";
import { isOutOfMemory, memoryLimit, memoryThrottle } from "../../src/kernel/memory-limit.ts";
import { parsePressure, readPressure } from "../../src/kernel/psi.ts";
import { cgroupMachine } from "./cgroup-fixture.ts";
import { anyText } from "./support.ts";

const v1 = cgroupMachine("v1");
const v2 = cgroupMachine("v2-only");
const hybrid = cgroupMachine("hybrid");

test("a CPU quota and how often it was hit, v1 and v2", () => {
  const docker = cgroupFor(v1.proc, 10, "cpu") as Cgroup;
  const [own, above] = lineage(v1.proc, docker) as [Cgroup, Cgroup];
  assert.deepEqual(readCpuQuota(own), {
    quotaUs: 150_000,
    periodUs: 50_000,
    control: `${own.folder}/cpu.cfs_quota_us`,
  });
  assert.equal(readCpuQuota(above), undefined, "-1 is none");
  assert.deepEqual(readThrottling(own), { periods: 2000, throttledPeriods: 1990, throttledMs: 95_000 });

  const encoder = cgroupFor(v2.proc, 11, "cpu") as Cgroup;
  assert.deepEqual(readCpuQuota(encoder), { quotaUs: 5000, periodUs: 100_000, control: `${encoder.folder}/cpu.max` });
  assert.deepEqual(readThrottling(encoder), { periods: 100, throttledPeriods: 87, throttledMs: 8650 });
  assert.equal(readCpuQuota(cgroupFor(v2.proc, 12, "cpu") as Cgroup), undefined, "max is none");
  assert.equal(readCpuQuota(cgroupFor(v2.proc, 13, "cpu") as Cgroup), undefined, "the root has no such file");
});

test("memory limits, v1 and v2", () => {
  const [own, above] = lineage(v1.proc, cgroupFor(v1.proc, 10, "memory") as Cgroup) as [Cgroup, Cgroup];
  assert.equal(memoryLimit(own)?.limitBytes, 40 << 20);
  assert.equal(memoryLimit(own)?.control, `${own.folder}/memory.limit_in_bytes`);
  assert.equal(memoryLimit(above), undefined, "the greatest number is none");
  assert.equal(isOutOfMemory(own), true);
  assert.equal(isOutOfMemory(above), false);

  const encoder = cgroupFor(v2.proc, 11, "memory") as Cgroup;
  assert.equal(memoryLimit(encoder), undefined, "max is none");
  assert.deepEqual(memoryThrottle(encoder), {
    cgroup: encoder,
    limitBytes: 32 << 20,
    usedBytes: 33 << 20,
    control: `${encoder.folder}/memory.high`,
  });
  assert.equal(isOutOfMemory(encoder), false);
});

test("pressure, also of a v2 cgroup beside v1 controllers", () => {
  const folder = cgroupFor(hybrid.proc, 10, "memory", 2)?.folder;
  assert.deepEqual(readPressure(`${folder}/memory.pressure`), { some: 12, full: 9 });
  assert.equal(readPressure(`${folder}/no.pressure`), undefined);
  // The machine's CPU pressure has no `full` line before Linux 5.13.
  assert.deepEqual(parsePressure("some avg10=1.50 avg60=0.00 avg300=0.00 total=1\n"), { some: 1.5, full: 0 });
  fc.assert(fc.property(anyText, (text) => void parsePressure(text)));
});
