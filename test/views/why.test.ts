import assert from "node:assert/strict";
import { test } from "node:test";
import { explain } from "../../src/model/why.ts";
import { explainAll } from "../../src/model/why-all.ts";
import type { ProcessNode } from "../../src/model/nodes.ts";
import type { Hop, WhyDocument } from "../../src/model/documents.ts";
import { chainLines } from "../../src/views/chain.ts";
import { sentencesOf } from "../../src/views/sentences/index.ts";
import type { Style } from "../../src/views/style.ts";
import { whyAllDocument, whyAllText } from "../../src/views/why-all.ts";
import { explainJob } from "../../src/model/why-job.ts";
import { whyJobDocument, whyJobText } from "../../src/views/why-job.ts";
import { whyDocument, whyText } from "../../src/views/why.ts";
import { displayWidth } from "../../src/views/width.ts";
import { CASES, event, graphOf, held, JOB_EVENTS, JOB_ID, NOW_MS, process, wait, type Case } from "./cases.ts";
import { assertGolden } from "./golden.ts";

const STYLES: Style[] = [
  { color: false, width: 80, lang: "en", unicode: true },
  { color: false, width: 80, lang: "zh", unicode: true },
  { color: false, width: 40, lang: "en", unicode: false },
];
const COMMAND_LINE = /^ {7,}\S/;

for (const [name, given] of Object.entries<Case>(CASES)) {
  test(`what is said of ${name}`, () => {
    const sections = STYLES.map((style) => `# ${style.lang}, ${style.width} columns\n${textOf(given, style)}\n`);
    assertGolden(`why-${name}`, sections.join("\n"));
  });
}

for (const lang of ["en", "zh"] as const) {
  test(`on a narrow terminal every line fits but the commands, which are whole: ${lang}`, () => {
    for (const [name, given] of Object.entries<Case>(CASES)) {
      for (const width of [40, 60]) {
        const lines = textOf(given, { color: false, width, lang, unicode: true }).split("\n");
        const wide = lines.filter((line) => displayWidth(line) > width && !COMMAND_LINE.test(line));
        assert.deepEqual(wide, [], name);
        assert.deepEqual(
          lines.filter((line) => line !== line.trimEnd()),
          [],
          name,
        );
      }
    }
  });
}

test("a command is in the text as the document has it, at any width", () => {
  const document = documentOf(CASES["gpu-fault"]);
  const command = document.root_causes[0]?.advice[0]?.command;
  assert.ok(typeof command === "string" && command.length > 40);
  const lines = whyText(document, { color: false, width: 40, lang: "en", unicode: true }).split("\n");
  assert.ok(lines.some((line) => line.trim() === command));
});

test("the document is the contract's", () => {
  const document = documentOf(CASES["stopped-reader"]);
  assert.deepEqual(document, {
    schema: "xctl.why/1",
    process: {
      node: "node-a",
      pid: 200,
      start_ms: NOW_MS - 3_600_000 + 200,
      comm: "gzip",
      cmdline: "gzip -c dump.sql",
      state: "sleeping",
      job_id: null,
      rank: null,
      job_role: null,
      flight_record: null,
      container: "web-1",
      ended: null,
    },
    verdict: "blocked",
    blocked_ms: 12_400,
    chain: [
      { from: "pid-200", edge: "waits_on", to: "pipe:5150", detail: "pipe.write", certainty: "observed" },
      { from: "pipe:5150", edge: "held_by", to: "pid-201", detail: "reader", certainty: "observed" },
    ],
    root_causes: [
      {
        kind: "process.stopped",
        entity_id: "pid-201",
        pid: 201,
        pids: [201],
        tids: [],
        confidence: 0.97,
        certainty: "observed",
        summary: "ssh (201) is stopped by a signal. It goes on only when it gets SIGCONT.",
        evidence: [{ source: "/proc/201/stat", observed: "state T (stopped)" }],
        advice: [{ text: "Let ssh (201) go on.", command: "kill -CONT 201", risk: "safe" }],
      },
    ],
    blind_spots: [],
    names: { "pid-200": "gzip", "pid-201": "ssh" },
  });
});

test("a cause without an actor has no pid", () => {
  const [cause] = documentOf(CASES["gpu-fault"]).root_causes;
  assert.equal(cause?.kind, "gpu.error");
  assert.ok(cause !== undefined && !("pid" in cause));
});

test("a command that cannot be shown as it is, is not offered", () => {
  assert.equal(thawCommandFor("/app"), "echo 0 | sudo tee /sys/fs/cgroup/app/cgroup.freeze");
  assert.equal(thawCommandFor("/app\u001b[2J"), null);
});

test("a chain through threads, a direct wait for a process, and doubt", () => {
  const chain: Hop[] = [
    { from: "pid-10", edge: "waits_on", to: "pid-11", detail: "vfork", certainty: "derived" },
    {
      from: "pid-11/tid-12",
      edge: "waits_on",
      to: "futex:11:f0",
      detail: "syscall.futex_waitv",
      certainty: "observed",
    },
    { from: "futex:11:f0", edge: "held_by", to: "node-b/pid-13", detail: "keeper", certainty: "inferred" },
    { from: "node-b/pid-13", edge: "consumes", to: "gpu-01", detail: "compute.util", certainty: "observed" },
    { from: "gpu-01", edge: "blocked_by", to: "error:gpu-01:error.hw:XID_79", detail: "XID_79", certainty: "observed" },
  ];
  const names = { "pid-10": "make", "pid-11/tid-12": "java", "node-b/pid-13": "python3" };
  assert.deepEqual(chainLines(chain, names, STYLES[0] as Style, sentencesOf("en")), [
    "make (10)",
    "│ waits until its child starts a program (vfork)",
    "└─ child: java (11) thread 12  (derived)",
    "   │ waits in the system call futex_waitv  futex:11:f0",
    "   └─ keeper: python3 (13) on node-b  (inferred)",
    "      │ uses  gpu-01",
    "      └─ error: XID_79",
  ]);
});

