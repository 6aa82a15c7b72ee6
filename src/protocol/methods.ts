/**
 * The methods of the daemon's API: what each takes, checked by the daemon, and what each returns.
 *
 * Clients import the types only: loading zod would cost a command more time than its question does.
 */
import { z } from "zod";
import { EVENT_TYPES, REJECTIONS } from "../model/event.ts";
import { MAX_RECENT_EVENTS } from "./recent-events.ts";
import type {
  EventsDocument,
  PsDocument,
  StatusDocument,
  WhyAllDocument,
  WhyDocument,
  WhyJobDocument,
} from "../model/documents.ts";

/** Of one `emit` call. */
const MAX_EMIT_EVENTS = 1000;

const MAX_FLIGHT_RECORDS = 4096;

const pid = z.int().positive();
const job = z.string().max(1024);
const count = z.int().nonnegative();
const flightRecord = z.strictObject({
  rank: count,
  source: z.string().max(4096),
  groups: z
    .array(
      z.strictObject({
        name: z.string().max(256),
        entered: count,
        operations: z.array(z.tuple([count, z.string().max(256)])).max(1024),
      }),
    )
    .max(256),
});

export const METHODS = {
  ping: z.strictObject({}),
  ps: z.strictObject({ all: z.boolean().optional(), job: job.optional() }),
  why: z
    .strictObject({
      pid: pid.optional(),
      /** The host that `pid` is on; without it, the daemon's own. */
      node: z.string().max(255).optional(),
      job: job.optional(),
      /** With pid or job: what PyTorch's flight recorders wrote of the job. */
      flight: z.array(flightRecord).max(MAX_FLIGHT_RECORDS).optional(),
      /** Without pid and job: the harmless waits as well. */
      all: z.boolean().optional(),
      lang: z.enum(["en", "zh"]).optional(),
    })
    .refine(({ pid: ofPid, job: ofJob }) => ofPid === undefined || ofJob === undefined, "either pid or job")
    .refine(
      ({ flight, pid: ofPid, job: ofJob }) => flight === undefined || (ofPid ?? ofJob) !== undefined,
      "flight goes with pid or job",
    )
    .refine(({ pid: ofPid, node }) => node === undefined || ofPid !== undefined, "node goes with pid"),
  events: z.strictObject({
    type: z.enum(EVENT_TYPES).optional(),
    pid: pid.optional(),
    /** At most so many, the newest. */
    limit: z.int().positive().max(MAX_RECENT_EVENTS).optional(),
  }),
  emit: z.strictObject({
    events: z.array(z.unknown()).max(MAX_EMIT_EVENTS),
    /** What the sender refused before it came here, by reason: for `status` to show. */
    rejected: z.partialRecord(z.enum(REJECTIONS), count).optional(),
  }),
  status: z.strictObject({}),
} as const;

export type MethodName = keyof typeof METHODS;
export type Params<M extends MethodName> = z.input<(typeof METHODS)[M]>;

export interface Results {
  ping: { version: string; node: string };
  ps: PsDocument;
  why: WhyDocument | WhyAllDocument | WhyJobDocument;
  events: EventsDocument;
  emit: EmitResult;
  status: StatusResult;
}

export interface EmitResult {
  accepted: number;
  rejected: Record<string, number>;
}

export interface StatusResult extends StatusDocument {
  /** Where events are written to; null without `--record`. */
  recording: RecordingStatus | null;
}

export interface RecordingStatus {
  file: string;
  written: number;
  /** Events that the disk was too slow for, or failed to take. */
  dropped: number;
  error: string | null;
}
