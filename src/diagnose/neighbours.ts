/** Which processes and events belong to a case: those that the chain and the causes mention, then who is next to them. */
import { processId, readProcessId } from "../model/entity.ts";
import type { ProcessRow, WhyDocument } from "../model/documents.ts";
import type { Event } from "../model/event.ts";
import type { CaseSource } from "./case.ts";

export interface Neighbours {
  /** The asked one first, then as the chain names them. */
  involved: ProcessRow[];
  /** Parents and children of those. */
  relatives: ProcessRow[];
  /** Errors and actions, newest first. */
  events: Event[];
  /** The id that the documents use for a process: with its node where that is not the local one. */
  idOf(row: ProcessRow): string;
}

export function neighboursOf(source: CaseSource): Neighbours {
  const { why, processes } = source;
  const idOf = namerFor(why, processes);
  const rows = new Map(processes.map((row) => [idOf(row), row]));
  const mentioned = mentionedIn(why);
  const involved = [...mentioned].flatMap((id) => rows.get(processOf(id)) ?? []);
  const known = new Set(involved);
  const things = new Set([...mentioned, ...[...known].flatMap(thingsOf), ...[...known].map(idOf)]);
  return {
    involved: [...known],
    relatives: relativesOf(known, source),
    events: eventsOf(source, things, known),
    idOf,
  };
}

/** In the order of the chain: the nearest first. */
export function mentionedIn(why: WhyDocument): Set<string> {
  return new Set([
    askedId(why),
    ...why.chain.flatMap(({ from, to }) => [from, to]),
    ...why.root_causes.map(({ entity_id }) => entity_id),
    ...Object.keys(why.names),
  ]);
}

function askedId({ process: { pid, node }, names }: WhyDocument): string {
  const remote = processId(pid, node);
  return Object.hasOwn(names, remote) ? remote : processId(pid);
}

/** Ids of the asked process's own host carry no node where it is the local one. */
function namerFor(why: WhyDocument, processes: readonly ProcessRow[]): (row: ProcessRow) => string {
  const isLocal = readProcessId(askedId(why))?.node === undefined;
  const nodes = new Set(processes.map(({ node }) => node));
  const named = new Set([...mentionedIn(why)].flatMap((id) => readProcessId(id)?.node ?? []));
  const local = isLocal ? why.process.node : [...nodes].find((node) => node !== why.process.node && !named.has(node));
  return ({ pid, node }) => processId(pid, node === local || node === "" ? undefined : node);
}

function processOf(id: string): string {
  const parts = readProcessId(id);
  return parts === undefined ? id : processId(parts.pid, parts.node);
}

function thingsOf({ resources, waits }: ProcessRow): string[] {
  return [...resources, ...waits.map(({ entity_id }) => entity_id)];
}

/** By what the events tell of each one's parent; the chain's own processes are not repeated. */
function relativesOf(involved: ReadonlySet<ProcessRow>, { processes, events }: CaseSource): ProcessRow[] {
  const parentOf = new Map<string, string>();
  for (const { event_type, pid, node, attrs } of events) {
    if (event_type !== "process.state" || typeof pid !== "number" || typeof attrs?.ppid !== "number") continue;
    parentOf.set(keyOf({ node, pid }), keyOf({ node, pid: attrs.ppid }));
  }
  const own = new Set([...involved].map(keyOf));
  const parents = new Set([...own].flatMap((key) => parentOf.get(key) ?? []));
  return processes.filter((row) => {
    const key = keyOf(row);
    return !own.has(key) && (parents.has(key) || own.has(parentOf.get(key) ?? ""));
  });
}

function keyOf({ node, pid }: { node?: string | undefined; pid: number }): string {
  return `${node ?? ""}/${pid}`;
}

function eventsOf({ events }: CaseSource, things: ReadonlySet<string>, involved: ReadonlySet<ProcessRow>): Event[] {
  const processes = new Set([...involved].map(keyOf));
  const pids = new Set([...involved].map(({ pid }) => pid));
  return events
    .filter(({ event_type, entity_id, pid, node }) => {
      if (!isErrorOrAction(event_type)) return false;
      if (things.has(entity_id) || things.has(processOf(entity_id))) return true;
      if (typeof pid !== "number") return false;
      return node === undefined ? pids.has(pid) : processes.has(keyOf({ node, pid }));
    })
    .toReversed();
}

function isErrorOrAction(type: Event["event_type"]): boolean {
  return type.startsWith("error.") || type === "topo.link_down" || type === "action.exec";
}
