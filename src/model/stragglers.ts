/**
 * Which rank of a job the others wait for most, though nothing is stuck: of the last minutes' samples, those that found
 * a rank or a few at work while most others slept. A tendency with figures, and never a root cause.
 */
import type { Tendency } from "./documents.ts";
import type { Graph } from "./graph.ts";
import { ranksOf } from "./job-ranks.ts";
import type { ProcessNode } from "./nodes.ts";

const MAX_JOBS = 256;
/** Five minutes, at a sample a second. */
const MAX_SAMPLES = 300;
/** Of more that work at once none is the straggler. */
const MAX_WORKING = 4;
const MIN_SAMPLES = 30;
/** Of the samples; and so many times as often as the next one. */
const MIN_SHARE = 0.3;
const STANDS_OUT = 2;

interface Sample {
  atMs: number;
  /** Those that the others waited for; empty where they did not wait. */
  working: readonly ProcessNode[];
}

export class Stragglers {
  readonly #jobs = new Map<string, Sample[]>();

  /** To be called at regular times. */
  sample(graph: Graph, nowMs: number): void {
    const ids = new Set(graph.jobIds());
    for (const id of this.#jobs.keys()) if (!ids.has(id)) this.#jobs.delete(id);
    for (const id of ids) {
      const ranks = ranksOf(graph.job(id) ?? []).filter(({ exited }) => !exited);
      if (ranks.length < 2) continue;
      let samples = this.#jobs.get(id);
      if (samples === undefined) {
        if (this.#jobs.size >= MAX_JOBS) continue;
        this.#jobs.set(id, (samples = []));
      }
      samples.push({ atMs: nowMs, working: waitedFor(ranks) });
      if (samples.length > MAX_SAMPLES) samples.shift();
    }
  }

  /** Undefined where no rank stands out. */
  of(jobId: string): Tendency | undefined {
    const samples = this.#jobs.get(jobId) ?? [];
    if (samples.length < MIN_SAMPLES) return undefined;
    const counts = new Map<ProcessNode, number>();
    for (const { working } of samples) for (const rank of working) counts.set(rank, (counts.get(rank) ?? 0) + 1);
    const [first, second] = [...counts].sort(([, a], [, b]) => b - a);
    if (first === undefined) return undefined;
    const [{ rank, pid }, count] = first;
    const share = count / samples.length;
    if (share < MIN_SHARE || count < STANDS_OUT * (second?.[1] ?? 0)) return undefined;
    const [begin, end] = [samples[0], samples.at(-1)] as [Sample, Sample];
    return {
      rank,
      pid,
      share: Math.round(share * 100) / 100,
      samples: samples.length,
      window_ms: end.atMs - begin.atMs,
      longest_ms: longestMs(samples, first[0]),
    };
  }
}

/** Those at work, where most of the others sleep. */
function waitedFor(ranks: readonly ProcessNode[]): ProcessNode[] {
  const working = ranks.filter(({ state }) => state === "running");
  const sleeping = ranks.filter(({ state }) => state === "sleeping").length;
  const isFew = working.length <= MAX_WORKING && working.length < sleeping;
  return isFew ? working : [];
}

/** From the first sample of the longest row of them to its last. */
function longestMs(samples: readonly Sample[], process: ProcessNode): number {
  let longest = 0;
  let sinceMs: number | undefined;
  for (const { atMs, working } of samples) {
    if (!working.includes(process)) sinceMs = undefined;
    else longest = Math.max(longest, atMs - (sinceMs ??= atMs));
  }
  return longest;
}
