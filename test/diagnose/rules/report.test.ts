import assert from "node:assert/strict";
import { test, type TestContext } from "node:test";
import { matchingRules, openness, specificity } from "../../../src/diagnose/rules/best.ts";
import { loadRules } from "../../../src/diagnose/rules/load.ts";
import { reportFromRules } from "../../../src/diagnose/rules/report.ts";
import type { Condition, Rule } from "../../../src/diagnose/rules/rule.ts";
import { CAUSES, CAUSE_KINDS } from "../../../src/model/cause.ts";
import { sentencesOf } from "../../../src/views/sentences/index.ts";
import { event, held, process, wait } from "../../views/cases.ts";
import { caseOf, logOf } from "./case.ts";
import { folderOf, ruleText, type Parts } from "./folder.ts";

const { rules } = await loadRules({ env: { XCTL_RULES_DIR: "/nonexistent" } });

async function ruleOf(t: TestContext, parts: Parts): Promise<Rule> {
  const loaded = await loadRules({ folders: [folderOf(t, { "rule.yaml": ruleText(parts) })] });
  assert.deepEqual(loaded.problems, []);
  return loaded.rules[0] as Rule;
}

const stoppedReader = [
  process(200, "sleeping", "gzip"),
  wait(200, "pipe.write", "pipe:5150", 12_400),
  held("pipe:5150", 201, "reader", "pipe:[5150] open for reading"),
  process(201, "stopped", "ssh"),
];

test("of a process that is idle or at work it says that nothing is wrong, and advises nothing", () => {
  const idle = caseOf([process(600, "sleeping", "nginx"), wait(600, "epoll", "epoll:600:8", 700_000)]);
  assert.deepEqual(reportFromRules(idle, rules, "en"), {
    root_cause: "process.idle",
    explanation:
      "nginx (600) is idle. Nothing is wrong. nginx (600) waits for events (epoll), as it does while there is nothing to do.",
    steps: [],
    prevention: [],
    confidence: 0.97,
    cited: ["pid-600"],
  });
  const busy = reportFromRules(caseOf([process(601, "running", "node")], "zh"), rules, "zh");
  assert.equal(busy.root_cause, "process.busy");
  assert.match(busy.explanation, /正在运行，没有受阻。/);
  assert.deepEqual([busy.steps, busy.prevention], [[], []]);
});

test("where no rule fits, the catalogue of causes speaks: along the chain, with its steps and how to prevent it", () => {
  const file = caseOf(stoppedReader);
  const report = reportFromRules(file, [], "en");
  assert.equal(
    report.explanation,
    "gzip (200) has been blocked for 12.4 s. gzip (200) writes to a full pipe (pipe:5150); the reader is ssh (201). " +
      "ssh (201) is stopped by a signal. It goes on only when it gets SIGCONT.",
  );
  assert.deepEqual(report.steps, [{ text: "Let ssh (201) go on.", command: "kill -CONT 201", risk: "safe" }]);
  assert.equal(report.prevention.length, 1);
  assert.equal(report.confidence, file.why.root_causes[0]?.confidence);
  assert.deepEqual(report.cited.toSorted(), ["pid-200", "pid-201"]);
});

test("every kind of cause that somebody should do something about has a way to prevent it, in both languages", () => {
  for (const lang of ["en", "zh"] as const) {
    const known: Record<string, readonly string[]> = sentencesOf(lang).report.prevention;
    for (const kind of CAUSE_KINDS) {
      const { weight } = CAUSES[kind];
      if (weight === "fault" || weight === "slow") assert.ok((known[kind]?.length ?? 0) > 0, `${kind} ${lang}`);
    }
  }
});

test("what cannot be told is not made up", () => {
  const file = caseOf([process(700, "sleeping", "java"), wait(700, "futex", "futex:700:7f00dead", 60_000)]);
  const report = reportFromRules(file, rules, "en");
  assert.equal(report.root_cause, "unknown");
  assert.ok(report.confidence <= 0.3);
});

test("a long chain is told by its first and last steps", () => {
  const length = 20;
  const events = Array.from({ length }, (_, place) => 100 + place).flatMap((pid) => [
    process(pid, "sleeping", `p${pid}`),
    wait(pid, "pipe.read", `pipe:${pid}`, 60_000),
    held(`pipe:${pid}`, pid + 1, "writer", "open"),
  ]);
  const { explanation } = reportFromRules(caseOf([...events, process(100 + length, "stopped", "last")]), [], "en");
  assert.match(explanation, /p100 \(100\) reads.*p103 \(103\) reads.*… and so on, over 12 more steps\. p116 \(116\)/);
  assert.match(explanation, /the writer is last \(120\)/);
});

