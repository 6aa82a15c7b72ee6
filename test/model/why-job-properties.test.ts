/** Whatever a job looks like, its planted culprit is named, or nobody is: never another. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import { explainJob } from "../../src/model/why-job.ts";
import { explainMember } from "../../src/model/why-member.ts";
import { held, state, T0, wait } from "./events.ts";

const NOW_MS = T0 + 60_000;
const JOB = "job";
const OUTSIDER = 900;

const rank = (pid: number, value: string, attrs = {}) =>
  state(pid, value, { rank: pid - 100, job_role: "rank", ...attrs }, { job_id: JOB });
const since = { since_ms: T0 + 30_000 };

/** What an innocent rank may look like while it waits. */
const INNOCENT: readonly ((pid: number, ranks: number) => Event[])[] = [
  (pid) => [rank(pid, "sleeping"), wait(pid, `futex:${pid}:1`, "futex", since)],
  (pid) => [rank(pid, "running"), wait(pid, `futex:${pid}:1`, "futex", since)],
  (pid) => [rank(pid, "sleeping"), wait(pid, `futex:${pid}:1`, "futex", { ...since, cause: "process.sleeping" })],
  (pid) => [rank(pid, "sleeping"), wait(pid, `poll:${pid}`, "poll", since)],
  (pid) => [rank(pid, "running", { switches_per_s: 30_000 })],
  (pid, ranks) => {
    const next = 100 + ((pid - 100 + 1) % ranks);
    const link = `tcp:${Math.min(pid, next)}-${Math.max(pid, next)}`;
    return [rank(pid, "sleeping"), wait(pid, link, "tcp.recv", since), held(next, link, "peer")];
  },
  (pid) => [
    rank(pid, "sleeping"),
    wait(pid, `futex:${pid}:1`, "futex", since),
    wait(pid, `epoll:${pid}:3`, "epoll", { ...since, tid: pid + 1000 }),
  ],
];

/** What the culprit does, and who is to be named for it. */
const CULPRITS: readonly { events(pid: number): Event[]; guilty(pid: number): number }[] = [
  { events: (pid) => [rank(pid, "stopped")], guilty: (pid) => pid },
  { events: (pid) => [rank(pid, "frozen")], guilty: (pid) => pid },
  { events: (pid) => [rank(pid, "running", { switches_per_s: 40 })], guilty: (pid) => pid },
  { events: (pid) => [rank(pid, "sleeping"), wait(pid, `sleep:${pid}`, "sleep", since)], guilty: (pid) => pid },
  {
    events: (pid) => [
      rank(pid, "sleeping"),
      wait(pid, "lock:1", "flock", since),
      held(OUTSIDER, "lock:1", "owner"),
      state(OUTSIDER, "stopped"),
    ],
    guilty: () => OUTSIDER,
  },
  {
    events: (pid) => [rank(pid, "running"), wait(pid, "cgroup:/a", "cpu.quota", { ...since, cause: "cpu.throttled" })],
    guilty: (pid) => pid,
  },
  {
    events: (pid) => [rank(pid, "sleeping"), rank(pid, "exit", { signal: "SIGKILL", since_ms: T0 + 20_000 })],
    guilty: (pid) => pid,
  },
];

const job = fc.record({
  size: fc.integer({ min: 2, max: 12 }),
  culprit: fc.nat(),
  what: fc.nat({ max: CULPRITS.length - 1 }),
  looks: fc.array(fc.nat({ max: INNOCENT.length - 1 }), { minLength: 12, maxLength: 12 }),
});

test("the planted culprit, or nobody, asked of the job and of any rank", () => {
  let found = 0;
  fc.assert(
    fc.property(job, ({ size, culprit, what, looks }) => {
      const plant = CULPRITS[what] as (typeof CULPRITS)[number];
      const pid = 100 + (culprit % size);
      const graph = new Graph();
      for (let place = 0; place < size; place++) {
        const own = 100 + place;
        const innocent = INNOCENT[looks[place] as number] as (typeof INNOCENT)[number];
        const events = own === pid ? plant.events(own) : innocent(own, size);
        for (const event of events) graph.apply(event, NOW_MS - 2000);
      }
      const guilty = plant.guilty(pid);
      const answer = explainJob(graph, graph.job(JOB) ?? [], NOW_MS);
      for (const { kind, members } of answer.causes) {
        if (kind !== "unknown")
          assert.deepEqual(
            members.map((member) => member.pid),
            [guilty],
            kind,
          );
      }
      if (answer.culprits.length > 0) found++;
      for (const { process } of answer.ranks) {
        if (process.pid === pid || process.exited) continue;
        for (const { kind, members } of explainMember(graph, process, NOW_MS).causes) {
          if (kind === "unknown" || members[0] === process) continue;
          assert.equal(members[0]?.pid, guilty, `asked of ${process.pid}: ${kind}`);
        }
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(found > 1000, `only ${found} of 2000 were found`);
});
