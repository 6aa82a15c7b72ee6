import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  cgroupFor,
  lineage,
  parseCgroupMounts,
  parseFlatKeyed,
  readCgroupStats,
  readCgroupValue,
  type Cgroup,
} from "../../src/kernel/cgroup-files.ts";
import { cgroupMachine, ID } from "./cgroup-fixture.ts";
import { anyText } from "./support.ts";

const v1 = cgroupMachine("v1");
const v2 = cgroupMachine("v2-only");
const hybrid = cgroupMachine("hybrid");

test("the hierarchy that has the controller, on machines of all three kinds", () => {
  assert.equal(cgroupFor(v1.proc, 10, "cpu")?.folder, `${v1.cgroups}/cpu,cpuacct/docker/${ID}`);
  assert.equal(cgroupFor(v1.proc, 10, "blkio"), undefined, "not mounted");
  assert.equal(cgroupFor(v2.proc, 11, "cpu")?.folder, `${v2.cgroups}/system.slice/encoder.service`);
  assert.equal(cgroupFor(v2.proc, 13, "cpu")?.folder, v2.cgroups, "the root");
  assert.equal(cgroupFor(hybrid.proc, 10, "cpu")?.folder, `${hybrid.cgroups}/cpu/limited`);
  assert.equal(cgroupFor(hybrid.proc, 10, "freezer")?.folder, `${hybrid.cgroups}/unified/user.slice`);
  assert.equal(cgroupFor(hybrid.proc, 10, "memory", 2)?.folder, `${hybrid.cgroups}/unified/user.slice`);
  assert.equal(cgroupFor(hybrid.proc, 10, "freezer", 1), undefined);
  assert.equal(cgroupFor(v2.proc, 999, "cpu"), undefined, "no such process");
});

test("itself and all above it, the nearest first", () => {
  const worker = cgroupFor(v2.proc, 12, "cpu") as Cgroup;
  assert.deepEqual(
    lineage(v2.proc, worker).map(({ path }) => path),
    ["/system.slice/encoder.service/worker 1", "/system.slice/encoder.service", "/system.slice", "/"],
  );
});

test("values, and files of keys and numbers", () => {
  const encoder = cgroupFor(v2.proc, 11, "cpu") as Cgroup;
  assert.equal(readCgroupValue(encoder, "cpu.max"), "5000 100000");
  assert.equal(readCgroupValue(encoder, "no.such.file"), undefined);
  assert.equal(readCgroupStats(encoder, "cpu.stat")?.get("nr_throttled"), 87);
});

test("a mount that shows a part of the hierarchy, as in a container without a cgroup namespace", () => {
  const line = `40 31 0:24 /docker/${ID} /sys/fs/cgroup/cpu\\040acct ro,nosuid master:10 - cgroup cgroup rw,cpu,cpuacct`;
  assert.deepEqual(parseCgroupMounts(line, "/host"), [
    { version: 1, controllers: ["cpu", "cpuacct"], root: `/docker/${ID}`, mountPoint: "/host/sys/fs/cgroup/cpu acct" },
  ]);
});

test("no text makes a parser throw", () => {
  fc.assert(fc.property(anyText, (text) => void [parseCgroupMounts(text), parseFlatKeyed(text)]));
});
