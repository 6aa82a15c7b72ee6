import assert from "node:assert/strict";
import { test } from "node:test";
import type { CallCounts } from "../../../src/kernel/bpf-polling.ts";
import { Polling } from "../../../src/probes/process/polling.ts";
import type { TrackedProcess } from "../../../src/probes/process/tracker.ts";

const signal = new AbortController().signal;
const processOf = (pid: number) => ({ pid }) as TrackedProcess;

/** One that counts what it is told to, and how often it was asked. */
function counter(counts: Record<number, CallCounts>) {
  const asked: (readonly number[])[] = [];
  const log: string[] = [];
  const state = { isClosed: false };
  const count = async (tids: readonly number[]) => {
    asked.push(tids);
    if (state.isClosed) throw new Error("closed");
    return new Map(tids.flatMap((tid) => (counts[tid] === undefined ? [] : [[tid, counts[tid]] as const])));
  };
  const polling = new Polling({ count, close: () => void (state.isClosed = true) }, (line) => log.push(line));
  return { polling, asked, log, state };
}

test("polls count where a process makes hardly any other calls", async () => {
  const { polling } = counter({
    1: { calls: 10, polls: 10 },
    2: { calls: 10, polls: 9 },
    3: { calls: 10, polls: 8 },
    4: { calls: 0, polls: 0 },
  });
  const processes = [1, 2, 3, 4, 5].map(processOf);
  const found = await polling.look(processes, signal);
  assert.deepEqual(
    processes.map((process) => found.get(process)?.polls_per_s),
    [100, 90, 0, 0, undefined],
  );
});

test("two questions at once get one answer, and one that came to nothing is asked again", async () => {
  const { polling, asked } = counter({ 1: { calls: 10, polls: 10 } });
  const [one, two] = [processOf(1), processOf(2)];
  const [first, second] = await Promise.all([polling.look([one], signal), polling.look([one, two], signal)]);
  assert.deepEqual([first.get(one), second.get(one)], [{ polls_per_s: 100 }, { polls_per_s: 100 }]);
  assert.deepEqual(await polling.look([one, two], signal), second);
  assert.deepEqual(asked, [[1], [2], [2]]);
});

test("one that fails is told once, and done without", async () => {
  const { polling, asked, log, state } = counter({});
  state.isClosed = true;
  assert.deepEqual(await polling.look([processOf(1)], signal), new Map());
  assert.deepEqual(await polling.look([processOf(1)], signal), new Map());
  assert.deepEqual(asked, [[1]]);
  assert.deepEqual(log, ["counts system calls no longer: closed"]);
});
