import assert from "node:assert/strict";
import { test } from "node:test";
import type { Attrs, Event } from "../../src/model/event.ts";
import { psDocument, psText, type PsAnswer } from "../../src/views/ps.ts";
import type { Style } from "../../src/views/style.ts";
import { displayWidth } from "../../src/views/width.ts";
import { CASES, event, graphOf, held, JOB_EVENTS, JOB_ID, NOW_MS, process, wait } from "./cases.ts";
import { assertGolden } from "./golden.ts";

const style: Style = { color: false, width: 100, lang: "en", unicode: true };

function answer(events: readonly Event[], options: { all?: boolean; job?: string; nowMs?: number } = {}): PsAnswer {
  return psDocument(graphOf(events), { nowMs: NOW_MS, ...options });
}

function pids(events: readonly Event[], options: { all?: boolean; job?: string } = {}): number[] {
  return answer(events, options).processes.map(({ pid }) => pid);
}

const ACTIVE: [what: string, active: boolean, events: Event[]][] = [
  ["runs", true, [process(5, "running", "a")]],
  ["is blocked", true, [process(5, "blocked", "a")]],
  ["is stopped", true, [process(5, "stopped", "a")]],
  ["is a zombie", true, [process(5, "zombie", "a")]],
  ["sleeps, and nobody knows on what", false, [process(5, "sleeping", "a")]],
  ["sleeps on a timer", false, [process(5, "sleeping", "a"), wait(5, "sleep", "sleep:5", 9)]],
  ["waits in an event loop", false, [process(5, "sleeping", "a"), wait(5, "epoll", "epoll:5:3", 9)]],
  ["waits for a person to type", false, [process(5, "sleeping", "a"), wait(5, "tty.read", "tty:pts/1", 9)]],
  [
    "waits for a request",
    false,
    [process(5, "sleeping", "a"), wait(5, "tcp.recv", "tcp:a:1-b:2", 9, { serves: true })],
  ],
  ["waits for a lock", true, [process(5, "sleeping", "a"), wait(5, "flock", "lock:08:01:7", 9)]],
  ["has an idle pool of threads", false, [process(5, "sleeping", "a"), wait(5, "futex", "futex:5:1", 9, { tid: 6 })]],
  [
    "has a thread that waits for a lock",
    true,
    [
      process(5, "sleeping", "a"),
      wait(5, "flock", "lock:08:01:7", 9, { tid: 6 }),
      held("lock:08:01:7", 7, "owner", ""),
    ],
  ],
  ["sleeps, but uses a GPU", true, [process(5, "sleeping", "a"), event("compute.util", "gpu-00", "3", 5)]],
  ["sleeps, but belongs to a job", true, [{ ...process(5, "sleeping", "a"), job_id: "j" }]],
  ["is a kernel thread at work", false, [process(5, "running", "kworker/0:1", { kthread: true })]],
];

for (const [what, active, events] of ACTIVE) {
  test(`${active ? "listed" : "only with --all"}: a process that ${what}`, () => {
    assert.equal(pids(events).includes(5), active);
    assert.ok(pids(events, { all: true }).includes(5));
  });
}

test("an exited process is not listed", () => {
  const events = [process(5, "running", "a"), event("process.state", "pid-5", "exit", 5)];
  assert.deepEqual(pids(events, { all: true }), []);
});

test("a job's processes only", () => {
  const events = [...JOB_EVENTS, process(5, "running", "a")];
  assert.deepEqual(pids(events, { job: JOB_ID }), [30, 31, 32]);
  assert.deepEqual(pids(events, { job: "other" }), []);
});

const inPod = (pid: number, attrs = {}) => ({ ...process(pid, "sleeping", "a", attrs), job_id: "pod:2f1c7e5a" });
const member = (pid: number, comm: string, attrs: Attrs) => ({
  ...process(pid, "sleeping", comm, attrs),
  job_id: "j",
});
const exit = (pid: number) => event("process.state", `pid-${pid}`, "exit", pid);

test("a pod makes nobody active, a place in a job does", () => {
  assert.deepEqual(pids([inPod(5), inPod(6, { rank: 1, job_role: "rank" })]), [6]);
  assert.deepEqual(pids([inPod(5)], { job: "pod:2f1c7e5a" }), [5]);
});

