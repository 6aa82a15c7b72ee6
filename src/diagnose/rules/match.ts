/** Whether a rule's condition holds of a case, and what its names then mean. */
import type { RootCause } from "../../model/documents.ts";
import type { Facts, KnownError, Person } from "./facts.ts";
import { matchesAny, matchesCommandLine } from "./pattern.ts";
import type {
  CauseMatch,
  Condition,
  ErrorMatch,
  EvidenceMatch,
  HolderMatch,
  PathStep,
  Patterns,
  ProcessMatch,
  WaitMatch,
} from "./rule.ts";

/** What a placeholder may stand for. */
export type Bound =
  | { is: "process"; person: Person }
  | { is: "thing"; id: string; label: string | undefined; head?: string; text?: string }
  | { is: "duration"; ms: number };
export type Bindings = ReadonlyMap<string, Bound>;

/** The names' meanings, or undefined where the condition does not hold. */
export function match(condition: Condition, facts: Facts): Bindings | undefined {
  const bound = new Map<string, Bound>([["process", { is: "process", person: facts.asked }]]);
  return holds(condition, facts, bound) ? bound : undefined;
}

type Names = Map<string, Bound>;
type Check = (facts: Facts, bound: Names) => boolean;

/** What a part that does not hold has bound is worth nothing, but then nothing of the rule is told. */
function holds(condition: Condition, facts: Facts, bound: Names): boolean {
  return checksOf(condition).every((check) => check(facts, bound));
}

function checksOf(condition: Condition): Check[] {
  const { all, any, not, verdict, cause, also, error, wait, holder, path, evidence, blocked_ms: blocked } = condition;
  const checks: (Check | undefined)[] = [
    verdict && (({ file }) => verdict.includes(file.why.verdict)),
    cause && ((facts, bound) => isBestCause(cause, facts, bound)),
    also && (({ file }) => file.why.root_causes.slice(1).some((each) => fits(each, also))),
    blocked && ((facts, bound) => isBlockedFor(blocked, facts, bound)),
    evidence && (({ cause: best }) => best !== undefined && isEvident(evidence, best)),
    wait && ((facts, bound) => leadsAlong([{ wait }], facts, bound)),
    holder && ((facts, bound) => leadsAlong([{ holder }], facts, bound)),
    path && ((facts, bound) => leadsAlong(path, facts, bound)),
    error && ((facts, bound) => hasError(error, facts, bound)),
    ...people(condition),
    all && ((facts, bound) => all.every((each) => holds(each, facts, bound))),
    any && ((facts, bound) => any.some((each) => tries(each, facts, bound))),
    not && ((facts, bound) => !holds(not, facts, new Map(bound))),
  ];
  return checks.filter((check) => check !== undefined);
}

/** As `holds`, but what it has bound in vain is forgotten. */
function tries(condition: Condition, facts: Facts, bound: Names): boolean {
  const attempt: Names = new Map(bound);
  if (!holds(condition, facts, attempt)) return false;
  for (const [name, meaning] of attempt) bound.set(name, meaning);
  return true;
}

function people({ process, culprit, subject, involved }: Condition): (Check | undefined)[] {
  return [
    process && ((facts, bound) => isPerson(process, [facts.asked], facts, bound) !== undefined),
    culprit && ((facts, bound) => named("culprit", isPerson(culprit, [facts.culprit], facts, bound), bound)),
    subject && ((facts, bound) => named("subject", isPerson(subject, [facts.subject], facts, bound), bound)),
    involved && ((facts, bound) => isPerson(involved, facts.involved, facts, bound) !== undefined),
  ];
}

function named(name: string, person: Person | undefined, bound: Names): boolean {
  if (person !== undefined) bound.set(name, { is: "process", person });
  return person !== undefined;
}

function isBestCause(wanted: CauseMatch, facts: Facts, bound: Names): boolean {
  const { cause } = facts;
  if (cause === undefined || !fits(cause, wanted)) return false;
  const meaning = meaningOf(cause.entity_id, facts.labelOf(cause.entity_id), facts);
  bound.set("cause", meaning);
  if (wanted.as !== undefined) bound.set(wanted.as, meaning);
  return true;
}

function meaningOf(id: string, label: string | undefined, facts: Facts): Bound {
  const person = facts.person(id);
  return person === undefined ? { is: "thing", id, label } : { is: "process", person };
}

function fits(cause: RootCause, { kind, entity, certainty }: CauseMatch): boolean {
  return (
    kind.includes(cause.kind) &&
    (entity === undefined || matchesAny(entity, cause.entity_id)) &&
    (certainty === undefined || certainty.includes(cause.certainty))
  );
}

