/**
 * What the kernel log has said of the cards: work that hung, told of the process whose it was; and cards that are being
 * reset, or did not come back, for as long as that lasts. Records in, events and lasting troubles out.
 */
import type { GpuLogRecord } from "../../kernel/gpu-log.ts";
import type { DrmCard } from "../../kernel/drm.ts";
import { gpuId } from "../../model/entity.ts";
import type { Event } from "../../model/event.ts";
import type { Trouble } from "../standing.ts";
import { labelOf } from "./troubles.ts";

/** When a record was made, of the clock of the events; and how long ago. */
export interface LogTime {
  atMs: number;
  ageMs: number;
}

/** What was over before that is not told (any more). */
const MAX_AGE_MS = 60_000;
/** amdgpu names the process in the next record. */
const NEXT_RECORD_MS = 1000;
/** A reset takes seconds; one of which no end was logged has ended somehow. */
const LONGEST_RESET_MS = 120_000;
const MAX_TEXT = 240;

interface State {
  /** The card is being reset, or the driver failed to bring it back. */
  trouble?: { head: Head; record: GpuLogRecord; untilMs: number };
  /** A hang or fault whose process is not known yet. */
  pending?: GpuLogRecord;
}

type Head = "GPU_RESET" | "WAS_RESET" | "RESET_FAILED" | "WEDGED" | "GPU_LOST";
const LASTING = { reset_failed: "RESET_FAILED", wedged: "WEDGED", lost: "GPU_LOST" } as const;
const OF_PROCESS = { hang: "GPU_HANG", page_fault: "PAGE_FAULT" } as const;

export class LogBook {
  readonly #states = new Map<string, State>();

  /** The events to tell at once. `processOf`: the process that the log's number meant when the record was made. */
  take(
    record: GpuLogRecord,
    card: DrmCard,
    time: LogTime,
    processOf: (record: GpuLogRecord) => number | undefined,
  ): Event[] {
    const state = this.#states.get(card.name) ?? {};
    this.#states.set(card.name, state);
    switch (record.kind) {
      case "loaded":
        this.#states.delete(card.name);
        return [];
      case "hang":
      case "page_fault":
        if (record.pid === undefined) state.pending = record;
        return record.pid === undefined ? [] : hangEvents(card, record, record, time, processOf);
      case "process": {
        const { pending } = state;
        delete state.pending;
        const fits = pending !== undefined && record.atMs - pending.atMs <= NEXT_RECORD_MS;
        return fits ? hangEvents(card, pending, record, time, processOf) : [];
      }
      case "reset_begun":
        state.trouble = { head: "GPU_RESET", record, untilMs: time.atMs + LONGEST_RESET_MS };
        return [];
      case "reset_done":
        // The card works again, but what was on it is gone: whoever waits for that waits for ever.
        state.trouble = { head: "WAS_RESET", record, untilMs: time.atMs + MAX_AGE_MS };
        return [];
      default:
        state.trouble = { head: LASTING[record.kind], record, untilMs: Number.POSITIVE_INFINITY };
        return [];
    }
  }

  /** What lasts. */
  troubles(cards: readonly DrmCard[], nowMs: number): Trouble[] {
    return cards.flatMap((card) => {
      const trouble = this.#states.get(card.name)?.trouble;
      if (trouble === undefined || nowMs >= trouble.untilMs) return [];
      return {
        type: "error.hw",
        entity: gpuId(card.name),
        head: trouble.head,
        severity: trouble.head === "WAS_RESET" ? "warning" : "fault",
        source: "/dev/kmsg",
        observed: trouble.record.text.slice(0, MAX_TEXT).toWellFormed(),
        label: labelOf(card),
      };
    });
  }
}

function hangEvents(
  card: DrmCard,
  { kind, text }: GpuLogRecord,
  named: GpuLogRecord,
  { atMs, ageMs }: LogTime,
  processOf: (record: GpuLogRecord) => number | undefined,
): Event[] {
  if (ageMs > MAX_AGE_MS) return [];
  const pid = processOf(named);
  if (pid === undefined) return [];
  const attrs = { ...evidence(card, text), severity: "fault", scope: "process" };
  const head = OF_PROCESS[kind as keyof typeof OF_PROCESS];
  return [{ ts: atMs, event_type: "error.hw", entity_id: gpuId(card.name), pid, value: head, attrs }];
}

function evidence(card: DrmCard, text: string) {
  return { source: "/dev/kmsg", observed: text.slice(0, MAX_TEXT).toWellFormed(), label: labelOf(card) };
}
