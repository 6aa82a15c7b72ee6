/** The newest events, bounded by number and by bytes: what the `events` method answers from, live or replayed. */
import type { Event, EventType } from "../model/event.ts";
import { wireEvent } from "./wire-event.ts";

export interface EventFilter {
  type?: EventType;
  pid?: number;
}

export const MAX_RECENT_EVENTS = 10_000;
const MAX_BYTES = 8 * 1024 * 1024;
const DEFAULT_LIMIT = 1_000;

/** A parsed event's own share of the heap: the object, its fields, the heads of its strings. */
const EVENT_BYTES = 192;
const ATTR_BYTES = 24;

export class RecentEvents {
  readonly #node: string | undefined;
  readonly #events: (Event | undefined)[] = Array.from({ length: MAX_RECENT_EVENTS });
  readonly #bytesOf = new Uint32Array(MAX_RECENT_EVENTS);
  #oldest = 0;
  #count = 0;
  #bytes = 0;

  /** `node` is the host of the events that name none, where it is known. */
  constructor(node: string | undefined) {
    this.#node = node;
  }

  push(events: readonly Event[]): void {
    for (let at = Math.max(0, events.length - MAX_RECENT_EVENTS); at < events.length; at++)
      this.#add(events[at] as Event);
  }

  /** Newest last, ready for the wire. */
  select(filter: EventFilter, limit: number = DEFAULT_LIMIT): Event[] {
    const found: Event[] = [];
    for (let age = this.#count - 1; age >= 0 && found.length < limit; age--) {
      const event = this.#events[(this.#oldest + age) % MAX_RECENT_EVENTS] as Event;
      if (matches(event, filter)) found.push(wireEvent(event, this.#node));
    }
    return found.reverse();
  }

  #add(event: Event): void {
    let kept = event;
    let bytes = sizeOf(event);
    if (bytes === undefined) {
      kept = wireEvent(event, this.#node);
      bytes = sizeOf(kept) as number;
    }
    while (this.#count > 0 && (this.#count === MAX_RECENT_EVENTS || this.#bytes + bytes > MAX_BYTES))
      this.#dropOldest();
    const place = (this.#oldest + this.#count) % MAX_RECENT_EVENTS;
    this.#events[place] = kept;
    this.#bytesOf[place] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  #dropOldest(): void {
    this.#bytes -= this.#bytesOf[this.#oldest] as number;
    this.#events[this.#oldest] = undefined;
    this.#oldest = (this.#oldest + 1) % MAX_RECENT_EVENTS;
    this.#count--;
  }
}

export function matches(event: Event, { type, pid }: EventFilter): boolean {
  return (type === undefined || event.event_type === type) && (pid === undefined || event.pid === pid);
}

/** About how much memory it holds; undefined where it carries an object that is not its own. */
function sizeOf(event: Event): number | undefined {
  let bytes = EVENT_BYTES;
  for (const key in event) {
    const value = event[key as keyof Event];
    if (typeof value === "string") bytes += 2 * value.length;
    else if (typeof value === "object" && value !== null) {
      if (key !== "attrs") return undefined;
      for (const name in value) {
        const attr = value[name];
        bytes += ATTR_BYTES + 2 * name.length + (typeof attr === "string" ? 2 * attr.length : 0);
      }
    }
  }
  return bytes;
}
