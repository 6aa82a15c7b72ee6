/** The documents of the contract as schemas, so that an agent knows them before it asks. They may grow: so none is strict. */
import { z } from "zod";
import type { ProbeStatus, ProcessRow, RootCause } from "../../model/documents.ts";
import type { Event } from "../../model/event.ts";

const text = z.string();
/** Not `z.int()`, which writes its bounds into the schema wherever it stands: agents pay for each word of it. */
const number = z.number();
/** Not an enumeration: a daemon that is newer may know more. */
const oneOf = (...words: string[]) => z.string().describe(`one of: ${words.join(", ")}`);
const certainty = oneOf("observed", "derived", "inferred", "unknown");
const blockedMs = number.nullable().describe("how long it has made no progress; null where it is not blocked");
const verdict = oneOf("blocked", "stopped", "starved", "running", "idle", "exited", "unknown");

const jobRole = oneOf("rank", "helper", "launcher");

const row: z.ZodType<ProcessRow> = z.looseObject({
  node: text,
  pid: number,
  start_ms: number.nullable(),
  comm: text,
  cmdline: text,
  job_id: text.nullable(),
  rank: number.nullable(),
  local_rank: number.nullable(),
  job_role: jobRole.nullable(),
  state: text,
  resources: z.array(text),
  waits: z.array(z.looseObject({ entity_id: text, kind: text, tid: number, since_ms: number })),
  blocked_ms: blockedMs,
});

export const psShape = z.looseObject({
  processes: z.array(row),
  now_ms: number.optional(),
  stale_resources: z.array(text).optional(),
  left_out: z.looseObject({ processes: number }),
});

const rootCause = z.looseObject({
  kind: text.describe("its meaning: resource xctl://causes"),
  entity_id: text,
  pid: number.optional().describe("the process that must act for the wait to end"),
  pids: z.array(number),
  tids: z.array(number),
  confidence: number.describe("0 to 1"),
  certainty,
  summary: text,
  evidence: z.array(z.looseObject({ source: text, observed: text })),
  advice: z.array(z.looseObject({ text, command: text.nullable(), risk: oneOf("safe", "disruptive", "destructive") })),
}) satisfies z.ZodType<Omit<RootCause, "kind" | "certainty" | "advice">>;

const hop = z.looseObject({
  from: text,
  edge: oneOf("waits_on", "held_by", "consumes", "blocked_by"),
  to: text,
  detail: text,
  certainty,
  label: text.optional(),
});

/** A tool has one output schema, of an object; these are three documents, told apart by `schema`. */
export const whyShape = z.looseObject({
  schema: oneOf("xctl.why/1 (with pid)", "xctl.why-job/1 (with job)", "xctl.why-all/1 (with neither)"),
  process: z
    .looseObject({
      node: text,
      pid: number,
      start_ms: number.nullable(),
      comm: text,
      cmdline: text,
      state: text,
      job_id: text.nullable(),
      rank: number.nullable(),
      job_role: jobRole.nullable(),
      flight_record: text.nullable(),
      container: text.nullable(),
      ended: text.nullable().describe("how it ended, of an exited one"),
    })
    .optional()
    .describe("why/1"),
  verdict: verdict.optional(),
  blocked_ms: blockedMs.optional(),
  chain: z.array(hop).optional().describe("why/1: from the process down to its root cause"),
  job_id: text.optional().describe("why-job/1"),
  ranks: z
    .array(
      z.looseObject({
        rank: number.nullable(),
        pid: number,
        node: text,
        verdict,
        blocked_ms: blockedMs,
        standing: text,
        flight_record: text.nullable(),
      }),
    )
    .optional()
    .describe("why-job/1"),
  root_causes: z.array(rootCause).optional().describe("why/1, why-job/1: best first"),
  groups: z
    .array(
      z.looseObject({
        root_cause: rootCause,
        victims: z.array(z.looseObject({ pid: number, comm: text, job_id: text.nullable(), blocked_ms: blockedMs })),
      }),
    )
    .optional()
    .describe("why-all/1: who is stuck, by root cause"),
  blind_spots: z.array(text).describe("what could not be seen"),
  names: z.record(text, text).describe("names of processes by id"),
  left_out: z.record(text, number),
});

const event: z.ZodType<Omit<Event, "event_type">> = z.looseObject({
  ts: number.describe("milliseconds since the Unix epoch"),
  event_type: text,
  entity_id: text,
  job_id: text.nullable().optional(),
  pid: number.nullable().optional(),
  value: text,
  node: text.optional(),
  attrs: z.record(text, z.union([text, number, z.boolean()])).optional(),
});

export const eventsShape = z.looseObject({
  events: z.array(event).describe("newest last"),
  left_out: z.looseObject({ events: number }),
});

const probe = z.looseObject({
  name: text,
  state: oneOf("starting", "running", "waiting", "failed", "stopped"),
  pid: number.nullable(),
  restarts: number,
  events: number,
  rejected: number,
  last_error: text.nullable(),
}) satisfies z.ZodType<Omit<ProbeStatus, "state">>;

const counts = z.record(text, number);

export const statusShape = z.looseObject({
  version: text,
  node: text,
  uptime_ms: number,
  rss_bytes: number,
  events: counts,
  rejections: counts,
  graph: z.looseObject({ processes: number, resources: number, errors: number, edges: counts }),
  sampler: z
    .looseObject({
      backend: text,
      reason: text.nullable(),
      interval_ms: number,
      tasks: number,
      last_ms: number,
    })
    .nullable(),
  probes: z.array(probe),
  recording: z
    .looseObject({ file: text, written: number, dropped: number, error: text.nullable() })
    .nullable()
    .optional(),
});

export const doctorShape = z.looseObject({
  checks: z.array(
    z.looseObject({
      name: text,
      ok: z.boolean(),
      detail: text,
      enable: text.nullable().describe("the command that would enable it"),
    }),
  ),
});
