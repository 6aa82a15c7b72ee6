/**
 * Which of the rules that a case fits says the most about it: the more a condition demands, the better it knows; and of
 * two that demand as much, the one that leaves less open.
 */
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
  const holds = (condition: Condition) => match(condition, facts) !== undefined;
  const matches = rules.flatMap((rule): (Match & { demands: number })[] => {
    if (isWell && !namesVerdict(rule.when)) return [];
    const bindings = match(rule.when, facts);
    return bindings === undefined ? [] : [{ rule, bindings, demands: specificity(rule.when, holds) }];
  });
  return matches.sort(
    (a, b) =>
      b.demands - a.demands ||
      b.rule.priority - a.rule.priority ||
      openness(a.rule.when) - openness(b.rule.when) ||
      (a.rule.id < b.rule.id ? -1 : 1),
  );
}

/** How much of it has been met: of alternatives, the most demanding that holds. What must not be counts one. */
export function specificity(condition: Condition, holds: (condition: Condition) => boolean): number {
  const { all = [], any = [], not, path = [], ...parts } = condition;
  const met = any.filter(holds).map((each) => specificity(each, holds));
  return (
    sum(all.map((each) => specificity(each, holds))) +
    Math.max(0, ...met) +
    (not === undefined ? 0 : 1) +
    sum(path.map(weight)) +
    weight(parts)
  );
}

/** How many alternatives it leaves open, beside one in each place: the words of its lists, the parts of an `any`. */
export function openness(condition: Condition): number {
  const { all = [], any = [], not: _, path = [], ...parts } = condition;
  return sum([...all, ...any].map(openness)) + Math.max(0, any.length - 1) + sum([...path, parts].map(alternatives));
}

function alternatives(demand: unknown): number {
  if (Array.isArray(demand)) return demand.length - 1;
  return typeof demand === "object" && demand !== null ? sum(Object.values(demand).map(alternatives)) : 0;
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
