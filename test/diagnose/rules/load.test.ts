import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { loadRules } from "../../../src/diagnose/rules/load.ts";
import { problemText } from "../../../src/diagnose/rules/problems.ts";
import { folderOf, ruleText } from "./folder.ts";

const GOOD = ruleText({ id: "good" });

/** What is said of one bad file beside a good one. */
async function complaintsAbout(t: TestContext, text: string): Promise<string[]> {
  const folder = folderOf(t, { "bad.yaml": text, "good.yaml": GOOD });
  const { rules, problems } = await loadRules({ folders: [folder] });
  assert.deepEqual(
    rules.map(({ id }) => id),
    ["good"],
  );
  for (const problem of problems) assert.match(problemText(problem, "zh"), /\p{Script=Han}/u);
  return problems.map((problem) => problemText(problem, "en").replace(`${folder}/`, ""));
}

const BAD: { what: string; text: string; said: string }[] = [
  {
    what: "a kind of cause that there is not",
    text: ruleText({ when: "{ all: [{ verdict: blocked }, { cause: process.stoped }] }" }),
    said: "bad.yaml, rule mine, at when.all[1].cause: is not a value that it can have: process.stoped; allowed: process.stopped, process.traced, ",
  },
  {
    what: "a key that there is not",
    text: ruleText({ when: "{ cause: process.stopped, waits: flock }" }),
    said: "bad.yaml, rule mine, at when: has unknown keys: waits; allowed: all, any, not, verdict, cause, ",
  },
  {
    what: "a condition that says nothing",
    text: ruleText({ when: "{}" }),
    said: "bad.yaml, rule mine, at when: says nothing; a condition needs at least one part",
  },
  {
    what: "a number out of range",
    text: ruleText({ more: "priority: 5000" }),
    said: "bad.yaml, rule mine, at priority: is out of range: 5000; allowed: ≤ 1000",
  },
  {
    what: "a step without its risk",
    text: ruleText({ steps: "[{ text: Do it. }]" }),
    said: "bad.yaml, rule mine, at steps[0].risk: is missing; allowed: safe, disruptive, destructive",
  },
  {
    what: "a text in one language only",
    text: ruleText({ steps: "[{ text: { en: Do it. }, risk: safe }]" }),
    said: "bad.yaml, rule mine, at steps[0].text.zh: is missing; allowed: string",
  },
  {
    what: "a placeholder that may stand for nothing",
    text: ruleText({
      when: "{ any: [{ wait: { kind: flock, as: lock } }, { cause: unknown }] }",
      explanation: "{lock}",
    }),
    said: "bad.yaml, rule mine, at explanation: {lock} does not stand for anything whenever the condition holds; allowed: process",
  },
  {
    what: "a property that there is not",
    text: ruleText({ explanation: "{process.password}" }),
    said: "bad.yaml, rule mine, at explanation: a placeholder has no property .password; allowed: id, pid, ",
  },
  {
    what: "a placeholder within quotes of a command",
    text: ruleText({ steps: `[{ text: Do it., command: 'ls "{process.pid}"', risk: safe }]` }),
    said: "bad.yaml, rule mine, at steps[0].command: {process} stands within quotes; xctl quotes it itself, so leave the quotes out",
  },
  {
    what: "a command of two lines",
    text: ruleText({ steps: '[{ text: Do it., command: "ls\\nrm -rf /", risk: safe }]' }),
    said: "bad.yaml, rule mine, at steps[0].command: must be one line without control characters",
  },
  {
    what: "a lone brace",
    text: ruleText({ explanation: "a { b" }),
    said: "bad.yaml, rule mine, at explanation: has a brace that belongs to no placeholder; write {{ or }} for the character",
  },
  {
    what: "a source that is no address of a page",
    text: ruleText({ more: "sources: ['javascript:alert(1)']" }),
    said: "bad.yaml, rule mine, at sources[0]: is not of the right form: javascript:alert(1)",
  },
  {
    what: "a pattern of endless length",
    text: ruleText({ when: `{ wait: "${"*a".repeat(200)}" }` }),
    said: "bad.yaml, rule mine, at when.wait: is too long or too short: *a*a",
  },
  {
    what: "a rule without an id",
    text: ruleText({}).replace("- id: mine", "- name: mine"),
    said: "bad.yaml, at rules[0].id: is missing; allowed: ",
  },
  {
    what: "a rule that is none",
    text: "schema: xctl.rules/1\nrules: [42]",
    said: "bad.yaml, at rules[0]: is of the wrong type: 42; allowed: object",
  },
  {
    what: "another schema",
    text: GOOD.replace("xctl.rules/1", "xctl.rules/9"),
    said: "bad.yaml, at schema: is not a value that it can have: xctl.rules/9; allowed: xctl.rules/1",
  },
  { what: "no rules", text: "", said: "bad.yaml: is of the wrong type: null; allowed: object" },
  {
    what: "no YAML",
    text: "rules: [\n  - {",
    said: "bad.yaml: is not valid YAML: ",
  },
  {
    what: "a key twice",
    text: `${ruleText({})}rules: []`,
    said: "bad.yaml: is not valid YAML: 10:1: Map keys must be unique",
  },
  {
    what: "a tag of its own",
    text: ruleText({ explanation: "x" }).replace('"x"', "!!js/function x"),
    said: "bad.yaml: is not valid YAML: 6:18: Unresolved tag",
  },
  { what: "an alias", text: "schema: &a xctl.rules/1\nrules: [*a]", said: "bad.yaml: aliases (*name) are not allowed" },
  {
    what: "a billion laughs",
    text: ["a: &a [x, x, x, x, x, x, x, x, x, x]", ..."bcdefghi"]
      .map((line, at, all) => (at === 0 ? line : `${line}: &${line} [${`*${all[at - 1]?.[0]}, `.repeat(10)}]`))
      .join("\n"),
    said: "bad.yaml: aliases (*name) are not allowed",
  },
  {
    what: "a prototype to pollute",
    text: `${GOOD}__proto__: { polluted: true }\n`,
    said: "bad.yaml: has unknown keys: __proto__; allowed: schema, rules",
  },
  {
    what: "conditions nested without end",
    text: ruleText({ when: `${"{ not: ".repeat(200)}{}${" }".repeat(200)}` }),
    said: "bad.yaml: is nested more than 32 deep",
  },
  {
    what: "conditions nested deeper than the parser goes",
    text: ruleText({ when: `${"{ not: ".repeat(12_000)}{}${" }".repeat(12_000)}` }),
    said: "bad.yaml: is nested more than 32 deep",
  },
  { what: "brackets without end", text: "[".repeat(100_000), said: "bad.yaml: is " },
  { what: "a file without end", text: `${GOOD}#${"x".repeat(200_000)}`, said: "bad.yaml: is larger than 128 KiB" },
];

