/** The JSON documents of a running daemon, as the contract has them: the keys it names are there, of the types it names. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { CAUSE_KINDS } from "../../src/model/cause.ts";
import { check, PROCESS_STATES } from "../../src/model/event.ts";
import { CERTAINTIES } from "../../src/model/nodes.ts";
import { until } from "../act/processes.ts";
import { stall, state } from "../daemon/harness.ts";
import { Place } from "./place.ts";

const text = z.string();
const number = z.int().nonnegative();
const pid = z.int().positive();
const blockedMs = number.nullable();
const verdict = z.enum(["blocked", "stopped", "starved", "running", "idle", "exited", "unknown"]);
const node = text.min(1);

const rootCause = z.object({
  kind: z.enum(CAUSE_KINDS),
  entity_id: text,
  pid: pid.optional(),
  pids: z.array(pid),
  tids: z.array(pid),
  confidence: z.number().min(0).max(1),
  certainty: z.enum(CERTAINTIES),
  summary: text.min(1),
  evidence: z.array(z.object({ source: text, observed: text })),
  advice: z.array(
    z.object({ text: text.min(1), command: text.nullable(), risk: z.enum(["safe", "disruptive", "destructive"]) }),
  ),
});

const DOCUMENTS = {
  ps: z.object({
    processes: z
      .array(
        z.object({
          node,
          pid,
          start_ms: number.nullable(),
          comm: text,
          cmdline: text,
          job_id: text.nullable(),
          rank: number.nullable(),
          state: z.enum(["unknown", ...PROCESS_STATES]),
          resources: z.array(text),
          waits: z.array(z.object({ entity_id: text, kind: text, tid: pid, since_ms: number })),
          blocked_ms: blockedMs,
        }),
      )
      .min(1),
  }),
  why: z.object({
    schema: z.literal("xctl.why/1"),
    process: z.object({
      node,
      pid,
      start_ms: number.nullable(),
      comm: text,
      cmdline: text,
      state: text,
      job_id: text.nullable(),
      rank: number.nullable(),
      container: text.nullable(),
    }),
    verdict,
    blocked_ms: blockedMs,
    chain: z
      .array(
        z.object({
          from: text,
          edge: z.enum(["waits_on", "held_by", "consumes", "blocked_by"]),
          to: text,
          detail: text,
          certainty: z.enum(CERTAINTIES),
        }),
      )
      .min(1),
    root_causes: z.array(rootCause).min(1),
    blind_spots: z.array(text),
  }),
  whyAll: z.object({
    schema: z.literal("xctl.why-all/1"),
    groups: z
      .array(
        z.object({
          root_cause: rootCause,
          victims: z.array(z.object({ pid, comm: text, job_id: text.nullable(), blocked_ms: blockedMs })).min(1),
        }),
      )
      .min(1),
  }),
  whyJob: z.object({
    schema: z.literal("xctl.why-job/1"),
    job_id: text,
    ranks: z.array(z.object({ rank: number.nullable(), pid, node, verdict, blocked_ms: blockedMs })).min(1),
    root_causes: z.array(rootCause),
    blind_spots: z.array(text),
  }),
  status: z.object({
    version: text,
    node,
    uptime_ms: number,
    rss_bytes: pid,
    events: z.object({ received: number, applied: number, rejected: number, dropped: number }),
    graph: z.object({
      processes: number,
      resources: number,
      errors: number,
      edges: z.object({ consumes: number, waits_on: number, held_by: number, blocked_by: number }),
    }),
    sampler: z.object({ backend: text, interval_ms: pid, tasks: number, last_ms: z.number().nonnegative() }).nullable(),
    ebpf_lost: z.record(z.string(), number),
    probes: z
      .array(
        z.object({
          name: text,
          state: text,
          pid: pid.nullable(),
          restarts: number,
          events: number,
          rejected: number,
          last_error: text.nullable(),
        }),
      )
      .min(1),
  }),
  events: z.object({ events: z.array(z.unknown()).min(1) }),
  doctor: z.object({
    checks: z.array(z.object({ name: text, ok: z.boolean(), detail: text.min(1), enable: text.nullable() })).min(5),
  }),
};

test("every document is as the contract has it", async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "dummy", "--probe", "auto", "--node", "here");
  const now = Date.now();
  await daemon.emit(...stall(now - 60_000), { ...state(300, "stopped", { rank: 0 }, now - 5_000), job_id: "train" });
  const shown = async (key: keyof typeof DOCUMENTS, verb: string, ...options: string[]): Promise<unknown> => {
    const { status, stdout, stderr } = await daemon.ask(verb, ...options, "--json");
    assert.deepEqual([status, stderr], [0, ""], verb);
    assert.equal(stdout.trimEnd().split("\n").length, 1, "one document on one line");
    const document: unknown = JSON.parse(stdout);
    const checked = DOCUMENTS[key].safeParse(document);
    assert.ok(checked.success, `${key}: ${checked.error?.message}`);
    return document;
  };
  await Promise.all([
    shown("ps", "ps"),
    shown("ps", "ps", "--all"),
    shown("ps", "ps", "--job", "train"),
    shown("why", "why", "100"),
    shown("whyAll", "why"),
    shown("whyAll", "why", "--all"),
    shown("whyJob", "why", "--job", "train"),
    shown("status", "status"),
    shown("doctor", "doctor"),
  ]);
  const { events } = (await shown("events", "events")) as { events: unknown[] };
  for (const event of events) assert.equal(typeof check(event), "object", JSON.stringify(event));
  const { events: some } = (await shown(
    "events",
    "events",
    "--pid",
    "100",
    "--type",
    "process.wait",
  )) as typeof DOCUMENTS.events._output;
  assert.equal(some.length, 1);
});

test("events --follow is an event a line, as they come", async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "dummy", "--interval", "100ms");
  const follower = place.start([
    "events",
    "--follow",
    "--json",
    "--type",
    "compute.util",
    "--port",
    String(daemon.port),
  ]);
  const lines = () => follower.said.stdout.split("\n").slice(0, -1);
  await until("it tells some", () => lines().length >= 10);
  for (const line of lines())
    assert.equal((check(JSON.parse(line)) as { event_type: string }).event_type, "compute.util");
  follower.child.kill("SIGINT");
  assert.deepEqual([(await follower.ended).status, follower.said.stderr], [0, ""]);

  const left = place.start(["events", "--follow", "--port", String(daemon.port)]);
  await until("it tells some", () => left.said.stdout.includes("gpu-0"));
  daemon.child.kill("SIGTERM");
  const { status, stderr } = await left.ended;
  assert.deepEqual([status, stderr], [4, "[xctl] error: the daemon has ended the event stream\n"]);
});

test("ps --watch shows it again and again, until interrupted", async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "dummy");
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const watcher = place.start(["ps", "--watch", "--json", "--port", String(daemon.port)]);
    await until("it was shown twice", () => watcher.said.stdout.split("\n").length > 2);
    watcher.child.kill(signal);
    assert.equal((await watcher.ended).status, 0);
    for (const line of watcher.said.stdout.trimEnd().split("\n")) DOCUMENTS.ps.parse(JSON.parse(line));
  }
});
