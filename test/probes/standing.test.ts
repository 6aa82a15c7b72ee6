import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "../../src/model/event.ts";
import { Standing, type Trouble } from "../../src/probes/standing.ts";

const TROUBLE: Trouble = {
  type: "topo.link_down",
  entity: "eth0",
  head: "LINK_DOWN",
  severity: "fault",
  source: "/sys/class/net/eth0/operstate",
  observed: "down",
};

test("told at once, again every half minute, and that it is over", () => {
  const standing = new Standing();
  const told: number[] = [];
  for (let second = 0; second <= 60; second += 2) {
    const events = standing.update([TROUBLE], second * 1000);
    if (events.length > 0) told.push(second);
    for (const event of events) assert.equal(event.attrs?.ended, undefined);
  }
  assert.deepEqual(told, [0, 30, 60]);
  const over = standing.update([], 61_000);
  assert.deepEqual(over, [
    { ts: 61_000, event_type: "topo.link_down", entity_id: "eth0", value: "LINK_DOWN", attrs: { ended: true } },
  ]);
  assert.deepEqual(standing.update([], 63_000), []);
  assert.equal(standing.update([TROUBLE], 65_000).length, 1, "it is back");
});

test("another text or severity is told at once; figures that always change are not", () => {
  const standing = new Standing();
  standing.update([{ ...TROUBLE, more: "a" }], 0);
  assert.equal(standing.update([{ ...TROUBLE, more: "a", observed: "down for 2 s" }], 2000).length, 0);
  assert.equal(standing.update([{ ...TROUBLE, more: "b" }], 4000)[0]?.value, "LINK_DOWN:b");
  assert.equal(standing.update([{ ...TROUBLE, more: "b", severity: "warning" }], 6000).length, 1);
});

test("troubles are told apart by type, entity and head", () => {
  const standing = new Standing();
  const others: Trouble[] = [
    { ...TROUBLE, entity: "eth1" },
    { ...TROUBLE, head: "REMOVED" },
    { ...TROUBLE, type: "error.net" },
  ];
  assert.equal(standing.update([TROUBLE, ...others, TROUBLE], 0).length, 4);
  const ends = standing.update(others, 2000);
  assert.deepEqual(
    ends.map(({ entity_id, value, attrs }) => [entity_id, value, attrs?.ended]),
    [["eth0", "LINK_DOWN", true]],
  );
});

test("what it makes are events; a harmless one names nobody whom it hits", () => {
  const [event] = new Standing().update([{ ...TROUBLE, isHarmless: true, cause: "network.loss", object: "eth0" }], 1);
  assert.equal(typeof check(event), "object");
  assert.deepEqual(event?.attrs, {
    severity: "fault",
    source: TROUBLE.source,
    observed: "down",
    scope: "process",
    cause: "network.loss",
    object: "eth0",
  });
  assert.equal(event?.pid, undefined);
});
