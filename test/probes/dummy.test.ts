import assert from "node:assert/strict";
import { test } from "node:test";
import { check } from "../../src/model/event.ts";
import { dummyProbe, dummyStart, dummyTick } from "../../src/probes/dummy.ts";
import { collectingHost, until } from "./programs.ts";

const PID_MAX_LIMIT = 4_194_304;
const ticks = Array.from({ length: 240 }, (_, tick) => dummyTick(tick, tick));

test("every event is one, and no pid can be a real one's", () => {
  const events = [...dummyStart(1), ...ticks.flat()];
  for (const event of events) {
    assert.equal(check(event), event);
    if (event.pid !== undefined) assert.ok((event.pid ?? 0) > PID_MAX_LIMIT);
  }
  assert.equal(new Set(dummyStart(1).map((event) => event.pid)).size, 4);
});

test("it shows what a consumer must cope with: load, a job, a wait, an error", () => {
  const kinds = new Set(ticks.flat().map(({ event_type, value }) => `${event_type} ${value}`));
  assert.ok(kinds.has("transport.bw IO_WAIT"));
  assert.ok(kinds.has("error.hw XID_79"));
  assert.ok(kinds.has("process.state sleeping"));
  assert.ok(dummyStart(1).some((event) => event.event_type === "intent.run" && event.job_id === "dummy-job"));
});

test("the same tick tells the same", () => {
  assert.deepEqual(dummyTick(25, 7), dummyTick(25, 7));
});

test("under the host it starts, ticks and stops", async (t) => {
  const { host, events } = collectingHost(t, { interval: 10 });
  host.start([dummyProbe()]);
  await until("some ticks", () => events.length > 60);
  await host.stop();
  assert.equal(host.status()[0]?.state, "stopped");
});
