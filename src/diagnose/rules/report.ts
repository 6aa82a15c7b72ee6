/**
 * The report without a model: what the case itself shows, in sentences along its chain, then what the best rule knows of
 * such a failure, or the catalogue of causes where none fits.
 */
import { printable } from "../../lib/text.ts";
import type { Advice, DiagReport, RootCause, Verdict, WhyDocument } from "../../model/documents.ts";
import type { CauseKind } from "../../model/cause.ts";
import { processId, readProcessId } from "../../model/entity.ts";
import { duration } from "../../views/duration.ts";
import type { Lang } from "../../views/language.ts";
import { nameOfId } from "../../views/names.ts";
import { sentencesOf, type Sentences } from "../../views/sentences/index.ts";
import { verdictText } from "../../views/why.ts";
import type { CaseFile } from "../case.ts";
import { matchingRules, type Match } from "./best.ts";
import { chainSentences } from "./chain-sentences.ts";
import { command, sentence, type Wording } from "./placeholders.ts";
import type { Rule } from "./rule.ts";

export function reportFromRules(file: CaseFile, rules: readonly Rule[], lang: Lang): DiagReport {
  const say = sentencesOf(lang);
  const { why } = file;
  const cause = why.root_causes[0];
  for (const found of matchingRules(file, rules)) {
    const told = byRule(found, { lang, names: why.names }, cause, isElsewhere(found));
    if (told === undefined) continue;
    return {
      root_cause: cause?.kind ?? KIND_OF_VERDICT[why.verdict] ?? "unknown",
      explanation: joined([...shown(why, cause, lang, say, isWell(why)), told.explanation], lang),
      steps: told.steps,
      prevention: told.prevention,
      confidence: cause === undefined ? found.rule.confidence : Math.min(found.rule.confidence, cause.confidence),
      cited: cited(file, found),
    };
  }
  return fromCatalogue(file, cause, lang, say);
}

function fromCatalogue(file: CaseFile, cause: RootCause | undefined, lang: Lang, say: Sentences): DiagReport {
  const { why } = file;
  const well = isWell(why);
  const kind = cause?.kind ?? KIND_OF_VERDICT[why.verdict] ?? "unknown";
  const isUntold = cause === undefined && !well && why.verdict !== "exited";
  return {
    root_cause: kind,
    explanation: joined([...shown(why, cause, lang, say), ...(isUntold ? [say.report.noCause()] : [])], lang),
    steps: well ? [] : (cause?.advice ?? []),
    prevention: well ? [] : [...((say.report.prevention as Partial<Record<CauseKind, string[]>>)[kind] ?? [])],
    confidence: cause?.confidence ?? (well || why.verdict === "exited" ? SURE : 0),
    cited: cited(file, undefined),
  };
}

/** That nothing is wrong is known as surely as anything observed. */
const SURE = 0.9;
const KIND_OF_VERDICT: Partial<Record<Verdict, CauseKind>> = { idle: "process.idle", running: "process.busy" };

/** The verdict, unless a rule knows better than that all is well, the way to the cause, and the cause. */
function shown(
  why: WhyDocument,
  cause: RootCause | undefined,
  lang: Lang,
  say: Sentences,
  isDoubted = false,
): string[] {
  const { process, verdict, blocked_ms: blockedMs, names } = why;
  const id = askedId(why);
  const time = blockedMs === null ? null : duration(blockedMs, lang);
  const first = verdictText(verdict, nameOfId(id, { [id]: process.comm }, say), time, process.ended, say);
  const way = isWell(why) ? [] : chainSentences(why.chain, names, say);
  const summary = cause === undefined ? "" : printable(cause.summary);
  // The summary of what ends in the dark begins with the way's last step.
  const told = [...(isDoubted ? [] : [first]), ...way.filter((step) => !summary.startsWith(step))];
  return summary === "" ? told : [...told, summary];
}

/** Undefined where a placeholder stands for nothing: then the rule has nothing to say of this case. */
function byRule({ rule, bindings }: Match, wording: Wording, cause: RootCause | undefined, elsewhere: boolean) {
  const { lang } = wording;
  const explanation = sentence(rule.explanation[lang], bindings, wording);
  const steps = rule.steps.map((step): Advice | undefined => {
    const text = sentence(step.text[lang], bindings, wording);
    if (text === undefined) return undefined;
    const line = step.command === null || elsewhere ? null : command(step.command, bindings);
    return { text, command: line, risk: step.risk };
  });
  const prevention = rule.prevention.map((each) => sentence(each[lang], bindings, wording));
  if (explanation === undefined || !isComplete(steps) || !isComplete(prevention)) return undefined;
  return { explanation, steps: withAdvice(rule, steps, cause?.advice ?? []), prevention };
}

/** What a rule advises is for the host of those it speaks of; run on this one, it would hit what has the same name here. */
function isElsewhere({ bindings }: Match): boolean {
  return [...bindings.values()].some((bound) => bound.is === "process" && isRemote(bound.person.id));
}

function isComplete<Item>(items: readonly (Item | undefined)[]): items is Item[] {
  return !items.includes(undefined);
}

/** What the catalogue advises as well, but nothing twice. */
function withAdvice({ advice }: Rule, own: Advice[], catalogue: readonly Advice[]): Advice[] {
  if (advice === "none") return own;
  const more = catalogue.filter((step) => !own.some((each) => each.command !== null && each.command === step.command));
  return advice === "before" ? [...more, ...own] : [...own, ...more];
}

/** The asked process, what the cause lies with, who must act, and what the rule speaks of: as far as the case has them. */
function cited(file: CaseFile, found: Match | undefined): string[] {
  const { why } = file;
  const cause = why.root_causes[0];
  const ids = [askedId(why)];
  if (cause !== undefined) ids.push(cause.entity_id, ...cause.pids.map((pid) => processId(pid)));
  if (cause?.pid !== undefined) ids.push(processId(cause.pid));
  for (const bound of found?.bindings.values() ?? []) {
    if (bound.is === "process") ids.push(bound.person.id);
    else if (bound.is === "thing") ids.push(bound.id);
  }
  return [...new Set(ids)].filter((id) => file.entities.includes(id));
}

function isRemote(id: string): boolean {
  return readProcessId(id)?.node !== undefined;
}

function isWell({ verdict }: WhyDocument): boolean {
  return verdict === "idle" || verdict === "running";
}

function askedId({ process, names }: WhyDocument): string {
  const remote = processId(process.pid, process.node);
  return Object.hasOwn(names, remote) ? remote : processId(process.pid);
}

function joined(sentences: readonly string[], lang: Lang): string {
  return sentences.join(lang === "zh" ? "" : " ");
}
