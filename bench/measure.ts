/** What every benchmark measures with and answers in. */

export interface Result {
  name: string;
  /** Size of the graph; null where the benchmark has none. */
  nodes: number | null;
  figure: number;
  unit: string;
  /** What the figure has to reach: at least, or at most, so much. */
  target?: { atLeast: number } | { atMost: number };
}

/** A name for the command line, and what is measured under it; each runs in a process of its own. */
export interface Benchmark {
  name: string;
  run(): Result[] | Promise<Result[]>;
}

/** Milliseconds that `work` takes. */
export function measure(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}

/** `figure` of three digits and a half: no benchmark is more exact. */
export function rounded(figure: number): number {
  return Number(figure.toPrecision(4));
}

/** Resident memory after a full collection, in bytes; needs --expose-gc. */
export function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function medianOf(figures: readonly number[]): number {
  return percentile(
    figures.toSorted((a, b) => a - b),
    0.5,
  );
}

export function isMet({ figure, target }: Result): boolean | undefined {
  if (target === undefined) return undefined;
  return "atLeast" in target ? figure >= target.atLeast : figure <= target.atMost;
}
