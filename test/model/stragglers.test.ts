import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../src/model/graph.ts";
import { Stragglers } from "../../src/model/stragglers.ts";
import { state, T0 } from "./events.ts";

const JOB = "train-7";
const SECOND = 1000;

/** `at(second)`: the ranks that work then; the others sleep. */
function sampled(seconds: number, at: (second: number) => readonly number[], ranks = 4) {
  const graph = new Graph();
  const stragglers = new Stragglers();
  for (let second = 0; second < seconds; second++) {
    const working = at(second);
    for (let rank = 0; rank < ranks; rank++) {
      const value = working.includes(rank) ? "running" : "sleeping";
      graph.apply(state(100 + rank, value, { rank, job_role: "rank" }, { job_id: JOB }));
    }
    stragglers.sample(graph, T0 + second * SECOND);
  }
  return stragglers.of(JOB);
}

test("the rank that is at work while the others wait, with figures", () => {
  const tendency = sampled(100, (second) => (second % 10 < 6 ? [2] : [0, 1, 2, 3]));
  assert.deepEqual(tendency, {
    rank: 2,
    pid: 102,
    share: 0.6,
    samples: 100,
    window_ms: 99 * SECOND,
    longest_ms: 5 * SECOND,
  });
});

test("ranks that take turns, work together, or were watched too shortly have no straggler", () => {
  assert.equal(
    sampled(100, (second) => [second % 4]),
    undefined,
  );
  assert.equal(
    sampled(100, () => [0, 1, 2, 3]),
    undefined,
  );
  assert.equal(
    sampled(100, () => []),
    undefined,
  );
  assert.equal(
    sampled(20, () => [2]),
    undefined,
  );
});

test("only the last minutes count, and a job that is gone is forgotten", () => {
  const tendency = sampled(700, (second) => (second < 300 ? [1] : [3]));
  assert.equal(tendency?.rank, 3);
  assert.equal(tendency.samples, 300);
  const stragglers = new Stragglers();
  stragglers.sample(new Graph(), T0);
  assert.equal(stragglers.of(JOB), undefined);
});
