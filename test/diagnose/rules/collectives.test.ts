/** A job whose ranks spin while they wait, as NCCL's do: what is said of one of them is about the rank that is missing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { matchingRules } from "../../../src/diagnose/rules/best.ts";
import { loadRules } from "../../../src/diagnose/rules/load.ts";
import { reportFromRules } from "../../../src/diagnose/rules/report.ts";
import type { Attrs, Event } from "../../../src/model/event.ts";
import { event, held, process, wait } from "../../views/cases.ts";
import { caseOf, logOf } from "./case.ts";

const { rules } = await loadRules({ env: { XCTL_RULES_DIR: "/nonexistent" } });
const JOB = "train-7";
const MISSING = 32;
const MISSING_NAME = new RegExp(`python3 \\(${MISSING}\\)`);

function rank(number: number, state = "running", attrs: Attrs = {}): Event {
  const told = { rank: number, world_size: 3, job_role: "rank", ...attrs };
  return { ...process(30 + number, state, "python3", told), job_id: JOB };
}

/** Two that spin, of which the first is asked about, and the third. */
function job(state: string, ...more: Event[]): Event[] {
  return [rank(0), rank(1), rank(2, state), ...more];
}

const slowDisk = { source: "/sys/block/vdb/inflight", observed: "0 reads and 31 writes not answered" };
const throttled = { source: "/sys/fs/cgroup/pod7/cpu.stat", observed: "throttled in 19 of the last 20 periods" };
const xid = { severity: "fault", scope: "process", source: "/dev/kmsg", observed: `NVRM: Xid 31, pid=${MISSING}` };

const CASES: readonly { what: string; events: Event[]; rule: string; commands: RegExp }[] = [
  { what: "stopped", events: job("stopped"), rule: "collective-rank-halted", commands: /^kill -CONT 32$/m },
  {
    what: "in storage",
    events: job(
      "blocked",
      wait(MISSING, "block.io", "block:254:16", 90_000, { ...slowDisk, label: "/dev/vdb", cause: "storage.slow" }),
    ),
    rule: "collective-rank-in-storage",
    commands: /pressure\/io/,
  },
  {
    what: "behind a worker in storage",
    events: job(
      "sleeping",
      wait(MISSING, "pipe.read", "pipe:7", 90_000),
      held("pipe:7", 40, "writer", "pipe:[7] open for writing"),
      { ...process(40, "blocked", "pt_data_worker", { job_role: "helper" }), job_id: JOB },
      wait(40, "fs.remote", "fs:nas:/data", 90_000, { cause: "fs.unresponsive", label: "/data (nas:/data)" }),
    ),
    rule: "collective-rank-in-storage",
    commands: /pressure\/io/,
  },
  {
    what: "out of its CPU quota",
    events: job("running", wait(MISSING, "cpu.quota", "cgroup:/pod7", 9_000, { ...throttled, cause: "cpu.throttled" })),
    rule: "cpu-quota",
    commands: /^systemd-cgtop/m,
  },
  {
    what: "with a fault of its own on the GPU",
    events: job("running", event("error.hw", "gpu-02", "XID_31:memory page fault", MISSING, xid)),
    rule: "gpu-application-fault",
    commands: /^xctl zap 32$/m,
  },
];

for (const { what, events, rule, commands } of CASES) {
  test(`a rank waits for one that is ${what}`, () => {
    const file = caseOf(events);
    assert.deepEqual([file.why.verdict, file.why.chain[0]?.detail], ["blocked", "collective"]);
    assert.equal(matchingRules(file, rules)[0]?.rule.id, rule);
    const { explanation, steps } = reportFromRules(file, rules, "en");
    assert.match(explanation, MISSING_NAME);
    const offered = steps.map(({ command }) => command).join("\n");
    assert.match(offered, commands);
    assert.doesNotMatch(offered, /\b3[01]\b/, "nothing is done to those that wait");
  });
}

test("where all ranks spin and none can be told from the others, no rule says anything", () => {
  const file = caseOf([rank(0), rank(1), rank(2)]);
  assert.equal(file.why.verdict, "running");
  assert.deepEqual(matchingRules(file, rules), []);
});

test("of the late rank itself nothing is said that it does not show", () => {
  const [first, ...others] = logOf("collective-rank-late").toSorted(
    (a, b) => Number(b.pid === 32) - Number(a.pid === 32),
  );
  assert.equal(first?.pid, 32);
  assert.deepEqual(matchingRules(caseOf([first, ...others]), rules), []);
});
