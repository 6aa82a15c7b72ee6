/** Makers of events for the model's tests: short where the test cares for one field. */
import type { Attrs, Event, EventType } from "../../src/model/event.ts";

export const T0 = 1_700_000_000_000;

export function event(type: EventType, entity: string, value: string, rest: Partial<Event> = {}): Event {
  return { ts: T0, event_type: type, entity_id: entity, value, ...rest };
}

export function state(pid: number, value: string, attrs: Attrs = {}, rest: Partial<Event> = {}): Event {
  return event("process.state", `pid-${pid}`, value, { pid, attrs, ...rest });
}

export function wait(pid: number, entity: string, kind: string, attrs: Attrs = {}, rest: Partial<Event> = {}): Event {
  return event("process.wait", entity, kind, { pid, attrs, ...rest });
}

export function held(pid: number, entity: string, role: string, attrs: Attrs = {}, rest: Partial<Event> = {}): Event {
  return event("resource.held", entity, role, { pid, attrs, ...rest });
}
