/**
 * A question is followed to its end: answer; have the open ends looked at closely; answer again, until nothing new is
 * left to look at. It knows neither the graph nor what makes an end open.
 */
import type { ProcessNode } from "../model/graph.ts";

export interface Answered<Answer> {
  answer: Answer;
  /** Processes at which a closer look could tell more. */
  openEnds: Iterable<ProcessNode>;
}

/** A closer look at processes of this machine; what it finds is in the graph when it resolves. */
export type Inspect = (pids: readonly number[], timeoutMs: number) => Promise<void>;

const MAX_ROUNDS = 16;
const DEADLINE_MS = 500;
const MAX_PIDS_A_ROUND = 256;

/** `first` are looked at before the first answer. Each process is looked at once. */
export async function follow<Answer>(
  inspect: Inspect,
  first: readonly number[],
  answer: () => Answered<Answer>,
): Promise<Answer> {
  const startMs = performance.now();
  const asked = new Set<number>();
  let pids = first.slice(0, MAX_PIDS_A_ROUND);
  for (let round = 1; ; round++) {
    for (const pid of pids) asked.add(pid);
    const leftMs = Math.ceil(startMs + DEADLINE_MS - performance.now());
    if (pids.length > 0 && leftMs > 0) await inspect(pids, leftMs);
    const answered = answer();
    pids = notAsked(answered.openEnds, asked);
    const isLate = performance.now() - startMs >= DEADLINE_MS;
    if (pids.length === 0 || round >= MAX_ROUNDS || isLate) return answered.answer;
  }
}

/** Of this machine only: another host's processes are out of the probes' sight. */
function notAsked(openEnds: Iterable<ProcessNode>, asked: ReadonlySet<number>): number[] {
  const pids = new Set<number>();
  for (const { pid, node, exited } of openEnds) {
    if (pids.size >= MAX_PIDS_A_ROUND) break;
    if (node === undefined && !exited && !asked.has(pid)) pids.add(pid);
  }
  return [...pids];
}
