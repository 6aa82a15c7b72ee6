/** What things are called towards a person: a process by its name and pid, a resource by its id. */
import { printable } from "../lib/text.ts";
import { entityKind, readProcessId } from "../model/entity.ts";
import type { Graph } from "../model/graph.ts";
import type { ProcessNode } from "../model/nodes.ts";
import type { Cause } from "../model/why.ts";
import { type Sentences, wordFor } from "./sentences/index.ts";

export function processName(process: ProcessNode, say: Sentences): string {
  return nameOf(process.id, process.comm, say);
}

/** `names`: comm by process id. */
export function nameOfId(id: string, names: Readonly<Record<string, string>>, say: Sentences): string {
  return nameOf(id, wordFor(names, id) ?? "", say);
}

function nameOf(id: string, comm: string, say: Sentences): string {
  const parts = readProcessId(id);
  if (parts === undefined) return printable(id);
  const process = say.names.process(printable(comm), parts.pid);
  const thread = parts.tid === undefined ? process : say.names.thread(process, parts.tid);
  return parts.node === undefined ? thread : say.names.onNode(thread, printable(parts.node));
}

/** The names of all processes that the causes and their chains mention, and of `processes`, by the id they are mentioned by. */
export function namesOf(
  processes: readonly ProcessNode[],
  causes: readonly Cause[],
  graph: Graph,
): Record<string, string> {
  const names: Record<string, string> = {};
  const named = [
    ...processes,
    ...causes.flatMap(({ actor, members }) => (actor === undefined ? members : [actor, ...members])),
  ];
  for (const { id, comm } of named) names[id] = comm;
  for (const { from, to } of causes.flatMap(({ chain }) => chain)) {
    for (const id of [from, to]) {
      const process = Object.hasOwn(names, id) ? undefined : graph.processById(id);
      if (process !== undefined) names[id] = process.comm;
    }
  }
  return names;
}

/** A wait's kind as a predicate: "reads from an empty pipe". Kinds may be new: those are told as they are. */
export function waitWords(kind: string, say: Sentences): string {
  const known = wordFor(say.waits, kind);
  if (known !== undefined) return known;
  const [family, rest] = [entityFamily(kind), printable(kind.slice(kind.indexOf(".") + 1))];
  if (family === "syscall") return say.waitInCall(rest);
  return family === "kernel" ? say.waitInKernel(rest) : say.waitOther(printable(kind));
}

export function roleWord(role: string, say: Sentences): string {
  return wordFor(say.roles, role) ?? printable(role);
}

export function blindSpotText(code: string, say: Sentences): string {
  return wordFor(say.blindSpots, code) ?? say.blindSpotOther(printable(code));
}

/** Ids that say no more than the wait's kind and the waiter do: `sleep:10`. */
const OWN_THINGS: ReadonlySet<string> = new Set([
  "child",
  "children",
  "sleep",
  "poll",
  "select",
  "signal",
  "thread",
  "wait",
]);

/** Whether a person has any use for the id of what is waited for. */
export function isWorthNaming(id: string): boolean {
  return !OWN_THINGS.has(entityKind(id)) && readProcessId(id) === undefined;
}

function entityFamily(kind: string): string {
  return kind.includes(".") ? kind.slice(0, kind.indexOf(".")) : "";
}