for (const { what, text, said } of BAD) {
  test(`refused and told, at no other rule's cost: ${what}`, async (t) => {
    const [first, ...others] = await complaintsAbout(t, text);
    assert.equal(first?.slice(0, said.length), said);
    assert.ok(others.length < 10);
    assert.equal(({} as { polluted?: boolean }).polluted, undefined);
  });
}

test("a bad rule costs the others in its file nothing", async (t) => {
  const second = ruleText({ id: "second" }).split("\n").slice(2).join("\n");
  const folder = folderOf(t, { "both.yaml": ruleText({ id: "first" }).replace("0.9", "2") + second });
  const { rules, problems } = await loadRules({ folders: [folder] });
  assert.deepEqual(
    rules.map(({ id }) => id),
    ["second"],
  );
  assert.equal(problems[0]?.rule, "first");
});

test("what is no regular file keeps nobody waiting", async (t) => {
  const folder = folderOf(t, { "good.yaml": GOOD });
  mkdirSync(join(folder, "folder.yaml"));
  execFileSync("mkfifo", [join(folder, "fifo.yaml")]);
  const { rules, problems } = await loadRules({ folders: [folder] });
  assert.equal(rules.length, 1);
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["not_a_file", "not_a_file"],
  );
});

test("a file that anybody may write is not trusted", async (t) => {
  const folder = folderOf(t, { "open.yaml": GOOD });
  chmodSync(join(folder, "open.yaml"), 0o666);
  const { rules, problems } = await loadRules({ folders: [folder] });
  assert.deepEqual([rules.length, problems[0]?.code], [0, "writable_by_all"]);
});

