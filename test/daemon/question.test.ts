/** A question ends, however much there is left to look at. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { follow } from "../../src/daemon/question.ts";
import { Graph, type ProcessNode } from "../../src/model/graph.ts";
import { state } from "./harness.ts";

function processes(count: number, more: object = {}): ProcessNode[] {
  const graph = new Graph({ localNode: "host" });
  for (let pid = 1; pid <= count; pid++) graph.apply({ ...state(pid, "sleeping"), ...more });
  return [...graph.processes()];
}

test("without open ends there is one answer", async () => {
  const looks: (readonly number[])[] = [];
  const inspect = async (pids: readonly number[]) => void looks.push(pids);
  assert.equal(await follow(inspect, [7], () => ({ answer: looks.length, openEnds: [] })), 1);
  assert.deepEqual(looks, [[7]]);
});

test("each is looked at once, and the answer is the one after the last look", async () => {
  const [one, two, three] = processes(3) as [ProcessNode, ProcessNode, ProcessNode];
  const looks: (readonly number[])[] = [];
  const inspect = async (pids: readonly number[]) => void looks.push(pids);
  const openEnds = () => [one, ...(looks.length > 0 ? [two] : []), ...(looks.length > 1 ? [three, three] : [])];
  assert.equal(await follow(inspect, [], () => ({ answer: looks.length, openEnds: openEnds() })), 3);
  assert.deepEqual(looks, [[1], [2], [3]]);
});

test("a chain without an end is left after 16 rounds", async () => {
  const chain = processes(100);
  let rounds = 0;
  const inspect = async () => void rounds++;
  await follow(inspect, [1], () => ({ answer: rounds, openEnds: chain.slice(0, rounds + 1) }));
  assert.equal(rounds, 16);
});

test("a slow look is given less and less time, and the question half a second", async () => {
  const chain = processes(100);
  const given: number[] = [];
  const inspect = async (_pids: readonly number[], timeoutMs: number) => {
    given.push(timeoutMs);
    await delay(200);
  };
  await follow(inspect, [1], () => ({ answer: 0, openEnds: chain.slice(0, given.length + 1) }));
  assert.ok(given.length >= 1 && given.length <= 3, given.join());
  // A timer may fire a moment early.
  const isShorter = given.every((timeoutMs, at) => timeoutMs > 0 && timeoutMs <= 500 - 198 * at);
  assert.ok(isShorter, given.join());
});

test("a crowd is looked at in rounds; those of other hosts and the dead are not", async () => {
  const looks: (readonly number[])[] = [];
  const inspect = async (pids: readonly number[]) => void looks.push(pids);
  const crowd = processes(1_000);
  await follow(inspect, [], () => ({ answer: 0, openEnds: crowd }));
  assert.ok(looks.every((pids) => pids.length <= 256));
  assert.deepEqual(looks.flat().length, new Set(looks.flat()).size);
  assert.ok(looks.length > 1);

  looks.length = 0;
  const dead = processes(1);
  for (const process of dead) process.exited = true;
  await follow(inspect, [], () => ({ answer: 0, openEnds: [...processes(3, { node: "elsewhere" }), ...dead] }));
  assert.deepEqual(looks, []);
});
