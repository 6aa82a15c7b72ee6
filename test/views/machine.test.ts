/** Status, doctor and events: what xctl says of itself and of what it hears. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DoctorDocument, StatusDocument } from "../../src/model/documents.ts";
import type { Event } from "../../src/model/event.ts";
import { doctorText } from "../../src/views/doctor.ts";
import { eventText } from "../../src/views/events.ts";
import { statusText } from "../../src/views/status.ts";
import type { Style } from "../../src/views/style.ts";
import { assertGolden } from "./golden.ts";

const STYLES: Style[] = [
  { color: false, width: 80, lang: "en", unicode: true },
  { color: false, width: 80, lang: "zh", unicode: true },
  { color: false, width: 40, lang: "en", unicode: false },
];

const status: StatusDocument = {
  version: "0.1.0",
  node: "node-a",
  uptime_ms: 187_200_000,
  rss_bytes: 94_371_840,
  events: { received: 120_000, applied: 119_990, rejected: 7, dropped: 3 },
  rejections: { not_json: 5, too_long: 2 },
  graph: { processes: 412, resources: 1, errors: 0, edges: { consumes: 4, waits_on: 96, held_by: 88, blocked_by: 0 } },
  sampler: {
    backend: "procfs",
    reason: "libbpf.so.1 is not installed",
    interval_ms: 1000,
    tasks: 1904,
    last_ms: 41.26,
  },
  ebpf_lost: {},
  probes: [
    { name: "process", state: "running", pid: null, restarts: 0, events: 119_000, rejected: 0, last_error: null },
    {
      name: "./my-probe.py",
      state: "waiting",
      pid: 4711,
      restarts: 3,
      events: 990,
      rejected: 7,
      last_error: "exit status 1",
    },
  ],
};

const doctor: DoctorDocument = {
  checks: [
    { name: "root", ok: true, detail: "runs as root", enable: null },
    {
      name: "ebpf",
      ok: false,
      detail: "eBPF is not available: libbpf.so.1 not found",
      enable: "apt-get install libbpf1",
    },
  ],
};

const wait: Event = {
  ts: 1_767_323_045_678,
  event_type: "process.wait",
  entity_id: "pipe:5150",
  pid: 200,
  value: "pipe.write",
  node: "node-a",
  attrs: { tid: 200, since_ms: 1_767_323_033_278 },
};

const all = (show: (style: Style) => string) =>
  STYLES.map((style) => `# ${style.lang}, ${style.width} columns\n${show(style)}\n`).join("\n");

test("status", () =>
  assertGolden(
    "status",
    all((style) => statusText(status, style)),
  ));

test("doctor", () =>
  assertGolden(
    "doctor",
    all((style) => doctorText(doctor, style)),
  ));

test("a machine that lacks nothing", () => {
  const checks = doctor.checks.filter(({ ok }) => ok);
  assert.match(doctorText({ checks }, STYLES[0] as Style), /^✓ root {2}runs as root\n\nThis machine allows all/);
});

test("status without sampler and probes", () => {
  const text = statusText({ ...status, sampler: null, probes: [], rejections: {} }, STYLES[0] as Style);
  assert.match(text, /No probes\.$/);
  assert.doesNotMatch(text, /sampler|not_json/);
});

test("what eBPF programs could not hand over is shown, by probe", () => {
  const text = statusText({ ...status, ebpf_lost: { process: 7, storage: 0 } }, STYLES[0] as Style);
  assert.match(text, /^eBPF records lost +process 7, storage 0$/m);
});

test("a recording is shown, with what the disk said", () => {
  const recording = { file: "case.jsonl", written: 9, dropped: 2, error: "ENOSPC" };
  assert.match(statusText({ ...status, recording }, STYLES[0] as Style), /case\.jsonl, 9 events, 2 dropped; ENOSPC/);
});

test("an event is one line, its time in UTC", () => {
  const wide = eventText(wait, { ...(STYLES[0] as Style), width: Infinity });
  assert.equal(
    wide,
    "2026-01-02T03:04:05.678Z  process.wait    pipe:5150  pipe.write  pid=200  node=node-a  tid=200  since_ms=1767323033278",
  );
  assert.equal(eventText(wait, STYLES[0] as Style).length, 80);
});

test("a time beyond the calendar is told as a number", () => {
  assert.match(eventText({ ...wait, ts: Number.MAX_SAFE_INTEGER }, STYLES[0] as Style), /^9007199254740991 /);
});
