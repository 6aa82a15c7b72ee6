/**
 * Placeholders in what a rule says: `{cause}`, `{worker.pid}`, with `{{` for a brace. In a sentence one always has some
 * text to stand for it; in a command only what fits exactly, as one word of the shell, and else there is no command.
 */
import { printable } from "../../lib/text.ts";
import { duration } from "../../views/duration.ts";
import type { Lang } from "../../views/language.ts";
import { nameOfId } from "../../views/names.ts";
import { sentencesOf } from "../../views/sentences/index.ts";
import { PLACEHOLDER } from "../redact/span.ts";
import type { Bindings, Bound } from "./match.ts";
import type { Condition } from "./rule.ts";

/** What can be asked of it: a process's `pid`; a GPU's `index`; a file's `path`; an error's `head` and `text`. */
export const PROPERTIES = ["id", "pid", "comm", "index", "path", "name", "head", "text"] as const;
type Property = (typeof PROPERTIES)[number];

export interface Placeholder {
  name: string;
  property: string | undefined;
  /** Within quotes of the shell, where it must not stand. */
  quoted: boolean;
}

const PARTS = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g;
const NAME = /^([a-z][a-z0-9_]{0,31})(?:\.([a-z]+))?$/;

/** Undefined where a brace stands alone or a name is none. */
export function placeholdersIn(template: string): Placeholder[] | undefined {
  const found: Placeholder[] = [];
  let before = "";
  for (const part of partsOf(template)) {
    if (typeof part === "string") before += part;
    else if (part === null) return undefined;
    else found.push({ ...part, quoted: endsInQuotes(before) });
  }
  return found;
}

/** The names that stand for something whenever the condition holds. */
export function namesBoundBy(condition: Condition): Set<string> {
  const { cause, error, wait, holder, path = [], all = [], any = [], culprit, subject } = condition;
  const people = [condition.process, culprit, subject, condition.involved];
  const own = new Set([
    "process",
    ...Object.entries({ cause, error, culprit, subject }).flatMap(([name, part]) => (part === undefined ? [] : [name])),
    ...(condition.blocked_ms === undefined ? [] : ["blocked"]),
    ...[cause, error, ...people].map((part) => part?.as),
    ...[{ wait, holder }, ...path].flatMap((step) => [step.wait?.as, step.wait?.by?.as, step.holder?.process?.as]),
  ]);
  own.delete(undefined);
  const [first = new Set<string>(), ...others] = any.map(namesBoundBy);
  const inAny = others.reduce((common, each) => common.intersection(each), first);
  return all.map(namesBoundBy).reduce((names, each) => names.union(each), (own as Set<string>).union(inAny));
}

/** How things are called towards the reader. */
export interface Wording {
  lang: Lang;
  names: Readonly<Record<string, string>>;
}

/** Undefined where a name stands for nothing. */
export function sentence(template: string, bindings: Bindings, wording: Wording): string | undefined {
  return filled(template, (name, property) => {
    const bound = bindings.get(name);
    return bound === undefined ? undefined : printable(exact(bound, property) ?? called(bound, wording));
  });
}

/** Null where a name stands for nothing that fits, or for what a command must not hold. */
export function command(template: string, bindings: Bindings): string | null {
  const line = filled(template, (name, property) => {
    const bound = bindings.get(name);
    if (bound === undefined) return undefined;
    const word = exact(bound, property ?? "id");
    return word === undefined || !isFitForShell(word) ? undefined : shellQuoted(word);
  });
  return line === undefined || printable(line) !== line ? null : line;
}

function filled(template: string, fill: (name: string, property: Property | undefined) => string | undefined) {
  let text = "";
  for (const part of partsOf(template)) {
    if (part === null) return undefined;
    const piece = typeof part === "string" ? part : fill(part.name, part.property as Property | undefined);
    if (piece === undefined) return undefined;
    text += piece;
  }
  return text;
}

function* partsOf(template: string): Generator<string | { name: string; property: string | undefined } | null> {
  for (const [part, inner] of template.matchAll(PARTS)) {
    if (part === "{{" || part === "}}") yield part.charAt(0);
    else if (inner !== undefined) {
      const [, name, property] = NAME.exec(inner) ?? [];
      yield name === undefined ? null : { name, property };
    } else yield part === "{" || part === "}" ? null : part;
  }
}

function called(bound: Bound, { lang, names }: Wording): string {
  if (bound.is === "duration") return duration(bound.ms, lang);
  if (bound.is === "thing") return bound.label ?? bound.id;
  const { id, comm } = bound.person;
  return nameOfId(id, { ...names, [id]: comm }, sentencesOf(lang));
}

/** Undefined where it has no such property, or none was asked for. */
function exact(bound: Bound, property: Property | undefined): string | undefined {
  if (property === undefined || bound.is === "duration") return undefined;
  if (bound.is === "process") {
    const { id, pid, comm } = bound.person;
    return property === "pid" ? String(pid) : property === "comm" ? comm : property === "id" ? id : undefined;
  }
  switch (property) {
    case "id":
      return bound.id;
    case "head":
      return bound.head;
    case "text":
      return bound.text === "" ? undefined : bound.text;
    case "index":
      return /^gpu-0*(\d+)/.exec(bound.id)?.[1];
    case "path":
      return pathOf(bound.id, bound.label);
    case "name":
      return nameOf(bound.id, bound.label);
    default:
      return undefined;
  }
}

/** The path of a file, the mount point of a file system. */
function pathOf(id: string, label: string | undefined): string | undefined {
  // Of a remote file system the label tells the server as well: `/data (nas:/export)`.
  const server = id.startsWith("fs:") ? ` (${id.slice("fs:".length)})` : "";
  const path = server !== "" && label?.endsWith(server) ? label.slice(0, -server.length) : label;
  if (path?.startsWith("/")) return path;
  return id.startsWith("fs:/") ? id.slice("fs:".length) : undefined;
}

/** Of an interface or a disk; one in another network namespace cannot be named from here. */
function nameOf(id: string, label: string | undefined): string | undefined {
  const device = /^\/dev\/([\w!-]+)$/.exec(label ?? "")?.[1];
  return device ?? (/^\w[\w.@-]*$/.test(id) ? id : undefined);
}

/** No option in disguise, and nothing that was masked. */
function isFitForShell(word: string): boolean {
  return word !== "" && !word.startsWith("-") && !MASKED.test(word);
}

/** A piece of it was masked, or cut off. */
const MASKED = new RegExp(`${PLACEHOLDER.source}|…`);

function shellQuoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function endsInQuotes(text: string): boolean {
  let quote = "";
  for (let place = 0; place < text.length; place++) {
    const character = text.charAt(place);
    if (character === "\\" && quote !== "'") place++;
    else if (quote === "" && /["'`]/.test(character)) quote = character;
    else if (character === quote) quote = "";
  }
  return quote !== "";
}
