/** What is wrong with a file of rules, and how a person is told: where, what, and what would be right. */
import type { z } from "zod";
import { printable } from "../../lib/text.ts";
import type { Lang } from "../../views/language.ts";
import { sentencesOf } from "../../views/sentences/index.ts";
import type { ProblemCode } from "../../views/sentences/rule-problems.ts";
import type { Complaint } from "./schema.ts";

export interface RuleProblem {
  file: string;
  /** The id, where the rule has one that can be told. */
  rule: string | null;
  /** Within the rule, or within the file where no rule is named: `when.all[1].cause`; empty for the whole. */
  path: string;
  code: ProblemCode;
  /** What stands there, or where. */
  got: string;
  /** What may stand there. */
  allowed: readonly string[];
}

const MAX_SHOWN = 120;

/** `/etc/xctl/rules.d/mine.yaml, rule nfs-gone, at when.cause: …` */
export function problemText(problem: RuleProblem, lang: Lang): string {
  const { rules: say } = sentencesOf(lang);
  const { file, rule, path, code, got, allowed } = problem;
  const shown = printable(got).slice(0, MAX_SHOWN);
  const said = [say.place(printable(file), rule, printable(path)), say.problems[code](shown)].join("");
  return allowed.length === 0 ? said : `${said}${say.allowed(printable(allowed.join(", ")))}`;
}

type Where = Pick<RuleProblem, "file" | "rule">;

/** Zod's issues as problems; `raw` is what was checked. */
export function problemsOf(error: z.ZodError, raw: unknown, where: Where): RuleProblem[] {
  return error.issues.slice(0, MAX_ISSUES).map((issue) => {
    const { at, path } = written(issue.path, raw);
    const { code, got, allowed } = described(issue, at);
    return { file: where.file, rule: where.rule, path, code, got, allowed };
  });
}

/** More of them about one rule help nobody. */
const MAX_ISSUES = 5;

function described(issue: z.core.$ZodIssue, at: unknown): Pick<RuleProblem, "code" | "got" | "allowed"> {
  const got = shortly(at);
  switch (issue.code) {
    case "unrecognized_keys":
      return { code: "key", got: issue.keys.join(", "), allowed: issue.message.split(", ") };
    case "invalid_type":
      return at === undefined
        ? { code: "missing", got: "", allowed: [issue.expected] }
        : { code: "type", got, allowed: [issue.expected] };
    case "invalid_value":
      return { code: at === undefined ? "missing" : "value", got, allowed: issue.values.map(String) };
    case "too_big":
      return issue.origin === "number" || issue.origin === "int"
        ? { code: "range", got, allowed: [`≤ ${issue.maximum}`] }
        : { code: "length", got, allowed: [`≤ ${issue.maximum}`] };
    case "too_small":
      return issue.origin === "number" || issue.origin === "int"
        ? { code: "range", got, allowed: [`≥ ${issue.minimum}`] }
        : { code: "length", got, allowed: [`≥ ${issue.minimum}`] };
    case "custom": {
      const { code, got: complained, allowed = [] } = issue.params as unknown as Complaint;
      return { code, got: complained === "" ? got : complained, allowed };
    }
    case "invalid_format":
      return {
        code: at === undefined ? "missing" : "form",
        got,
        allowed: issue.pattern ? [issue.pattern] : [issue.format],
      };
    default:
      return { code: "type", got, allowed: [] };
  }
}

/** As far as the file goes: what is written in short there is longer in what was checked. */
function written(path: readonly PropertyKey[], raw: unknown): { at: unknown; path: string } {
  let at = raw;
  let text = "";
  for (const key of path) {
    if (typeof at !== "object" || at === null) break;
    at = Object.hasOwn(at, key) ? (at as Record<PropertyKey, unknown>)[key] : undefined;
    text += typeof key === "number" ? `[${key}]` : `${text === "" ? "" : "."}${String(key)}`;
  }
  return { at, path: text };
}

function shortly(value: unknown): string {
  if (typeof value === "string") return value;
  if (value === undefined) return "";
  if (Array.isArray(value)) return `[${value.length}]`;
  return typeof value === "object" && value !== null ? "{…}" : String(value);
}
