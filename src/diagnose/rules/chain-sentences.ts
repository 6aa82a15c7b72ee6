/** The chain of a case as sentences: who waits, for what, and who has that. */
import { printable } from "../../lib/text.ts";
import type { Hop } from "../../model/documents.ts";
import { readProcessId } from "../../model/entity.ts";
import { isWorthNaming, nameOfId, roleWord, waitWords } from "../../views/names.ts";
import type { Sentences } from "../../views/sentences/index.ts";
import { readErrorId } from "./facts.ts";

/** There is one of each. */
const ONLY_ONES: ReadonlySet<string> = new Set(["memory", "cpu"]);

/** Of a longer chain the first and the last steps are told: what lies between is more of the same. */
const MAX_FIRST = 4;
const MAX_LAST = 4;

export function chainSentences(chain: readonly Hop[], names: Readonly<Record<string, string>>, say: Sentences) {
  const told: string[] = [];
  for (let place = 0; place < chain.length; place++) {
    const hop = chain[place] as Hop;
    const next = chain[place + 1];
    const isHeld = hop.edge === "waits_on" && next?.edge === "held_by" && next.from === hop.to;
    const part = isHeld ? heldPart(hop, next, names, say) : partOf(hop, names, say);
    const certainty = isHeld && next.certainty !== "observed" ? next.certainty : hop.certainty;
    told.push(say.report.sentence(part, certainty === "observed" ? null : say.certainties[certainty]));
    if (isHeld) place++;
  }
  const between = told.length - MAX_FIRST - MAX_LAST;
  if (between <= 1) return told;
  const more = say.report.sentence(say.report.more(between), null);
  return [...told.slice(0, MAX_FIRST), more, ...told.slice(-MAX_LAST)];
}

function heldPart(wait: Hop, hold: Hop, names: Readonly<Record<string, string>>, say: Sentences): string {
  return say.report.heldBy(
    nameOfId(wait.from, names, say),
    waitWords(wait.detail, say),
    thingOf(wait),
    roleWord(hold.detail, say),
    nameOfId(hold.to, names, say),
  );
}

function partOf(hop: Hop, names: Readonly<Record<string, string>>, say: Sentences): string {
  const from = nameOfId(hop.from, names, say);
  const to = nameOfId(hop.to, names, say);
  switch (hop.edge) {
    case "waits_on": {
      const isProcess = readProcessId(hop.to) !== undefined;
      return say.report.waits(from, waitWords(hop.detail, say), isProcess ? to : thingOf(hop));
    }
    case "held_by":
      return say.report.holds(to, roleWord(hop.detail, say), from);
    case "consumes":
      return say.report.uses(from, to);
    case "blocked_by":
      return say.report.fails(failingOf(hop) ?? from, printable(hop.detail));
  }
}

/** The error may lie with something else than what is blocked by it: with the interface of a connection. */
function failingOf({ to, label }: Hop): string | undefined {
  const entity = readErrorId(to)?.entity;
  const name = label ?? entity;
  return name === undefined ? undefined : printable(name);
}

/** As a person calls it; null where its id says no more than the wait does. */
function thingOf({ to, label }: Hop): string | null {
  if (label !== undefined) return printable(label);
  return isWorthNaming(to) && !ONLY_ONES.has(to) ? printable(to) : null;
}