function isBlockedFor({ min = 0, max = Infinity }: { min?: number; max?: number }, { file }: Facts, bound: Names) {
  const ms = file.why.blocked_ms;
  if (ms === null || ms < min || ms > max) return false;
  bound.set("blocked", { is: "duration", ms });
  return true;
}

function isEvident({ source, observed }: EvidenceMatch, { evidence }: RootCause): boolean {
  return evidence.some(
    (each) => fitsText(source, each.source) && (observed === undefined || matchesAny(observed, each.observed)),
  );
}

function hasError(wanted: ErrorMatch, { errors }: Facts, bound: Names): boolean {
  const found = errors.find((error) => isWanted(error, wanted));
  if (found === undefined) return false;
  const meaning: Bound = { is: "thing", id: found.entity, label: found.label, head: found.head, text: found.text };
  bound.set("error", meaning);
  if (wanted.as !== undefined) bound.set(wanted.as, meaning);
  return true;
}

function isWanted(error: KnownError, { head, type, entity, text }: ErrorMatch): boolean {
  return (
    matchesAny(head, error.head) &&
    (type === undefined || (type as string[]).includes(error.type)) &&
    fitsText(entity, error.entity) &&
    fitsText(text, error.text)
  );
}

/** From `from` on, in this order. A holder that follows a wait is of what that wait is for: the very next hop. */
function leadsAlong(steps: readonly PathStep[], facts: Facts, bound: Names, from = 0): boolean {
  const [step, ...rest] = steps;
  if (step === undefined) return true;
  const isNext = step.wait !== undefined && rest[0]?.holder !== undefined;
  for (let place = from; place < facts.chain.length; place++) {
    if (!fitsHop(step, place, facts, bound)) continue;
    if (!isNext) {
      // The first one is as good as any later one.
      return leadsAlong(rest, facts, bound, place + 1);
    }
    const [next, ...others] = rest as [PathStep, ...PathStep[]];
    if (fitsHop(next, place + 1, facts, bound) && leadsAlong(others, facts, bound, place + 2)) return true;
  }
  return false;
}

function fitsHop({ wait, holder }: PathStep, place: number, facts: Facts, bound: Names): boolean {
  if (wait !== undefined) return isWait(wait, place, facts, bound);
  return holder !== undefined && isHolder(holder, place, facts, bound);
}

function isWait({ kind, on, by, as }: WaitMatch, place: number, facts: Facts, bound: Names): boolean {
  const hop = facts.chain[place];
  if (hop?.edge !== "waits_on" || !matchesAny(kind, hop.detail)) return false;
  if (on !== undefined && !matchesAny(on, hop.to) && !fitsText(on, hop.label)) return false;
  if (by !== undefined && isPerson(by, [facts.person(hop.from)], facts, bound) === undefined) return false;
  if (as !== undefined) bound.set(as, meaningOf(hop.to, hop.label, facts));
  return true;
}

function isHolder({ role, process = {}, last }: HolderMatch, place: number, facts: Facts, bound: Names): boolean {
  const hop = facts.chain[place];
  if (hop?.edge !== "held_by" || !fitsText(role, hop.detail)) return false;
  if (last === true && facts.chain.some(({ edge }, other) => edge === "held_by" && other > place)) return false;
  return isPerson(process, [facts.person(hop.to)], facts, bound) !== undefined;
}

/** The first of them that fits. */
function isPerson(wanted: ProcessMatch, candidates: (Person | undefined)[], facts: Facts, bound: Names) {
  const found = candidates.find((person) => person !== undefined && isLike(person, wanted, facts));
  if (found !== undefined && wanted.as !== undefined) bound.set(wanted.as, { is: "process", person: found });
  return found;
}

function isLike(person: Person, wanted: ProcessMatch, facts: Facts): boolean {
  const { comm, cmdline, state, job, resources, container } = wanted;
  const { row } = person;
  const { process } = facts.file.why;
  const isAsked = person === facts.asked || person.id === facts.asked.id;
  const told = isAsked ? process : row;
  return (
    fitsText(comm, person.comm) &&
    (cmdline === undefined || matchesCommandLine(cmdline, told?.cmdline ?? "")) &&
    (state === undefined || state.includes(told?.state ?? "")) &&
    (job === undefined || isOfJob(job, told?.job_id ?? null)) &&
    (resources === undefined || row?.resources.some((each) => matchesAny(resources, each)) === true) &&
    (container === undefined || (isAsked && (process.container !== null) === container))
  );
}

function isOfJob(wanted: boolean | Patterns, job: string | null): boolean {
  if (typeof wanted === "boolean") return (job !== null) === wanted;
  return job !== null && matchesAny(wanted, job);
}

/** Where nothing is wanted, anything will do; what is not there fits no pattern. */
function fitsText(patterns: Patterns | undefined, text: string | undefined): boolean {
  if (patterns === undefined) return true;
  return text !== undefined && matchesAny(patterns, text);
}
