/**
 * Lines of the worst kinds by each way they can come: a probe's program, `emit`, a recording. All are counted by reason,
 * what is good among them is taken, and the daemon stays small.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { PsDocument, StatusDocument } from "../../src/model/documents.ts";
import { REJECTIONS } from "../../src/model/event.ts";
import { onLinux, until } from "../act/processes.ts";
import { Place } from "./place.ts";

const MAX_RSS_BYTES = 250 * 1024 * 1024;
const HUGE_BYTES = 12_000_000;
const DEEP = 100_000;
const GOOD = '{"ts":1,"event_type":"compute.util","entity_id":"gpu-00","pid":7,"value":"1"}';

/** Why a line is refused, and such lines. */
const BAD: Record<(typeof REJECTIONS)[number], (string | Buffer)[]> = {
  encoding: [Buffer.from([0xff, 0xfe, 0x7b, 0x7d]), Buffer.concat([Buffer.from(GOOD), Buffer.from([0xc3])])],
  too_long: [
    changed({ value: "1", extra: "x".repeat(66_000) }),
    "[".repeat(DEEP) + "]".repeat(DEEP),
    `[${"x".repeat(HUGE_BYTES)}`,
  ],
  not_json: ["nonsense", "{", `${GOOD}${GOOD}`, "[".repeat(60_000), "NaN"],
  not_object: ["null", "7", '"text"', "[]", `[${GOOD}]`, "true"],
  ts: ["{}", changed({ ts: -1 }), changed({ ts: 1.5 }), changed({ ts: "1" }), changed({ ts: null })],
  event_type: [changed({ event_type: "nothing" }), changed({ event_type: 7 })],
  entity_id: [changed({ entity_id: "" }), changed({ entity_id: "x".repeat(513) }), changed({ entity_id: null })],
  job_id: [changed({ job_id: 7 }), changed({ job_id: {} })],
  pid: [changed({ pid: 0 }), changed({ pid: -1 }), changed({ pid: "7" }), changed({ pid: 1.5 })],
  value: [
    changed({ value: 1 }),
    changed({ value: "101" }),
    changed({ value: "" }),
    changed({ event_type: "process.state", value: "dancing" }),
  ],
  node: [changed({ node: 7 }), changed({ node: null })],
  attrs: [changed({ attrs: [] }), changed({ attrs: { deep: {} } }), changed({ attrs: { nothing: null } })],
};

const bad = Object.values(BAD).flat();
/** A good line after each bad one, and at the end one that never ends. */
const FLOOD = Buffer.concat([
  ...bad.flatMap((line) => [Buffer.from(line), Buffer.from(`\n${GOOD}\n`)]),
  Buffer.alloc(HUGE_BYTES, "x"),
]);
/** The one that never ends is told of as soon as it is too long. */
const COUNTS = {
  ...Object.fromEntries(Object.entries(BAD).map(([reason, { length }]) => [reason, length])),
  too_long: BAD.too_long.length + 1,
};
const REFUSED = bad.length + 1;

test("through a probe's program", { skip: onLinux }, async (t) => {
  const place = new Place(t);
  place.file("flood", FLOOD);
  const program = place.file("probe", "#!/bin/sh\ncat flood\nexec sleep 300\n", 0o755);
  const daemon = await place.daemon("--probe", program);
  const status = await statusOnce(() => daemon.document<StatusDocument>("status"), REFUSED);
  assertCounted(status);
  const [probe] = status.probes;
  assert.deepEqual(
    [probe?.state, probe?.restarts, probe?.events, probe?.rejected],
    ["running", 0, bad.length, REFUSED],
  );
  // The first of a kind is told within a second, and those of the next minute together.
  for (const reason of REJECTIONS) {
    await until(`it is logged: ${reason}`, () =>
      new RegExp(`\\d lines? refused \\(${reason}\\)`).test(daemon.said.stderr),
    );
  }
});

test("through emit", async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "dummy", "--interval", "1h");
  const before = (await daemon.document<StatusDocument>("status")).events.applied;
  const { status, stderr } = await place.run(["emit", "--port", String(daemon.port)], { input: FLOOD });
  assert.equal(status, 0);
  assert.equal(stderr.trimEnd().split("\n").length, REJECTIONS.length);
  const document = await daemon.document<StatusDocument>("status");
  assertCounted(document);
  assert.equal(document.events.applied - before, bad.length);
});

test("through a recording", async (t) => {
  const place = new Place(t);
  const log = place.file("flood.jsonl", FLOOD);
  const { status, stdout, stderr } = await place.run(["ps", "--from", log, "--json"]);
  assert.equal(status, 0);
  assert.deepEqual(
    (JSON.parse(stdout) as PsDocument).processes.map(({ pid }) => pid),
    [7],
  );
  // A recording daemon adds its host's name, so that a line may be longer there.
  assert.match(stderr, new RegExp(`^\\[xctl\\] (${REFUSED}|${REFUSED - 1}) lines are no events and were left out\\n$`));
});

function assertCounted(status: StatusDocument): void {
  assert.deepEqual(status.rejections, COUNTS);
  assert.equal(status.events.rejected, REFUSED);
  assert.ok(status.rss_bytes < MAX_RSS_BYTES, `${status.rss_bytes} bytes`);
}

async function statusOnce(ask: () => Promise<StatusDocument>, rejected: number): Promise<StatusDocument> {
  for (let tries = 0; ; tries++) {
    const status = await ask();
    if (status.events.rejected >= rejected || tries === 100) return status;
    await delay(100);
  }
}

/** The good line with other fields. */
function changed(fields: object): string {
  return JSON.stringify({ ...(JSON.parse(GOOD) as object), ...fields });
}
