/** What a model claims is held against the case, and what it says is fit to be shown whatever it is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readAnswer, type Answer } from "../../src/diagnose/answer-schema.ts";
import type { CaseFile } from "../../src/diagnose/case.ts";
import { allowedCauses, check } from "../../src/diagnose/check.ts";
import { restoredReport } from "../../src/diagnose/restore.ts";
import type { Risk } from "../../src/model/cause.ts";
import { CASE, GOOD } from "./stuck-case.ts";

test("an answer from the case alone has nothing against it", () => {
  assert.deepEqual(check(GOOD, CASE), { report: GOOD, objections: [] });
});

const WRONG: [what: string, answer: Partial<Answer>, objection: string, subject: string][] = [
  ["an entity that is not there", { cited: ["pid-12", "eth0"] }, "foreign_entity", "eth0"],
  ["a cause that the evidence does not show", { root_cause: "storage.slow" }, "foreign_cause", "storage.slow"],
  ["a process named in the text", { explanation: "pid-4711 holds it" }, "foreign_entity", "pid-4711"],
  ["no citation at all", { cited: [] }, "no_citation", ""],
  ["a stranger to be killed", steps("kill -9 4711"), "foreign_pid", "4711"],
  ["everybody to be killed", steps("sudo kill -9 -1"), "foreign_pid", "1"],
  ["a stranger within a script", steps(`bash -c "sleep 1; kill 4711"`), "foreign_pid", "4711"],
  ["a stranger's file", steps("echo 1 > /proc/4711/oom_score_adj"), "foreign_pid", "4711"],
  ["a second line", steps("kill -CONT 12\nreboot"), "unprintable", "kill -CONT 12 reboot"],
  ["an escape sequence", steps("echo \u001b[2J"), "unprintable", "echo ?[2J"],
  ["text that runs the other way", steps("echo \u202egpj.exe"), "unprintable", "echo ?gpj.exe"],
];

for (const [what, change, kind, subject] of WRONG) {
  test(`is objected to: ${what}`, () => {
    const { report, objections } = check({ ...GOOD, ...change }, CASE);
    assert.deepEqual(objections, [{ kind, subject }]);
    assert.ok(report.cited.every((id) => CASE.entities.includes(id)));
    if (change.steps !== undefined) assert.equal(report.steps[0]?.command, null, "it is not there to be pasted");
  });
}

test("unknown may always be said, and of a process that is well what its verdict says", () => {
  assert.deepEqual(check({ ...GOOD, root_cause: "unknown", cited: [] }, CASE).objections, []);
  const idle: CaseFile["why"] = { ...CASE.why, verdict: "idle", root_causes: [] };
  assert.deepEqual([...allowedCauses(idle)], ["unknown", "process.idle"]);
});

test("a thread of the case and the asked process may be named", () => {
  const file: CaseFile = { ...CASE, entities: [...CASE.entities, "pid-12/tid-13", "other/pid-14"] };
  for (const command of ["cat /proc/12/task/13/stack", "kill -CONT 13", "cat /proc/10/stack", "cat /proc/14/stack"]) {
    assert.deepEqual(check({ ...GOOD, ...steps(command) }, file).objections, [], command);
  }
});

test("a command's risk is what our own reading says, or more where the model says so", () => {
  const told: [command: string, claimed: Risk, shown: Risk][] = [
    ["kill -9 12", "safe", "destructive"],
    ["kill -CONT 12", "safe", "safe"],
    ["kill -CONT 12", "disruptive", "disruptive"],
    ["cat /proc/12/status", "safe", "safe"],
    ["frobnicate 12", "safe", "disruptive"],
  ];
  for (const [command, claimed, shown] of told) {
    const { report } = check({ ...GOOD, ...steps(command, claimed) }, CASE);
    assert.equal(report.steps[0]?.risk, shown, command);
  }
});

test("whatever it says is bounded and printable", () => {
  const hostile = `\u001b]0;owned\u0007${"a\n".repeat(10_000)}`;
  const step = { text: hostile, command: `echo ${"x".repeat(5_000)}`, risk: "safe" as const };
  const answer: Answer = {
    root_cause: "process.stopped",
    explanation: hostile,
    steps: Array.from({ length: 1000 }, () => step),
    prevention: Array.from({ length: 1000 }, () => hostile),
    confidence: 1e9,
    cited: Array.from({ length: 1000 }, (_, at) => `pid-${at}`),
  };
  const { report, objections } = check(answer, CASE);
  assert.ok(JSON.stringify(report).length < 30_000);
  assert.ok(JSON.stringify(objections).length < 30_000);
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(JSON.stringify([report, objections]), /[\u0000-\u001f]|\\u00|\\n/);
  assert.equal(report.confidence, 1);
});

test("the JSON is found in what is wrapped around it", () => {
  const json = JSON.stringify(GOOD);
  for (const text of [json, `\`\`\`json\n${json}\n\`\`\``, `<think>maybe {1}</think>\n${json}`, `Here: ${json} Bye.`]) {
    assert.deepEqual(readAnswer(text), { kind: "answer", answer: GOOD });
  }
  for (const text of ["", "no", "{", "}{", "{broken}"]) assert.deepEqual(readAnswer(text), { kind: "not_json" });
});

test("what has another shape is named, and used as far as it goes", () => {
  const odd = { ...GOOD, root_cause: "gremlins", confidence: "high", steps: [{ text: "Wait." }, 7], cited: "pid-12" };
  const read = readAnswer(JSON.stringify(odd));
  assert.ok(read.kind === "misfit");
  assert.match(read.misfit, /^root_cause: /);
  assert.deepEqual(read.partial, {
    ...GOOD,
    root_cause: "unknown",
    confidence: 0,
    steps: [{ text: "Wait.", command: null, risk: "destructive" }],
    cited: [],
  });
  assert.deepEqual(readAnswer("{}"), { ...readAnswer("{}"), partial: undefined });
});

test("the user's own names come back into the report, a shell's doings do not", () => {
  const names = new Map([
    ["[host-1]", "node-7"],
    ["[host-2]", "a;reboot"],
    ["[home-1]", "/srv/ann"],
  ]);
  const restore = (text: string): string => text.replace(/\[\w+-\d\]/g, (piece) => names.get(piece) ?? piece);
  const own = { text: "Thaw it.", command: "echo 0 | sudo tee /docker/[secret-1]/f", risk: "safe" as const };
  const [cause] = CASE.why.root_causes;
  assert.ok(cause !== undefined);
  const masked = { ...CASE.why, root_causes: [{ ...cause, advice: [own] }] };
  const command = "echo 0 | sudo tee /docker/3f4e8b2a/f";
  const plain = { ...CASE.why, root_causes: [{ ...cause, advice: [{ ...own, command }] }] };
  const report = {
    ...GOOD,
    explanation: "It is on [host-1], the token is [secret-1].",
    steps: [own, ...steps("cat [home-1]/log").steps, ...steps("ping [host-2]").steps],
  };
  const restored = restoredReport(report, { masked, plain, restore });
  assert.equal(restored.explanation, "It is on node-7, the token is [secret-1].");
  assert.deepEqual(
    restored.steps.map((step) => step.command),
    [command, "cat /srv/ann/log", "ping [host-2]"],
  );
});

function steps(command: string, risk: Risk = "destructive"): Pick<Answer, "steps"> {
  return { steps: [{ text: "Do it.", command, risk }] };
}
