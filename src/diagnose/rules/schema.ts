/** The form of a rule, as the file must have it. Nothing else is let in; what it says in short is written out. */
import { z } from "zod";
import { printable } from "../../lib/text.ts";
import { CAUSE_KINDS } from "../../model/cause.ts";
import { PROCESS_STATES } from "../../model/event.ts";
import { CERTAINTIES } from "../../model/nodes.ts";
import { namesBoundBy, placeholdersIn, PROPERTIES } from "./placeholders.ts";
import type { Condition, Patterns, Rule, Text } from "./rule.ts";

export const SCHEMA = "xctl.rules/1";
const VERDICTS = ["blocked", "stopped", "starved", "running", "idle", "exited", "unknown"] as const;
const RISKS = ["safe", "disruptive", "destructive"] as const;
const ERROR_TYPES = ["error.hw", "error.net", "topo.link_down"] as const;
const MAX_PATTERN = 128;
const MAX_LIST = 64;

/** Complaints beside zod's own, told as the params of a custom issue. */
export interface Complaint {
  code: "empty" | "unprintable" | "brace" | "placeholder" | "property" | "quoted";
  got: string;
  allowed?: readonly string[];
}

/** The message of an unknown key is the list of the known ones. */
function strict<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(", ");
  return z.strictObject(shape, { error: (issue) => (issue.code === "unrecognized_keys" ? known : undefined) });
}

function complain(context: z.RefinementCtx, path: PropertyKey[], complaint: Complaint): void {
  context.addIssue({ code: "custom", path, params: { ...complaint } });
}

function oneLine(max: number) {
  return z
    .string()
    .min(1)
    .max(max)
    .superRefine((line, context) => {
      if (printable(line) !== line) complain(context, [], { code: "unprintable", got: "" });
    });
}

/** One text stands for both languages. */
function text(max: number): z.ZodType<Text> {
  return z.preprocess(
    (given) => (typeof given === "string" ? { en: given, zh: given } : given),
    strict({ en: oneLine(max), zh: oneLine(max).transform(unfolded) }),
  );
}

/** YAML folds a line break into a space, which Chinese has none of. */
function unfolded(chinese: string): string {
  return chinese.replace(
    /(?<=[，。；：、！？）]) | (?=[，。；：、！？（])|(?<=\p{Script=Han}) (?=\p{Script=Han})/gu,
    "",
  );
}

function listOf<Item extends z.ZodType>(item: Item) {
  return z.preprocess((given) => (isScalar(given) ? [given] : given), z.array(item).min(1).max(MAX_LIST));
}

/** `wait: flock` is short for `wait: {kind: [flock]}`. */
function inShort<Type extends z.ZodType>(key: string, type: Type) {
  return z.preprocess((given) => (isScalar(given) || Array.isArray(given) ? { [key]: given } : given), type);
}

function isScalar(given: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof given);
}

const patterns = listOf(oneLine(MAX_PATTERN)) as z.ZodType<Patterns>;
const name = z.string().regex(/^[a-z][a-z0-9_]{0,31}$/);

const causeMatch = inShort(
  "kind",
  strict({
    kind: listOf(z.enum(CAUSE_KINDS)),
    entity: patterns.optional(),
    certainty: listOf(z.enum(CERTAINTIES)).optional(),
    as: name.optional(),
  }),
);

const errorMatch = inShort(
  "head",
  strict({
    head: patterns,
    type: listOf(z.enum(ERROR_TYPES)).optional(),
    entity: patterns.optional(),
    text: patterns.optional(),
    as: name.optional(),
  }),
);

const processMatch = strict({
  comm: patterns.optional(),
  cmdline: patterns.optional(),
  state: listOf(z.enum(PROCESS_STATES)).optional(),
  job: z.union([z.boolean(), patterns]).optional(),
  resources: patterns.optional(),
  container: z.boolean().optional(),
  as: name.optional(),
});

