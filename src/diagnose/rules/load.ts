/**
 * Reads the rules: the package's own, and those of the machine in /etc/xctl/rules.d or in the folder that XCTL_RULES_DIR
 * names instead. Whatever is wrong with a file or a rule is told and costs no other one anything.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type * as Yaml from "yaml";
import { fileErrorText, messageOf } from "../../lib/errors.ts";
import type { ProblemCode } from "../../views/sentences/rule-problems.ts";
import { problemsOf, type RuleProblem } from "./problems.ts";
import type { Rule } from "./rule.ts";
import type * as Schema from "./schema.ts";

// The package's folder lies beside src/ and beside dist/ (rolldown.config.ts).
const FROM_SOURCE = import.meta.url.endsWith(".ts");
const PACKAGE_RULES = fileURLToPath(new URL(FROM_SOURCE ? "../../../rules" : "../rules", import.meta.url));
const MACHINE_RULES = "/etc/xctl/rules.d";

const MAX_FILE_BYTES = 128 * 1024;
const MAX_FILES = 128;
const MAX_RULES = 1024;
const MAX_DEPTH = 32;
const MAX_PROBLEMS = 200;

export interface LoadOptions {
  env?: Record<string, string | undefined>;
  /** In their order: a later rule takes the place of an earlier one with its id. */
  folders?: readonly string[];
}

export interface LoadedRules {
  rules: Rule[];
  problems: RuleProblem[];
}

export async function loadRules({ env = process.env, folders }: LoadOptions = {}): Promise<LoadedRules> {
  // Only who asks for a diagnosis pays for these two.
  const [yaml, schema] = await Promise.all([import("yaml"), import("./schema.ts")]);
  const tools = { yaml, schema };
  const own = env.XCTL_RULES_DIR;
  const wanted = folders ?? [PACKAGE_RULES, own === undefined || own === "" ? MACHINE_RULES : own];
  const problems: RuleProblem[] = [];
  const rules = new Map<string, Rule>();
  for (const folder of wanted) {
    // Within one folder, no rule silently takes another's place.
    const seen = new Set<string>();
    for (const file of filesIn(folder, problems)) {
      for (const rule of rulesOf(file, tools, problems)) {
        if (seen.has(rule.id)) problems.push(problem(file, "duplicate", rule.id, rule.id));
        else if (rules.size >= MAX_RULES) problems.push(problem(file, "too_many_rules", String(MAX_RULES), rule.id));
        else rules.set(rule.id, rule);
        seen.add(rule.id);
      }
    }
  }
  return { rules: [...rules.values()], problems: problems.slice(0, MAX_PROBLEMS) };
}

interface Tools {
  yaml: typeof Yaml;
  schema: typeof Schema;
}

/** In the order of their names. Few machines have rules of their own; a folder that was named ought to be there. */
function filesIn(folder: string, problems: RuleProblem[]): string[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => /\.ya?ml$/.test(name) && !name.startsWith("."));
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    if (!isMissing || folder !== MACHINE_RULES) problems.push(problem(folder, "unreadable", fileErrorText(error)));
    return [];
  }
  names.sort();
  if (names.length > MAX_FILES) problems.push(problem(folder, "too_many_files", String(MAX_FILES)));
  return names.slice(0, MAX_FILES).map((name) => join(folder, name));
}

function rulesOf(file: string, { yaml, schema }: Tools, problems: RuleProblem[]): Rule[] {
  const text = textOf(file, problems);
  const raw = text === undefined ? undefined : valueOf(text, file, yaml, problems);
  if (raw === undefined) return [];
  const checked = schema.fileSchema.safeParse(raw.value);
  if (!checked.success) {
    problems.push(...problemsOf(checked.error, raw.value, { file, rule: null }));
    return [];
  }
  return checked.data.rules.flatMap((each, place) => {
    const rule = schema.ruleSchema.safeParse(each);
    if (rule.success) return [rule.data];
    const id = idOf(each);
    const found = problemsOf(rule.error, each, { file, rule: id });
    problems.push(...(id === null ? found.map((it) => ({ ...it, path: within(place, it.path) })) : found));
    return [];
  });
}

function within(place: number, path: string): string {
  return path === "" ? `rules[${place}]` : `rules[${place}].${path}`;
}

/** Undefined where it cannot be read, which is told. What is no regular file could keep its reader waiting. */
function textOf(file: string, problems: RuleProblem[]): string | undefined {
  let fd: number | undefined;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = fstatSync(fd);
    const wrong = !stat.isFile() ? "not_a_file" : stat.size > MAX_FILE_BYTES ? "too_large" : undefined;
    // Its commands are shown to whoever asks, root as well.
    const code = wrong ?? ((stat.mode & 0o002) !== 0 ? "writable_by_all" : undefined);
    if (code === undefined) return readFileSync(fd, "utf8");
    problems.push(problem(file, code, code === "too_large" ? `${MAX_FILE_BYTES / 1024} KiB` : ""));
  } catch (error) {
    problems.push(problem(file, "unreadable", fileErrorText(error)));
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
  return undefined;
}

/** As YAML 1.2 has it: no merge keys, no tags of its own, no key twice, no alias, which could stand for a billion laughs. */
function valueOf(
  text: string,
  file: string,
  { LineCounter, parseDocument }: Tools["yaml"],
  problems: RuleProblem[],
): { value: unknown } | undefined {
  const lineCounter = new LineCounter();
  try {
    const document = parseDocument(text, {
      version: "1.2",
      schema: "core",
      stringKeys: true,
      prettyErrors: false,
      logLevel: "silent",
      lineCounter,
    });
    const [wrong] = [...document.errors, ...document.warnings];
    if (wrong === undefined) {
      const value: unknown = document.toJS({ maxAliasCount: 0 });
      if (!isDeep(value)) return { value };
      problems.push(problem(file, "too_deep", String(MAX_DEPTH)));
    } else if (wrong.code === "RESOURCE_EXHAUSTION") {
      // The parser itself goes as deep as the file does.
      problems.push(problem(file, "too_deep", String(MAX_DEPTH)));
    } else {
      const { line, col } = lineCounter.linePos(wrong.pos[0]);
      problems.push(problem(file, "syntax", `${line}:${col}: ${messageOf(wrong)}`));
    }
  } catch (error) {
    const code = error instanceof ReferenceError ? "alias" : error instanceof RangeError ? "too_deep" : "syntax";
    problems.push(problem(file, code, code === "too_deep" ? String(MAX_DEPTH) : messageOf(error)));
  }
  return undefined;
}

/** Deeper than any rule needs, and as deep as whatever looks at it next would have to go. */
function isDeep(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((each) => (typeof each === "object" && each !== null ? Object.values(each) : []));
  }
  return false;
}

function idOf(raw: unknown): string | null {
  if (typeof raw !== "object" || raw === null || !Object.hasOwn(raw, "id")) return null;
  const { id } = raw as { id: unknown };
  return typeof id === "string" && /^[\w-]{1,64}$/.test(id) ? id : null;
}

function problem(file: string, code: ProblemCode, got: string, rule: string | null = null): RuleProblem {
  return { file, rule, path: "", code, got, allowed: [] };
}