test("the confidence is never above the cause's own, nor the rule's", async (t) => {
  const [first, waiting, hold, reader] = stoppedReader;
  assert.ok(first !== undefined && waiting !== undefined && hold !== undefined && reader !== undefined);
  const doubted = [first, waiting, { ...hold, attrs: { ...hold.attrs, certainty: "inferred" } }, reader];
  const file = caseOf(doubted);
  const own = file.why.root_causes[0]?.confidence ?? 1;
  assert.ok(own < 0.9);
  const rule = await ruleOf(t, {});
  assert.equal(reportFromRules(file, [rule], "en").confidence, own);
  assert.equal(reportFromRules(caseOf(stoppedReader), [rule], "en").confidence, 0.9);
});

test("names of hostile things reach a command as one harmless word, or not at all", async (t) => {
  const steps = "[{ text: 'See {lock}.', command: 'ls -l {lock.path}', risk: safe }]";
  const rule = await ruleOf(t, { when: "{ wait: { kind: flock, as: lock } }", steps, more: "advice: none" });
  const commandFor = (label: string) => {
    const events = [process(10, "sleeping", "a"), wait(10, "flock", "lock:08:01:1", 9000, { label, holder: "hidden" })];
    return reportFromRules(caseOf(events), [rule], "en").steps[0]?.command;
  };
  assert.equal(commandFor("/var/lock/a"), "ls -l /var/lock/a");
  assert.equal(commandFor("/tmp/$(reboot); rm -rf '/'"), "ls -l '/tmp/$(reboot); rm -rf '\\''/'\\'''");
  assert.equal(commandFor("/tmp/a\nreboot"), null);
  assert.equal(commandFor("/tmp/\u001b[2J"), null);
  assert.equal(commandFor("--help"), null);
  assert.equal(commandFor("/data/[secret-1]/x"), null);
});

test("an id that looks like an option is none of a command's words", async (t) => {
  const steps = "[{ text: See., command: 'ip link show {cause.id}', risk: safe }]";
  const rule = await ruleOf(t, { when: "{ cause: network.link_down }", steps, more: "advice: none" });
  const commandFor = (id: string) => {
    const events = [
      process(10, "sleeping", "a"),
      event("transport.bw", id, "IO_WAIT", 10),
      event("topo.link_down", id, "DOWN"),
    ];
    return reportFromRules(caseOf(events), [rule], "en").steps[0]?.command;
  };
  assert.equal(commandFor("eth0"), "ip link show eth0");
  assert.equal(commandFor("-batch"), null);
});

test("a rule gives no command for what is on another host", () => {
  const remote = logOf("data-loader-worker-dead");
  for (const each of remote) each.node = "node-b";
  const { steps, explanation } = reportFromRules(caseOf(remote), rules, "en");
  assert.match(explanation, /on node-b/);
  assert.ok(steps.length > 2);
  assert.deepEqual(
    steps.filter(({ command }) => command !== null),
    [],
  );
});

test("an error that is over, old, only a warning, or another process's makes no rule fit", () => {
  const [first, second, xid] = logOf("gpu-nvlink");
  assert.ok(first !== undefined && second !== undefined && xid !== undefined);
  // The GPU has another error, so the cause is the same.
  const other = { ...xid, value: "XID_79:lost", ts: xid.ts - 1 };
  const best = (late: typeof xid) =>
    matchingRules(caseOf([first, second, other, late]), rules).map(({ rule }) => rule.id);
  assert.ok(best(xid).includes("gpu-nvlink"));
  for (const late of [
    { ...xid, attrs: { ...xid.attrs, ended: true } },
    { ...xid, attrs: { ...xid.attrs, severity: "warning" } },
    { ...xid, pid: 999, attrs: { ...xid.attrs, scope: "process" } },
    { ...xid, entity_id: "gpu-04" },
  ]) {
    assert.ok(!best(late).includes("gpu-nvlink"), JSON.stringify(late));
  }
});

test("an error of one process alone is known by the chain, however long ago it was told", () => {
  const file = { ...caseOf(logOf("disk-full")), events: [] };
  assert.equal(matchingRules(file, rules)[0]?.rule.id, "disk-full");
});

test("of several rules that fit: the more demanding, then the explicit order, the narrower, the name", async (t) => {
  const general = await ruleOf(t, { id: "general" });
  const first = await ruleOf(t, { id: "a-general" });
  const wide = await ruleOf(t, { id: "a-wide", when: "{ cause: [process.stopped, process.traced] }" });
  const wanted = await ruleOf(t, { id: "z-general", more: "priority: 1" });
  const close = await ruleOf(t, { id: "close", when: "{ cause: process.stopped, wait: pipe.write }" });
  const closer = await ruleOf(t, {
    id: "closer",
    when: "{ cause: process.stopped, path: [{ wait: pipe.write }, { holder: reader }] }",
  });
  const sorted = matchingRules(caseOf(stoppedReader), [wide, general, first, wanted, close, closer]);
  assert.deepEqual(
    sorted.map(({ rule }) => rule.id),
    ["closer", "close", "z-general", "a-general", "general", "a-wide"],
  );
});

