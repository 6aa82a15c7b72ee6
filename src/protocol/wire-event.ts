/** An event as it leaves the process that folded it: the fields of the contract and no other, its host named if known. */
import type { Event } from "../model/event.ts";

/**
 * A sender may put further fields of any depth into an event, which the guard lets pass because nobody reads them.
 * Written out they would cost memory and, nested deeply enough, overflow the stack of JSON.stringify.
 */
export function wireEvent(event: Event, node: string | undefined): Event {
  const { ts, event_type, entity_id, job_id, pid, value, attrs } = event;
  return { ts, event_type, entity_id, job_id, pid, value, node: event.node ?? node, attrs };
}
