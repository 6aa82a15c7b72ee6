import assert from "node:assert/strict";
import { test } from "node:test";
import { findFrozen, frozenCgroup } from "../../src/kernel/freezer.ts";
import { cgroupMachine, ID } from "./cgroup-fixture.ts";

const never = () => undefined;

test("v1: who is frozen by the cgroup above, and who is on the way to it", async () => {
  const { proc, cgroups } = cgroupMachine("v1");
  const found = await findFrozen(proc, never);
  const brief = found.map(({ pids, complete, control }) => ({ pids, complete, control }));
  assert.deepEqual(
    brief.toSorted((a, b) => (a.pids[0] ?? 0) - (b.pids[0] ?? 0)),
    [
      { pids: [10, 11], complete: true, control: `${cgroups}/freezer/docker/freezer.state` },
      { pids: [12, 13, 14], complete: false, control: `${cgroups}/freezer/stuck/freezer.state` },
    ],
  );
  assert.equal(frozenCgroup(proc, 10), `/docker/${ID}`);
});

test("v2: the order was given above", async () => {
  const { proc, cgroups } = cgroupMachine("v2-only");
  const found = await findFrozen(proc, never);
  assert.deepEqual(
    found.map(({ version, pids, complete, control }) => ({ version, pids, complete, control })),
    [{ version: 2, pids: [10], complete: true, control: `${cgroups}/batch.slice/cgroup.freeze` }],
  );
  assert.equal(frozenCgroup(proc, 10), "/batch.slice/job-7.scope");
  assert.equal(frozenCgroup(proc, 11), undefined);
});

test("hybrid: v2 freezes, whatever v1 has", async () => {
  const { proc, cgroups } = cgroupMachine("hybrid");
  const [found] = await findFrozen(proc, never);
  assert.equal(found?.control, `${cgroups}/unified/user.slice/cgroup.freeze`);
  assert.equal(frozenCgroup(proc, 10), "/user.slice");
});