test("a deadlock within one process speaks of its threads, and of no other process", () => {
  const events = [
    process(10, "sleeping", "app", { threads: 3 }),
    wait(10, "flock", "lock:08:01:1", 9_000),
    event("resource.held", "lock:08:01:1", "owner", 10, { tid: 12 }),
    wait(10, "flock", "lock:08:01:2", 9_000, { tid: 12 }),
    event("resource.held", "lock:08:01:2", "owner", 10),
  ];
  const [cause] = documentOf({ events, ask: 10 }).root_causes;
  assert.equal(cause?.kind, "process.deadlock");
  assert.match(cause.summary, /^Threads of app \(10\) wait for each other/);
  assert.deepEqual(cause.advice[0]?.text, "End app (10); nothing else lets it go on.");
});

test("red is for faults: a parent of a child at work is not marked with it", () => {
  const events = [
    process(10, "sleeping", "sh"),
    wait(10, "child", "child:11", 9_000),
    held("child:11", 11, "child", "state R, parent 10"),
    process(11, "running", "cc1"),
  ];
  assert.equal(isMarkedRed({ events, ask: 10 }), false);
  assert.equal(isMarkedRed(CASES["stopped-reader"]), true);
});

test("other possible causes and blind spots are told in short", () => {
  const document = documentOf(CASES["stopped-reader"]);
  const [best] = document.root_causes;
  assert.ok(best !== undefined);
  const other = { ...best, summary: "gdb (9) holds it.", confidence: 0.582, certainty: "inferred" as const };
  const text = whyText(
    { ...document, root_causes: [best, other], blind_spots: ["Not everything."] },
    STYLES[0] as Style,
  );
  assert.ok(
    text.includes("\nAlso possible\n  · gdb (9) holds it. (58% sure, inferred)\n\nNot seen\n  · Not everything."),
  );
});

test("a job: its ranks, and what holds it up", () => {
  const graph = graphOf(JOB_EVENTS);
  const job = explainJob(graph, found(graph.job(JOB_ID)), NOW_MS);
  const text = STYLES.map((style) => {
    const document = whyJobDocument(JOB_ID, job, { lang: style.lang, graph });
    return `# ${style.lang}, ${style.width} columns\n${whyJobText(document, style)}\n`;
  });
  assertGolden("why-job", text.join("\n"));
});

function textOf(given: Case, style: Style): string {
  if (given.ask !== undefined) return whyText(documentOf(given, style.lang), style);
  const graph = graphOf(given.events);
  return whyAllText(whyAllDocument(explainAll(graph, NOW_MS), { lang: style.lang, graph }), style);
}

function isMarkedRed(given: Case): boolean {
  return textOf(given, { ...(STYLES[0] as Style), color: true }).includes("\u001b[31m\u001b[1m▶");
}

function thawCommandFor(cgroup: string): string | null | undefined {
  const document = documentOf({ events: [process(900, "frozen", "app", { cgroup })], ask: 900 });
  assert.equal(document.root_causes[0]?.kind, "process.frozen");
  return document.root_causes[0]?.advice[0]?.command;
}

function documentOf(given: Case, lang: "en" | "zh" = "en"): WhyDocument {
  const graph = graphOf(given.events);
  const asked = found(graph.process(given.ask ?? 0));
  return whyDocument(explain(graph, asked, NOW_MS), { lang, graph, container: "web-1" });
}

function found<T>(value: T | undefined): T {
  assert.ok(value !== undefined);
  return value;
}

const ENDS: [observed: string, en: string | null, zh: string | null][] = [
  ["exited with status 3", "exited with status 3", "退出码为 3"],
  ["killed by SIGTERM", "killed by SIGTERM", "被 SIGTERM 终止"],
  [
    "killed by SIGKILL from the OOM killer",
    "killed by SIGKILL from the OOM killer",
    "被 OOM killer 发出的 SIGKILL 终止",
  ],
  ["killed by SIGABRT from itself", "killed by SIGABRT from itself", "被 自身 发出的 SIGABRT 终止"],
  ["killed by SIGKILL from a\u001b (1)", "killed by SIGKILL from a? (1)", "被 a? (1) 发出的 SIGKILL 终止"],
  ["gone", "gone", "gone"],
];

for (const [observed, en, zh] of ENDS) {
  test(`how a process ended: ${JSON.stringify(observed)}`, () => {
    const events = [process(5, "running", "a"), event("process.state", "pid-5", "exit", 5, { source: "s", observed })];
    const graph = graphOf(events);
    const explanation = explain(graph, graph.process(5) as ProcessNode, NOW_MS);
    const ended = (["en", "zh"] as const).map(
      (lang) => whyDocument(explanation, { graph, lang, container: null }).process.ended,
    );
    assert.deepEqual(ended, [en, zh]);
  });
}

test("nobody saw how it ended, or it has not", () => {
  const graph = graphOf([
    process(5, "zombie", "a"),
    process(6, "running", "b"),
    event("process.state", "pid-6", "exit", 6),
  ]);
  for (const pid of [5, 6]) {
    const explanation = explain(graph, graph.process(pid) as ProcessNode, NOW_MS);
    assert.equal(whyDocument(explanation, { graph, lang: "en", container: null }).process.ended, null);
  }
});