test("of a job all are listed by their place in it, and the ranks that are gone", () => {
  const events = [
    member(5, "python3", { job_role: "rank", rank: 1 }),
    member(6, "python3", { job_role: "rank", rank: 0 }),
    member(7, "loader", { job_role: "helper", rank: 0 }),
    member(8, "make", { job_role: "helper", rank: 0 }),
    member(9, "bash", {}),
    member(10, "torchrun", { job_role: "launcher" }),
    exit(5),
    exit(8),
  ];
  assert.deepEqual(psText(answer(events, { job: "j" }), style).split("\n"), [
    "PID  JOB_ID  RANK      RESOURCES  STATE     WAITS  FOR  COMMAND",
    " 10  j       launcher  -          sleeping  -        -  torchrun",
    "  6  j       0         -          sleeping  -        -  python3",
    "  7  j       0 helper  -          sleeping  -        -  loader",
    "  5  j       1         -          exit      -        -  python3",
    "  9  j       -         -          sleeping  -        -  bash",
  ]);
  assert.deepEqual(pids(events), [6, 7, 9, 10]);
});

test("a row is the contract's; its waits begin with the longest that is no rest", () => {
  const events = [
    { ...process(5, "sleeping", "a", { cmdline: "a -b", rank: 3 }), job_id: "j" },
    event("compute.util", "gpu-00", "3", 5),
    wait(5, "epoll", "epoll:5:3", 90_000),
    wait(5, "flock", "lock:08:01:7", 4_000, { tid: 6, holder: "hidden" }),
    wait(5, "pipe.read", "pipe:9", 7_000, { tid: 8, holder: "none" }),
  ];
  assert.deepEqual(answer(events).processes, [
    {
      node: "node-a",
      pid: 5,
      start_ms: NOW_MS - 3_600_000 + 5,
      comm: "a",
      cmdline: "a -b",
      job_id: "j",
      rank: 3,
      local_rank: null,
      job_role: null,
      state: "sleeping",
      resources: ["gpu-00"],
      waits: [
        { entity_id: "pipe:9", kind: "pipe.read", tid: 8, since_ms: NOW_MS - 7_000 },
        { entity_id: "lock:08:01:7", kind: "flock", tid: 6, since_ms: NOW_MS - 4_000 },
        { entity_id: "epoll:5:3", kind: "epoll", tid: 5, since_ms: NOW_MS - 90_000 },
      ],
      blocked_ms: 7_000,
    },
  ]);
});

test("a resource that fell silent is marked", () => {
  const events = [process(5, "running", "a"), event("compute.util", "gpu-00", "3", 5)];
  const fresh = answer(events, { nowMs: NOW_MS + 50_000 });
  const stale = answer(events, { nowMs: NOW_MS + 70_000 });
  assert.deepEqual([fresh.stale_resources, stale.stale_resources], [[], ["gpu-00"]]);
  assert.doesNotMatch(psText(fresh, style), /stale/);
  assert.match(psText(stale, style), /gpu-00 \(stale\)/);
});

test("more than one wait is counted, and only what helps is shown of the first", () => {
  const events = [
    process(5, "sleeping", "make"),
    wait(5, "child", "children:5", 192_000),
    wait(5, "flock", "lock:08:01:7", 9, { tid: 6, holder: "hidden" }),
    wait(5, "epoll", "epoll:5:1", 9, { tid: 7 }),
  ];
  assert.match(psText(answer(events), style), /child \+2 more {2}3m12s {2}make$/);
});

test("processes of several hosts get a column for it", () => {
  const events = [process(5, "running", "a"), { ...process(5, "running", "b"), node: "node-b" }];
  assert.deepEqual(psText(answer(events), style).split("\n"), [
    "PID  NODE    JOB_ID  RESOURCES  STATE    WAITS  FOR  COMMAND",
    "  5  node-a  -       -          running  -        -  a",
    "  5  node-b  -       -          running  -        -  b",
  ]);
});

test("the table, wide and narrow", () => {
  const document = answer([...CASES.machine.events, ...JOB_EVENTS]);
  const texts = (
    [
      [100, "en"],
      [100, "zh"],
      [40, "en"],
    ] as const
  ).map(([width, lang]) => {
    const text = psText(document, { ...style, width, lang });
    for (const line of text.split("\n")) assert.ok(displayWidth(line) <= width && line === line.trimEnd(), line);
    return `# ${lang}, ${width} columns\n${text}\n`;
  });
  assertGolden("ps", texts.join("\n"));
});
