/** Tells faults as events: at once when first seen, again every half minute while they last, and that they are over. */
import type { Attrs, Event } from "../../model/event.ts";
import type { StorageErrorHead } from "../../model/storage-errors.ts";

export interface Fault {
  entity: string;
  /** `FS_FULL`: with the entity, and the process, which fault it is. */
  head: StorageErrorHead;
  words: string;
  /** A cause only for those that wait on the very device. */
  isWarning?: boolean;
  /** The kind of root cause, where it is not `storage.error`. */
  cause?: "storage.slow";
  /** It hits this process, and no other by this telling. */
  pid?: number;
  label: string;
  /** What the advice acts on. */
  object?: string;
  source: string;
  observed: string;
}

const TELL_AGAIN_MS = 30_000;
const MAX_FAULTS = 1024;
const MAX_WORDS = 240;

export class FaultBook {
  readonly #told = new Map<string, { fault: Fault; atMs: number }>();

  /** `current`: all that there are now. The processes' are ended before what they are part of. */
  tell(current: readonly Fault[], nowMs: number): Event[] {
    const events: Event[] = [];
    const present = new Set<string>();
    for (const fault of current) {
      const key = keyOf(fault);
      if (present.has(key)) continue;
      const told = this.#told.get(key);
      if (told === undefined && this.#told.size >= MAX_FAULTS) continue;
      present.add(key);
      if (told !== undefined && nowMs - told.atMs < TELL_AGAIN_MS) continue;
      this.#told.set(key, { fault, atMs: nowMs });
      events.push(eventOf(fault, nowMs));
    }
    return [...this.#ends(present, nowMs), ...events];
  }

  #ends(present: ReadonlySet<string>, nowMs: number): Event[] {
    const over = [...this.#told].filter(([key]) => !present.has(key));
    for (const [key] of over) this.#told.delete(key);
    const ofProcesses = over.filter(([, { fault }]) => fault.pid !== undefined);
    const others = over.filter(([, { fault }]) => fault.pid === undefined);
    return [...ofProcesses, ...others].map(([, { fault }]) => eventOf(fault, nowMs, true));
  }
}

function eventOf(fault: Fault, ts: number, ended = false): Event {
  const { entity, head, words, pid } = fault;
  const attrs: Attrs = {
    source: fault.source,
    observed: fault.observed.slice(0, MAX_WORDS).toWellFormed(),
    severity: fault.isWarning === true ? "warning" : "fault",
    label: fault.label.slice(0, MAX_WORDS).toWellFormed(),
    certainty: pid === undefined ? "observed" : "derived",
  };
  if (fault.cause !== undefined) attrs.cause = fault.cause;
  if (fault.object !== undefined) attrs.object = fault.object;
  if (pid !== undefined) attrs.scope = "process";
  if (ended) attrs.ended = true;
  const value = words === "" ? head : `${head}:${words.slice(0, MAX_WORDS).toWellFormed()}`;
  return { ts, event_type: "error.hw", entity_id: entity, value, attrs, ...(pid === undefined ? {} : { pid }) };
}

function keyOf({ entity, head, pid }: Fault): string {
  return `${head} ${pid ?? ""} ${entity}`;
}
