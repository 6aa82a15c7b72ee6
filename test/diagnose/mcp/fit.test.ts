/** What goes to an agent is bounded, whatever it is made of, and keeps what matters most. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { shownDoctor, shownStatus, shownWhy, shownWhyAll, shownWhyJob } from "../../../src/diagnose/mcp/documents.ts";
import {
  ends,
  firstLines,
  Fitting,
  MAX_DOCUMENT_BYTES,
  MAX_TEXT_BYTES,
  type Redaction,
} from "../../../src/diagnose/mcp/fit.ts";
import type { RootCause, StatusDocument, WhyDocument } from "../../../src/model/documents.ts";
import { CASE } from "../stuck-case.ts";

const more = (lines: number) => `${lines} more`;

/** Many bytes for few characters. */
const LONG = "进程 ".repeat(5_000);

const CAUSE: RootCause = {
  kind: "process.deadlock",
  entity_id: "pid-7",
  pids: Array.from({ length: 5_000 }, (_, at) => at + 1),
  tids: [],
  confidence: 1,
  certainty: "observed",
  summary: LONG,
  evidence: Array.from({ length: 500 }, () => ({ source: LONG, observed: LONG })),
  advice: Array.from({ length: 500 }, () => ({ text: LONG, command: LONG, risk: "safe" })),
};
const HUGE: WhyDocument = {
  ...CASE.why,
  chain: Array.from({ length: 3_000 }, (_, at) => ({
    from: `pid-${at + 10}`,
    edge: "waits_on",
    to: `pid-${at + 11}`,
    detail: LONG,
    certainty: "observed",
    label: LONG,
  })),
  root_causes: Array.from({ length: 40 }, () => CAUSE),
  blind_spots: Array.from({ length: 1_000 }, () => LONG),
  names: Object.fromEntries(Array.from({ length: 9_000 }, (_, at) => [`pid-${at + 1}`, LONG])),
};
const STATUS: StatusDocument = {
  version: "1",
  node: LONG,
  uptime_ms: 1,
  rss_bytes: 1,
  events: { received: 1, applied: 1, rejected: 0, dropped: 0 },
  rejections: {},
  graph: { processes: 1, resources: 1, errors: 0, edges: { consumes: 0, waits_on: 0, held_by: 0, blocked_by: 0 } },
  sampler: null,
  ebpf_lost: {},
  probes: Array.from({ length: 2_000 }, () => ({
    name: LONG,
    state: "failed",
    pid: null,
    restarts: 0,
    events: 0,
    rejected: 0,
    last_error: LONG,
  })),
};

for (const redaction of ["normal", "none"] as const satisfies Redaction[]) {
  test(`no document is larger than an agent has room for: ${redaction}`, () => {
    const fitting = new Fitting(redaction);
    const { chain, root_causes, blind_spots, names } = HUGE;
    const documents = [
      shownWhy(HUGE, fitting),
      shownWhyAll(
        {
          schema: "xctl.why-all/1",
          groups: root_causes.map((root_cause) => ({
            root_cause,
            victims: Array.from({ length: 900 }, (_, at) => ({ pid: at + 1, comm: LONG, job_id: LONG, blocked_ms: 1 })),
          })),
          blind_spots,
          names,
        },
        fitting,
      ),
      shownWhyJob(
        {
          schema: "xctl.why-job/1",
          job_id: LONG,
          ranks: chain.map((_, at) => ({
            rank: at,
            pid: at + 1,
            node: LONG,
            verdict: "blocked",
            blocked_ms: 1,
            standing: "held_up",
            flight_record: LONG,
          })),
          root_causes,
          tendency: null,
          blind_spots,
          names,
        },
        fitting,
      ),
      shownStatus(STATUS, fitting),
      shownDoctor({ checks: root_causes.map(() => ({ name: LONG, ok: false, detail: LONG, enable: LONG })) }, fitting),
    ];
    for (const document of documents) {
      const bytes = Buffer.byteLength(JSON.stringify(document));
      assert.ok(bytes <= MAX_DOCUMENT_BYTES, `${bytes} bytes`);
      assert.ok(bytes > 1_000);
    }
    const [why, all] = documents as [ReturnType<typeof shownWhy>, ReturnType<typeof shownWhyAll>];
    assert.equal(why.chain[0]?.from, "pid-10", "the chain's beginning stays");
    if (why.chain.length > 1) assert.equal(why.chain.at(-1)?.to, "pid-3010", "and its end");
    assert.equal(why.chain.length + why.left_out.hops, chain.length);
    assert.equal(why.root_causes.length + why.left_out.root_causes, root_causes.length);
    assert.equal(all.groups.length + all.left_out.groups, root_causes.length);
  });
}

test("a case of ordinary size is passed on whole", () => {
  const { left_out, ...why } = shownWhy(CASE.why, new Fitting("normal"));
  assert.deepEqual(why, CASE.why);
  assert.deepEqual(left_out, { hops: 0, root_causes: 0 });
});

test("the two ends of a list", () => {
  assert.deepEqual(ends([1, 2, 3, 4, 5], 5), [1, 2, 3, 4, 5]);
  assert.deepEqual(ends([1, 2, 3, 4, 5], 3), [1, 2, 5]);
  assert.deepEqual(ends([1, 2, 3], 1), [1]);
});

test("a text is cut between lines, and says that it was", () => {
  assert.equal(firstLines("a\nb", more), "a\nb");
  const line = "文".repeat(300);
  const cut = firstLines(Array.from({ length: 100 }, () => line).join("\n"), more).split("\n");
  const count = Math.floor(MAX_TEXT_BYTES / (900 + 1));
  assert.deepEqual(cut, [...Array.from({ length: count }, () => line), `${100 - count} more`]);
});
