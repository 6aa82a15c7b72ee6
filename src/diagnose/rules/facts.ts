/** The case as rules see it: processes by their ids, the chain's hops, and the errors that hit what the chain leads over. */
import { readProcessId, threadId } from "../../model/entity.ts";
import type { Event } from "../../model/event.ts";
import type { Hop, ProcessRow, RootCause } from "../../model/documents.ts";
import type { CaseFile } from "../case.ts";

/** A process as a rule may ask about it. */
export interface Person {
  id: string;
  pid: number;
  comm: string;
  row: ProcessRow | undefined;
}

export interface KnownError {
  entity: string;
  type: string;
  head: string;
  /** What stands behind the head. */
  text: string;
  label: string | undefined;
}

/** As long as the graph keeps an error; docs/events.md. */
const ERROR_LIFE_MS = 300_000;
/** One process's error has that process behind the head. */
const ERROR_ID = /^error:(.+):(error\.hw|error\.net|topo\.link_down):([^:]*)(?::(?:.+\/)?pid-\d+)?$/;
const ERROR_TYPES: ReadonlySet<string> = new Set(["error.hw", "error.net", "topo.link_down"]);

export class Facts {
  readonly file: CaseFile;
  /** The best root cause. */
  readonly cause: RootCause | undefined;
  readonly asked: Person;
  #errors: KnownError[] | undefined;

  constructor(file: CaseFile) {
    this.file = file;
    this.cause = file.why.root_causes[0];
    const { pid, node, comm } = file.why.process;
    const remote = `${node}/pid-${pid}`;
    const id = Object.hasOwn(file.why.names, remote) ? remote : `pid-${pid}`;
    this.asked = this.person(id) ?? { id, pid, comm, row: undefined };
  }

  get chain(): readonly Hop[] {
    return this.file.why.chain;
  }

  /** The process of an id, or of a thread's; undefined where the id is none. */
  person(id: string): Person | undefined {
    const parts = readProcessId(id);
    if (parts === undefined) return undefined;
    const { pid, tid, node } = parts;
    const own = tid === undefined ? id : id.slice(0, -threadId("", tid).length);
    const { names, process } = this.file.why;
    const home = node ?? (Object.hasOwn(names, `${process.node}/pid-${process.pid}`) ? undefined : process.node);
    const row = this.file.processes.find((each) => each.pid === pid && (home === undefined || each.node === home));
    const named = Object.hasOwn(names, own) ? names[own] : undefined;
    return { id: own, pid, comm: named ?? row?.comm ?? "", row };
  }

  /** Who must act; undefined where nobody can. */
  get culprit(): Person | undefined {
    return this.cause?.pid === undefined ? undefined : this.#byPid(this.cause.pid);
  }

  /** Whom the cause is about. */
  get subject(): Person | undefined {
    const pid = this.cause?.pids[0];
    return pid === undefined ? undefined : this.#byPid(pid);
  }

  /** All whom the chain and the best cause mention, the nearest first. */
  get involved(): Person[] {
    const ids = this.chain.flatMap(({ from, to }) => [from, to]);
    const people = [this.asked, ...ids.flatMap((id) => this.person(id) ?? []), this.subject, this.culprit];
    const seen = new Map<string, Person>();
    for (const person of people) if (person !== undefined && !seen.has(person.id)) seen.set(person.id, person);
    return [...seen.values()];
  }

  /** Those that hold up what the cause lies with or what the chain leads over. */
  get errors(): readonly KnownError[] {
    return (this.#errors ??= [...this.#errorsOnChain(), ...this.#errorsTold()]);
  }

  /** What a person calls it; where the chain does not lead over it, as an error on it does. */
  labelOf(id: string): string | undefined {
    const onChain = this.chain.find(({ to, label }) => to === id && label !== undefined);
    return onChain?.label ?? this.#errorsOnChain().find(({ entity }) => entity === id)?.label;
  }

  /** A cause tells a pid only: the chain and the names know whose, unless two hosts have it. */
  #byPid(pid: number): Person | undefined {
    const entity = this.cause?.entity_id ?? "";
    const ids = [entity, ...Object.keys(this.file.why.names)].filter((id) => {
      const parts = readProcessId(id);
      return parts?.pid === pid && parts.tid === undefined;
    });
    const [first] = ids;
    const isOne = first !== undefined && (first === entity || new Set(ids).size === 1);
    return isOne ? this.person(first) : undefined;
  }

  #errorsOnChain(): KnownError[] {
    return this.chain.flatMap(({ edge, to, detail, label }) => {
      const error = edge === "blocked_by" ? readErrorId(to) : undefined;
      return error === undefined ? [] : [{ ...error, text: textBehind(detail), label }];
    });
  }

  /** Newest first: the first one of a head says how it stands. */
  #errorsTold(): KnownError[] {
    const places = new Set([this.cause?.entity_id, ...this.chain.flatMap(({ from, to }) => [from, to])]);
    const told = new Map<string, Event>();
    for (const event of this.file.events) {
      if (!ERROR_TYPES.has(event.event_type) || !places.has(event.entity_id)) continue;
      const key = `${event.entity_id} ${event.event_type} ${headOf(event.value)}`;
      if (!told.has(key)) told.set(key, event);
    }
    return [...told.values()]
      .filter((event) => this.#stillHits(event))
      .map(({ entity_id: entity, event_type: type, value, attrs }) => ({
        entity,
        type,
        head: headOf(value),
        text: textBehind(value),
        label: typeof attrs?.label === "string" ? attrs.label : undefined,
      }));
  }

  #stillHits({ ts, pid, attrs }: Event): boolean {
    if (attrs?.ended === true || this.file.asked_ms - ts > ERROR_LIFE_MS) return false;
    // A warning that is a cause stands in the chain; another is none of this process's.
    if (attrs?.severity === "warning") return false;
    return attrs?.scope !== "process" || this.involved.some((person) => person.pid === pid);
  }
}

/** The id that the graph gives an error. */
export function readErrorId(id: string): Pick<KnownError, "entity" | "type" | "head"> | undefined {
  const [, entity, type, head] = ERROR_ID.exec(id) ?? [];
  return entity === undefined || type === undefined || head === undefined ? undefined : { entity, type, head };
}

function headOf(value: string): string {
  return value.split(":", 1)[0] ?? "";
}

function textBehind(value: string): string {
  const colon = value.indexOf(":");
  return colon < 0 ? "" : value.slice(colon + 1).trim();
}
