/** The newest events are kept, within the bounds, whatever they carry. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../src/model/event.ts";
import { MAX_RECENT_EVENTS, RecentEvents } from "../../src/protocol/recent-events.ts";

const event = (ts: number, more: Partial<Event> = {}): Event => ({
  ts,
  event_type: "process.state",
  entity_id: "pid-1",
  pid: 1,
  value: "running",
  ...more,
});
const times = (events: Event[]) => events.map(({ ts }) => ts);

test("the newest are kept, in any batches", () => {
  for (const size of [1, 7, MAX_RECENT_EVENTS - 1, MAX_RECENT_EVENTS + 5]) {
    const recent = new RecentEvents("host");
    const total = MAX_RECENT_EVENTS + 100;
    for (let ts = 0; ts < total; ts += size) {
      recent.push(Array.from({ length: Math.min(size, total - ts) }, (_, at) => event(ts + at)));
    }
    const kept = times(recent.select({}, 2 * MAX_RECENT_EVENTS));
    assert.deepEqual([kept.length, kept[0], kept.at(-1)], [MAX_RECENT_EVENTS, 100, total - 1]);
    assert.deepEqual(times(recent.select({}, 3)), [total - 3, total - 2, total - 1]);
  }
});

test("by type and pid, the newest last, with the host's name", () => {
  const recent = new RecentEvents("host");
  recent.push([event(1), event(2, { pid: 2 }), event(3, { event_type: "intent.run" }), event(4, { node: "other" })]);
  assert.deepEqual(times(recent.select({ pid: 1 })), [1, 3, 4]);
  assert.deepEqual(times(recent.select({ type: "process.state", pid: 1 }, 1)), [4]);
  assert.deepEqual(
    recent.select({}).map(({ node }) => node),
    ["host", "host", "host", "other"],
  );
});

test("large events push out more of the older ones", () => {
  const recent = new RecentEvents("host");
  const large = "x".repeat(60_000);
  for (let ts = 0; ts < 1_000; ts++) recent.push([event(ts, ts % 2 === 0 ? { job_id: large } : { attrs: { large } })]);
  const kept = times(recent.select({}, 1_000));
  assert.ok(kept.length > 20 && kept.length < 200, `${kept.length}`);
  assert.equal(kept.at(-1), 999);
});

test("fields that are not an event's are not kept", () => {
  const recent = new RecentEvents("host");
  recent.push([{ ...event(1), extra: { large: "x" } } as Event]);
  assert.deepEqual(Object.keys(JSON.parse(JSON.stringify(recent.select({})[0]))).toSorted(), [
    "entity_id",
    "event_type",
    "node",
    "pid",
    "ts",
    "value",
  ]);
});
