/**
 * The facts that stand, by the thread whose look found them, and the events that bring others to the same knowledge:
 * new facts told, vanished ones ended, standing ones told again before others stop believing them.
 * It does not look anything up.
 */
import type { Event } from "../../model/event.ts";
import type { Fact } from "./fact.ts";

interface Entry {
  facts: Map<string, Fact>;
  toldMs: number;
  isConfirmed: boolean;
}

/**
 * The graph believes a wait for four of its longest silences, at least ten seconds (model/graph.ts): so it is told again
 * soon at first, and may then be told less often, which is most of what many standing waits cost.
 */
const FIRST_CONFIRM_MS = 5000;
const CONFIRM_MS = 12_000;

export class FactBook {
  readonly #entries = new Map<string, Entry>();
  /** How many entries hold each fact: two readers of one pipe share its writer. */
  readonly #holders = new Map<string, number>();

  /** What is known by `finder` is now `facts`, all of them told: the events to send. */
  replace(finder: string, facts: readonly Fact[], nowMs: number): Event[] {
    const before = this.#entries.get(finder)?.facts;
    const after = new Map(facts.map((fact) => [keyOf(fact), fact]));
    if (after.size > 0) this.#entries.set(finder, { facts: after, toldMs: nowMs, isConfirmed: false });
    else this.#entries.delete(finder);
    for (const key of after.keys()) if (!before?.has(key)) this.#holders.set(key, (this.#holders.get(key) ?? 0) + 1);
    const ends: Event[] = [];
    for (const [key, fact] of before ?? []) {
      if (!after.has(key) && this.#release(key)) ends.push(endOf(fact, nowMs));
    }
    return [...ends, ...tell(after.values(), nowMs)];
  }

  forget(finder: string, nowMs: number): Event[] {
    return this.replace(finder, [], nowMs);
  }

  /** Every fact that was not told for a while, told again; some at a time, as they may be many. */
  *confirm(nowMs: number): Iterable<Event[]> {
    for (const entry of this.#entries.values()) {
      if (nowMs - entry.toldMs < (entry.isConfirmed ? CONFIRM_MS : FIRST_CONFIRM_MS)) continue;
      entry.toldMs = nowMs;
      entry.isConfirmed = true;
      yield tell(entry.facts.values(), nowMs);
    }
  }

  /** True where nobody else knows the fact. */
  #release(key: string): boolean {
    const left = (this.#holders.get(key) ?? 1) - 1;
    if (left > 0) this.#holders.set(key, left);
    else this.#holders.delete(key);
    return left <= 0;
  }
}

/** Two facts with the same key are the same edge of the graph. */
function keyOf(fact: Fact): string {
  const tid = fact.type === "wait" ? fact.tid : fact.attrs.tid;
  return `${fact.type} ${fact.pid} ${tid ?? ""} ${fact.entity}`;
}

function tell(facts: Iterable<Fact>, nowMs: number): Event[] {
  return Array.from(facts, (fact) => ({
    ts: nowMs,
    event_type: typeOf(fact),
    entity_id: fact.entity,
    pid: fact.pid,
    value: fact.type === "wait" ? fact.kind : fact.role,
    attrs: fact.attrs,
  }));
}

function endOf(fact: Fact, nowMs: number): Event {
  const event: Event = { ts: nowMs, event_type: typeOf(fact), entity_id: fact.entity, pid: fact.pid, value: "end" };
  const tid = fact.type === "wait" ? fact.tid : fact.attrs.tid;
  return tid === undefined ? event : { ...event, attrs: { tid } };
}

function typeOf(fact: Fact): "process.wait" | "resource.held" {
  return fact.type === "wait" ? "process.wait" : "resource.held";
}