const waitMatch = inShort(
  "kind",
  strict({ kind: patterns, on: patterns.optional(), by: processMatch.optional(), as: name.optional() }),
);

const holderMatch = inShort(
  "role",
  strict({ role: patterns.optional(), process: processMatch.optional(), last: z.literal(true).optional() }),
);

const milliseconds = z.number().min(0);

const condition: z.ZodType<Condition> = z.lazy(() =>
  strict({
    all: z.array(condition).min(1).max(MAX_LIST).optional(),
    any: z.array(condition).min(1).max(MAX_LIST).optional(),
    not: condition.optional(),
    verdict: listOf(z.enum(VERDICTS)).optional(),
    cause: causeMatch.optional(),
    also: causeMatch.optional(),
    error: errorMatch.optional(),
    wait: waitMatch.optional(),
    holder: holderMatch.optional(),
    path: z
      .array(strict({ wait: waitMatch.optional(), holder: holderMatch.optional() }).superRefine(notEmpty))
      .min(2)
      .max(MAX_LIST)
      .optional(),
    process: processMatch.optional(),
    culprit: processMatch.optional(),
    subject: processMatch.optional(),
    involved: processMatch.optional(),
    evidence: strict({ source: patterns.optional(), observed: patterns.optional() }).superRefine(notEmpty).optional(),
    blocked_ms: strict({ min: milliseconds.optional(), max: milliseconds.optional() }).superRefine(notEmpty).optional(),
  }).superRefine(notEmpty),
) as z.ZodType<Condition>;

function notEmpty(given: object, context: z.RefinementCtx): void {
  if (Object.keys(given).length === 0) complain(context, [], { code: "empty", got: "" });
}

const step = strict({
  text: text(600),
  command: oneLine(600).nullable().default(null),
  risk: z.enum(RISKS),
});

export const ruleSchema = strict({
  id: z.string().regex(/^[a-z0-9][a-z0-9-]{1,63}$/),
  title: text(160),
  when: condition,
  explanation: text(2000),
  confidence: z.number().min(0.05).max(1),
  priority: z.number().int().min(-1000).max(1000).default(0),
  advice: z.enum(["before", "after", "none"]).default("after"),
  steps: z.array(step).max(12).default([]),
  prevention: z.array(text(600)).max(8).default([]),
  sources: z
    .array(z.url({ protocol: /^https?$/ }).max(500))
    .max(8)
    .default([]),
}).superRefine(checkPlaceholders) as z.ZodType<Rule>;

/** A file without its rules, which are checked one by one: a bad one takes none along. */
export const fileSchema = strict({ schema: z.literal(SCHEMA), rules: z.array(z.unknown()).max(256) });

function checkPlaceholders(rule: Rule, context: z.RefinementCtx): void {
  const bound = [...namesBoundBy(rule.when)].sort();
  const check = (template: string, path: PropertyKey[], isCommand: boolean) => {
    const found = placeholdersIn(template);
    if (found === undefined) return complain(context, path, { code: "brace", got: template });
    for (const { name: used, property, quoted } of found) {
      if (!bound.includes(used)) complain(context, path, { code: "placeholder", got: used, allowed: bound });
      if (property !== undefined && !(PROPERTIES as readonly string[]).includes(property)) {
        complain(context, path, { code: "property", got: property, allowed: PROPERTIES });
      }
      if (isCommand && quoted) complain(context, path, { code: "quoted", got: used });
    }
  };
  const checkText = (both: Text, path: PropertyKey[]) => {
    for (const lang of ["en", "zh"] as const) check(both[lang], [...path, lang], false);
  };
  checkText(rule.title, ["title"]);
  checkText(rule.explanation, ["explanation"]);
  for (const [place, { text: said, command }] of rule.steps.entries()) {
    checkText(said, ["steps", place, "text"]);
    if (command !== null) check(command, ["steps", place, "command"], true);
  }
  for (const [place, said] of rule.prevention.entries()) checkText(said, ["prevention", place]);
}
