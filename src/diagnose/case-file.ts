/** What leaves the machine: the answer and what surrounds it, masked, within a budget of tokens. */
import type { ProbeStatus, ProcessRow, WhyDocument } from "../model/documents.ts";
import type { Event } from "../model/event.ts";
import type { CaseFile, CaseSource } from "./case.ts";
import { caseText, roughTokens } from "./case-text.ts";
import { Mask, type Bound } from "./masked.ts";
import { mentionedIn, neighboursOf, type Neighbours } from "./neighbours.ts";
import { Redactor } from "./redact/redactor.ts";

export interface CaseOptions {
  /** Also masks addresses and names of hosts. */
  strict: boolean;
  /** Of the case as text. */
  maxTokens: number;
}

export interface MaskedCase {
  file: CaseFile;
  /** A report's text with the addresses, hosts and folders that the user knows; secrets stay masked. */
  restore(text: string): string;
}

/**
 * The asked process, the chain and the best cause are always there. Where even they do not fit, their texts are cut
 * shorter, and then the chain's middle goes.
 */
export function maskedCase(source: CaseSource, { strict, maxTokens }: CaseOptions): MaskedCase {
  const redactor = new Redactor({ strict });
  const all = neighboursOf(source);
  const around = nearest(all, maxTokens);
  learn(redactor, source, around);
  const { mask, why } = core({ ...source.why, chain: ends(source.why.chain, MAX_HOPS) }, redactor, maxTokens);
  const file: CaseFile = {
    schema: "xctl.case/1",
    asked_ms: source.nowMs,
    why,
    processes: [],
    events: [],
    probes: [],
    entities: [...mentionedIn(why)],
    left_out: { processes: all.involved.length + all.relatives.length, events: all.events.length },
  };
  new Filling(file, mask, maxTokens).fill(around, source.probes);
  return { file, restore: (text) => redactor.restore(text) };
}

/** What there can be no room for need not be masked either. */
function nearest(all: Neighbours, maxTokens: number): Neighbours {
  const most = Math.ceil(maxTokens / LEAST_TOKENS);
  const { involved, relatives, events } = all;
  return {
    ...all,
    involved: involved.slice(0, most),
    relatives: relatives.slice(0, most),
    events: events.slice(0, most),
  };
}

/** A process or an event costs no less. */
const LEAST_TOKENS = 30;
const MAX_HOPS = 128;

/** Without its middle, where it is longer. */
function ends<T>(list: readonly T[], count: number): T[] {
  if (list.length <= count) return [...list];
  return [...list.slice(0, Math.ceil(count / 2)), ...list.slice(list.length - Math.floor(count / 2))];
}

const BOUNDS: readonly Bound[] = [1024, 512, 256, 128];
/** Of the budget; the rest is for what surrounds the answer. */
const CORE_SHARE = 0.7;

function core(why: WhyDocument, redactor: Redactor, maxTokens: number): { mask: Mask; why: WhyDocument } {
  const room = maxTokens * CORE_SHARE - EMPTY_TOKENS;
  let mask = new Mask(redactor, BOUNDS[0] as Bound);
  let masked = mask.why(why);
  for (const bound of BOUNDS) {
    mask = new Mask(redactor, bound);
    masked = mask.why(why);
    if (costOf(masked) <= room) return { mask, why: masked };
  }
  while (costOf(masked) > room && isReducible(masked)) masked = reduced(masked);
  return { mask, why: masked };
}

function costOf(why: WhyDocument): number {
  return roughTokens(JSON.stringify([why, [...mentionedIn(why)]]));
}

/** What the case costs with nothing in it. */
const EMPTY_TOKENS = 60;

function isReducible({ root_causes, chain, names, blind_spots }: WhyDocument): boolean {
  return root_causes.length > 1 || chain.length > 2 || blind_spots.length > 0 || Object.keys(names).length > 1;
}

/** Other causes first, then what is named beside the chain, then the chain's middle: its two ends tell the most. */
function reduced(why: WhyDocument): WhyDocument {
  const { root_causes, blind_spots, names, chain } = why;
  if (root_causes.length > 1) return { ...why, root_causes: root_causes.slice(0, -1) };
  const entries = Object.entries(names);
  if (entries.length > 1 || blind_spots.length > 0) {
    const fewer = entries.slice(0, Math.max(half(entries.length), 1));
    return { ...why, names: Object.fromEntries(fewer), blind_spots: blind_spots.slice(0, half(blind_spots.length)) };
  }
  return { ...why, chain: ends(chain, half(chain.length)) };
}

function half(count: number): number {
  return Math.floor(count / 2);
}

/** Puts in what there is room for, the nearest first. */
class Filling {
  readonly #file: CaseFile;
  readonly #mask: Mask;
  readonly #entities: Set<string>;
  #room: number;

  constructor(file: CaseFile, mask: Mask, maxTokens: number) {
    this.#file = file;
    this.#mask = mask;
    this.#entities = new Set(file.entities);
    this.#room = maxTokens - roughTokens(caseText(file));
  }

  fill({ involved, relatives, events, idOf }: Neighbours, probes: readonly ProbeStatus[]): void {
    const file = this.#file;
    const addRows = (rows: readonly ProcessRow[], share: number) =>
      this.#add(
        rows,
        file.processes,
        share,
        (row) => this.#mask.row(row),
        (row, original) => [
          this.#mask.id(idOf(original)),
          ...row.resources,
          ...row.waits.map(({ entity_id }) => entity_id),
        ],
      );
    addRows(involved, 0.6);
    this.#add(
      events,
      file.events,
      0.6,
      (event) => this.#mask.event(event),
      ({ entity_id }: Event) => [entity_id],
    );
    this.#add(
      probes,
      file.probes,
      0.6,
      (probe) => this.#mask.probe(probe),
      () => [],
    );
    addRows(relatives, 1);
    file.entities = [...this.#entities];
    file.left_out.processes -= file.processes.length;
    file.left_out.events -= file.events.length;
  }

  /** `share`: of the room left, so that what comes later finds some too. */
  #add<From, To>(
    from: readonly From[],
    to: To[],
    share: number,
    mask: (item: From) => To,
    idsOf: (masked: To, item: From) => string[],
  ): void {
    let room = this.#room * share;
    for (const item of from) {
      const masked = mask(item);
      const ids = idsOf(masked, item).filter((id) => !this.#entities.has(id));
      const cost = roughTokens(JSON.stringify([masked, ids])) + MARGIN_TOKENS;
      if (cost > room) return;
      room -= cost;
      this.#room -= cost;
      to.push(masked);
      for (const id of ids) this.#entities.add(id);
    }
  }
}

/** For what the text form escapes, and the rounding of each. */
const MARGIN_TOKENS = 2;

/** Of all texts that may come in, before any is masked. */
function learn(redactor: Redactor, { why, events, probes, processes }: CaseSource, around: Neighbours): void {
  for (const node of new Set([
    why.process.node,
    ...processes.map((row) => row.node),
    ...events.map((event) => event.node ?? ""),
  ]))
    redactor.learnHost(node);
  const told: unknown[] = [why, around.involved, around.events, probes, around.relatives];
  for (const text of new Set(textsOf(told))) redactor.learn(text);
}

/** Every text in it, and every key. */
export function* textsOf(value: unknown): Generator<string> {
  if (typeof value === "string") yield value;
  else if (typeof value === "object" && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) yield key;
      yield* textsOf(inner);
    }
  }
}
