/** Which of the rules that a case fits says the most about it: the more a condition demands, the better it knows. */
import type { CaseFile } from "../case.ts";
import { Facts } from "./facts.ts";
import { match, type Bindings } from "./match.ts";
import { isPlain } from "./pattern.ts";
import type { Condition, Patterns, Rule } from "./rule.ts";

export interface Match {
  rule: Rule;
  bindings: Bindings;
}

/** Best first. Of a process that nothing is wrong with only a rule speaks that names its verdict. */
export function matchingRules(file: CaseFile, rules: readonly Rule[]): Match[] {
  const facts = new Facts(file);
  const { verdict } = file.why;
  const isWell = verdict === "idle" || verdict === "running";
  const matches = rules.flatMap((rule): Match[] => {
    if (isWell && !namesVerdict(rule.when)) return [];
    const bindings = match(rule.when, facts);
    return bindings === undefined ? [] : [{ rule, bindings }];
  });
  return matches.sort(
    ({ rule: a }, { rule: b }) =>
      specificity(b.when) - specificity(a.when) || b.priority - a.priority || (a.id < b.id ? -1 : 1),
  );
}

/** How much a condition demands: of alternatives, the one that demands least. What must not be counts one. */
export function specificity(condition: Condition): number {
  const { all = [], any = [], not, path = [], ...parts } = condition;
  return (
    sum(all.map(specificity)) +
    (any.length === 0 ? 0 : Math.min(...any.map(specificity))) +
    (not === undefined ? 0 : 1) +
    sum(path.map(weight)) +
    weight(parts)
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

/** Each demand counts two, one that can be met by a wildcard alone one. */
function weight(demand: unknown): number {
  if (Array.isArray(demand)) return (demand as Patterns).some((each) => isPlain(String(each))) ? 2 : 1;
  if (typeof demand !== "object" || demand === null) return 2;
  return Object.entries(demand).reduce((total, [key, part]) => total + (key === "as" ? 0 : weight(part)), 0);
}

function namesVerdict({ verdict, all = [] }: Condition): boolean {
  return verdict !== undefined || all.some(namesVerdict);
}