test("a condition is as demanding as the most demanding of its alternatives that holds", () => {
  const blocked: Condition = { verdict: ["blocked"] };
  const onTcp: Condition = { wait: { kind: ["tcp.*"] } };
  const either: Condition = { any: [blocked, onTcp] };
  assert.equal(
    specificity(either, (each) => each === onTcp),
    1,
  );
  assert.equal(
    specificity(either, () => true),
    2,
  );
  const both: Condition = { all: [blocked, { error: { head: ["XID_79"], as: "gpu" } }] };
  assert.equal(
    specificity(both, () => true),
    4,
  );
});

test("a condition leaves open what its lists and alternatives have beside one", () => {
  const listed: Condition = { error: { head: ["XID_79", "GPU_LOST"] } };
  assert.equal(openness({ verdict: ["blocked"] }), 0);
  assert.equal(openness(listed), 1);
  assert.equal(openness({ any: [listed, { verdict: ["blocked"] }], path: [{ wait: { kind: ["a", "b", "c"] } }] }), 4);
});

const CONDITIONS: [condition: string, fits: boolean][] = [
  ["{ verdict: [blocked, stopped] }", true],
  ["{ verdict: idle }", false],
  ["{ cause: { kind: process.stopped, entity: pid-201, certainty: observed } }", true],
  ["{ cause: { kind: process.stopped, certainty: inferred } }", false],
  ["{ also: process.stopped }", false],
  ["{ process: { comm: gzip, state: sleeping } }", true],
  ["{ process: { comm: ssh } }", false],
  ["{ culprit: { comm: ssh } }", true],
  ["{ subject: { comm: 's?h' } }", true],
  ["{ involved: { comm: ssh } }", true],
  ["{ involved: { comm: nobody } }", false],
  ["{ process: { job: false, container: false } }", true],
  ["{ process: { job: true } }", false],
  ["{ process: { resources: gpu-* } }", false],
  ["{ wait: pipe.* }", true],
  ["{ wait: { kind: pipe.write, on: 'pipe:5150', by: { comm: gzip } } }", true],
  ["{ wait: { kind: pipe.write, by: { comm: ssh } } }", false],
  ["{ holder: { role: reader, process: { comm: ssh }, last: true } }", true],
  ["{ holder: writer }", false],
  ["{ path: [{ wait: pipe.write }, { holder: reader }] }", true],
  ["{ path: [{ holder: reader }, { wait: pipe.write }] }", false],
  ["{ evidence: { source: '/proc/*/stat', observed: 'state T*' } }", true],
  ["{ evidence: { observed: 'state S*' } }", false],
  ["{ blocked_ms: { min: 10000 } }", true],
  ["{ blocked_ms: { min: 60000 } }", false],
  ["{ blocked_ms: { max: 10000 } }", false],
  ["{ not: { verdict: idle } }", true],
  ["{ not: { verdict: blocked } }", false],
  ["{ any: [{ verdict: idle }, { wait: pipe.write }] }", true],
  ["{ all: [{ verdict: blocked }, { wait: pipe.read }] }", false],
  ["{ error: '*' }", false],
];

for (const [condition, fits] of CONDITIONS) {
  test(`the condition ${condition} ${fits ? "holds" : "does not hold"}`, async (t) => {
    const rule = await ruleOf(t, { when: condition });
    assert.equal(matchingRules(caseOf(stoppedReader), [rule]).length, fits ? 1 : 0);
  });
}

test("a holder after a wait has what that wait is for, not what a later one is for", async (t) => {
  const rule = await ruleOf(t, { when: "{ path: [{ wait: child }, { holder: reader }] }" });
  const behindChild = [
    process(199, "sleeping", "sh"),
    wait(199, "child", "child:200", 13_000),
    held("child:200", 200, "child", "state S, parent 199"),
    ...stoppedReader,
  ];
  const file = caseOf(behindChild);
  assert.equal(file.why.chain.length, 4);
  assert.deepEqual(matchingRules(file, [rule]), []);
  const any = await ruleOf(t, { when: "{ path: [{ wait: child }, { wait: pipe.write }, { holder: reader }] }" });
  assert.equal(matchingRules(file, [any]).length, 1);
});
