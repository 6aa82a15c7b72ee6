/**
 * What a probe has told of waits and holders lately, so that what is still open ends with the probe: nobody else would
 * say so. Bounded; what was told before that and never confirmed ends by the graph's own time-out.
 */
import type { Attrs, Event } from "../model/event.ts";

const MAX_TOLD = 16_384;

export class OpenFacts {
  /** The last ones told, a ring: a small object each, where keeping books of who waits for what would cost a look-up. */
  readonly #told: Told[] = [];
  #next = 0;

  /** Runs for every event of every probe. */
  note(events: readonly Event[]): void {
    for (const event of events) {
      if (event.event_type !== "process.wait" && event.event_type !== "resource.held") continue;
      this.#told[this.#next] = toldBy(event);
      this.#next = (this.#next + 1) % MAX_TOLD;
    }
  }

  /** The events that end all that is open; nothing is open afterwards. */
  endAll(nowMs: number): Event[] {
    const open = new Map<string, Told>();
    for (const told of [...this.#told.slice(this.#next), ...this.#told.slice(0, this.#next)]) {
      const { ends, ...fact } = told;
      const key = JSON.stringify(fact);
      if (ends) open.delete(key);
      else open.set(key, told);
    }
    this.#told.length = 0;
    this.#next = 0;
    return Array.from(open.values(), (told) => endOf(told, nowMs));
  }
}

/** What an event says of who waits or holds, without the rest of it. */
interface Told {
  event_type: Event["event_type"];
  entity_id: string;
  pid: number | null | undefined;
  node: string | undefined;
  tid: Attrs[string] | undefined;
  ends: boolean;
}

function toldBy({ event_type, entity_id, pid, node, attrs, value }: Event): Told {
  return { event_type, entity_id, pid, node, tid: attrs?.tid, ends: value === "end" };
}

function endOf({ event_type, entity_id, pid, node, tid }: Told, nowMs: number): Event {
  const end: Event = { ts: nowMs, event_type, entity_id, pid, value: "end" };
  if (node !== undefined) end.node = node;
  if (tid !== undefined) end.attrs = { tid };
  return end;
}