test("a folder that was named and is none is told; a machine without rules of its own is no trouble", async (t) => {
  const folder = folderOf(t, { file: "" });
  for (const name of ["none", "file"]) {
    const named = join(folder, name);
    const { rules, problems } = await loadRules({ env: { XCTL_RULES_DIR: named } });
    assert.deepEqual(
      problems.map(({ file, code }) => [file, code]),
      [[named, "unreadable"]],
    );
    assert.ok(rules.length > 25, "the package's own are there");
  }
  const { problems } = await loadRules({ env: {} });
  assert.ok(problems.every(({ file }) => file !== "/etc/xctl/rules.d"));
});

test("XCTL_RULES_DIR: the user's rules beside the package's, and in place of those with the same id", async (t) => {
  const folder = folderOf(t, {
    "mine.yaml": ruleText({ id: "cpu-quota", explanation: "Ask the platform team." }),
    "other.yml": ruleText({ id: "other" }),
    "notes.txt": "not rules",
  });
  const { rules, problems } = await loadRules({ env: { XCTL_RULES_DIR: folder } });
  assert.deepEqual(problems, []);
  assert.ok(rules.length > 25);
  assert.equal(rules.find(({ id }) => id === "cpu-quota")?.explanation.en, "Ask the platform team.");
  assert.equal(rules.filter(({ id }) => id === "cpu-quota").length, 1);
  assert.ok(rules.some(({ id }) => id === "other"));
});

test("the same id twice within a folder is told, and the first one stands", async (t) => {
  const folder = folderOf(t, {
    "a.yaml": ruleText({ explanation: "First." }),
    "b.yaml": ruleText({ explanation: "Second." }),
  });
  const { rules, problems } = await loadRules({ folders: [folder] });
  assert.deepEqual([rules.length, rules[0]?.explanation.en], [1, "First."]);
  assert.equal(problems[0]?.code, "duplicate");
});

test("a name of a file cannot write to the terminal", async (t) => {
  const folder = folderOf(t, {});
  writeFileSync(join(folder, "\u001b[2Jx.yaml"), "rules: [", { mode: 0o644 });
  const { problems } = await loadRules({ folders: [folder] });
  assert.equal(problems.length, 1);
  for (const problem of problems) {
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(problemText(problem, "en"), /[\u0000-\u001f]/);
  }
});

test("the example in docs/rules.md is a rule, and each part of a rule and a condition is told of there", async (t) => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "rules.md"), "utf8");
  const example = /```yaml\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  const { rules, problems } = await loadRules({ folders: [folderOf(t, { "example.yaml": example })] });
  assert.deepEqual(problems, []);
  assert.deepEqual(
    rules.map(({ id }) => id),
    ["lustre-server-gone"],
  );
  const bad = ruleText({ when: "{ nothing: 1 }", more: "nothing: 1" });
  const refused = await loadRules({ folders: [folderOf(t, { "bad.yaml": bad })] });
  const keys = refused.problems.flatMap(({ allowed }) => allowed);
  assert.ok(keys.length > 20);
  assert.deepEqual(
    keys.filter((key) => !text.includes(`\`${key}\``)),
    [],
  );
});
