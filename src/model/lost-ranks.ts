/**
 * Which of a job's dead ranks took the others along. A launcher ends the others when one dies, and ranks end by
 * themselves when a peer is gone, all within a moment: the first one that failed is the one.
 */
import { SHORTEST_STALL_MS, type RankStanding } from "./job-ranks.ts";
import type { ProcessNode } from "./nodes.ts";

/** Deaths so close to each other have one cause, or cannot be put in an order. */
const AT_ONCE_MS = 2;

/** Empty where none of the dead is known to matter. */
export function firstLost(standings: readonly RankStanding[], nowMs: number): ProcessNode[] {
  const gone = standings.flatMap(({ process, standing }) => (standing === "gone" ? [process] : []));
  const failed = gone.filter(hasFailed);
  if (failed.length > 0) {
    const firstMs = Math.min(...failed.map(({ stateSinceMs }) => stateSinceMs));
    // One that was dead by then may have failed as well; of a zombie it is not told yet how it ended.
    return gone.filter((process) => {
      const laterMs = process.stateSinceMs - firstMs;
      return hasFailed(process) ? laterMs <= AT_ONCE_MS : process.end === undefined && laterMs < 0;
    });
  }
  // One that has ended well, or nobody knows how, matters only where others wait for it.
  const isWaitedFor = standings.some(
    ({ standing, waitedMs }) => standing === "waiting" && (waitedMs ?? 0) >= SHORTEST_STALL_MS,
  );
  return isWaitedFor ? gone.filter(({ stateSinceMs }) => nowMs - stateSinceMs >= SHORTEST_STALL_MS) : [];
}

/** Nobody knows how a process ended where no eBPF program saw it. */
function hasFailed({ end }: ProcessNode): boolean {
  return end !== undefined && (end.signal !== undefined || end.status !== 0);
}
