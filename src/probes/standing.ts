/**
 * Conditions that last: told at once, again now and then while they hold, and that they are over. A probe says at each
 * look what holds; what it says when is this file's.
 */
import type { CauseKind } from "../model/cause.ts";
import type { Attrs, Event } from "../model/event.ts";

export interface Trouble {
  type: "error.hw" | "error.net" | "topo.link_down";
  entity: string;
  /** Where it is one process's. */
  pid?: number;
  /** In capitals; with the type and the entity it tells one trouble from another. */
  head: string;
  /** What follows the head in the event's value. */
  more?: string;
  severity: "fault" | "warning";
  /** Where it was read, and what stood there. */
  source: string;
  observed: string;
  /** Told, but nobody is held up by it as far as can be known. */
  isHarmless?: boolean;
  cause?: CauseKind;
  label?: string;
  object?: string;
}

const AGAIN_MS = 30_000;

export class Standing {
  readonly #told = new Map<string, { trouble: Trouble; toldMs: number }>();

  /** All that holds at this moment; what held before and is not among it is over. */
  update(troubles: readonly Trouble[], nowMs: number): Event[] {
    const events: Event[] = [];
    const holding = new Set<string>();
    for (const trouble of troubles) {
      const key = JSON.stringify([trouble.type, trouble.entity, trouble.head]);
      if (holding.has(key)) continue;
      holding.add(key);
      const known = this.#told.get(key);
      // What was observed may hold figures that always change: only another severity or text is news.
      const isNews = known?.trouble.severity !== trouble.severity || known.trouble.more !== trouble.more;
      if (known !== undefined && !isNews && nowMs - known.toldMs < AGAIN_MS) continue;
      this.#told.set(key, { trouble, toldMs: nowMs });
      events.push(eventOf(trouble, nowMs));
    }
    for (const [key, { trouble }] of this.#told) {
      if (holding.has(key)) continue;
      this.#told.delete(key);
      events.push({ ...eventOf(trouble, nowMs), attrs: { ended: true } });
    }
    return events;
  }
}

function eventOf(trouble: Trouble, nowMs: number): Event {
  const { type, entity, pid, head, more, severity, source, observed, isHarmless, cause, label, object } = trouble;
  const attrs: Attrs = { severity, source, observed };
  // An error of scope `process` hits only the process that it names, and this names none.
  if (isHarmless) attrs.scope = "process";
  if (cause !== undefined) attrs.cause = cause;
  if (label !== undefined) attrs.label = label;
  if (object !== undefined) attrs.object = object;
  const value = more === undefined ? head : `${head}:${more}`;
  return { ts: nowMs, event_type: type, entity_id: entity, ...(pid === undefined ? {} : { pid }), value, attrs };
}
