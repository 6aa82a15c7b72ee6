/** Why a process does not progress that may be a rank: where it but waits for the others, what holds those up. */
import type { FlightRecord } from "./flight.ts";
import type { Graph } from "./graph.ts";
import { leadsToLauncher, ranksOf, SHORTEST_STALL_MS } from "./job-ranks.ts";
import type { ProcessNode } from "./nodes.ts";
import { awaitsAnyone, ownWaits, THREAD_LEAD } from "./threads.ts";
import { isTrouble } from "./walk.ts";
import { causeOfCulprit, explainJob, waitForCulprit, type JobExplanation } from "./why-job.ts";
import { explain, type Explanation } from "./why.ts";

interface MemberOptions {
  /** Jobs that were explained for the same question. */
  jobs?: Map<string, JobExplanation>;
  /** What PyTorch's flight recorders wrote of its job. */
  flight?: readonly FlightRecord[];
}

/** As `explain`, which knows no jobs. */
export function explainMember(
  graph: Graph,
  process: ProcessNode,
  nowMs: number,
  { jobs = new Map(), flight = [] }: MemberOptions = {},
): Explanation {
  const own = explain(graph, process, nowMs);
  const members = process.jobId === null ? undefined : graph.job(process.jobId);
  if (process.jobId === null || members === undefined || process.exited) return own;
  // What is known to be wrong on its own way is surer than what its job tells, unless it may get on all the same.
  const isTroubled = own.causes.some((cause) => isTrouble(cause.kind) && !leadsToLauncher(cause));
  const isAtStep = isStep(own);
  const isSure = isTroubled && !own.goesOn && !isAtStep;
  if (isSure && own.verdict !== "starved") return own;
  let job = jobs.get(process.jobId);
  if (job === undefined) {
    if (!ranksOf(members).includes(process)) return own;
    jobs.set(process.jobId, (job = explainJob(graph, members, nowMs, flight)));
  }
  const openEnds = [...new Set([...own.openEnds, ...job.openEnds])];
  const inJob = waitForCulprit(job, process) ?? causeOfCulprit(job, own);
  return { ...(inJob ?? (isAtStep ? atWork(own) : own)), openEnds };
}

/** Its main thread waits but a moment for another one, as in each step; what its others wait for is not the step's matter. */
function isStep({ process, verdict, chain, blockedMs }: Explanation): boolean {
  const isOther = chain[0]?.detail === THREAD_LEAD && awaitsAnyone(ownWaits(process, 0));
  return verdict === "blocked" && isOther && (blockedMs ?? 0) < SHORTEST_STALL_MS;
}

function atWork(explanation: Explanation): Explanation {
  return { ...explanation, verdict: "running", blockedMs: null, chain: [], causes: [] };
}
