/**
 * Ranks that show nothing wrong and are told apart by what all others do and they do not. What is found so is a guess, and
 * says so: the kernel does not know what a collective is.
 */
import { CAUSES, type CauseKind } from "./cause.ts";
import { isGpuBusy, isGpuIdle, spins, type RankStanding } from "./job-ranks.ts";
import type { Edge, Evidence, ProcessNode } from "./nodes.ts";
import { ownWaits } from "./threads.ts";
import { isLockKind } from "./wait-kinds.ts";
import type { Cause } from "./why.ts";

export interface Culprit {
  process: ProcessNode;
  cause: Cause;
}

/** What is only different, and not at fault. */
export const GUESSED = 0.7;
const APART = 0.5;

/** Those whose GPU has nothing to do, at most half of all, while the GPUs of all others compute or spin in a collective. */
export function lateOnGpu(living: readonly RankStanding[]): Culprit[] {
  const late = living.filter(isGpuIdle);
  const others = living.filter(isGpuBusy);
  if (late.length === 0 || late.length > living.length / 2 || late.length + others.length < living.length) return [];
  const least = Math.min(...others.map(({ gpuPercent = 0 }) => gpuPercent));
  return late.flatMap((standing) => {
    const observed = `rank ${standing.process.rank ?? "?"}: its GPU is ${standing.gpuPercent} % busy, those of the others ${least} % and more`;
    const found = standing.standing === "running" ? [workingCulprit(standing)] : apartCulprit(standing);
    return found.map(({ process, cause }) => ({
      process,
      cause: { ...cause, evidence: [...cause.evidence, { source: "compute.util", observed }] },
    }));
  });
}

/** Those of the waiting ranks that wait in another way than the rest. */
export function apartRanks(waiting: readonly RankStanding[], living: readonly RankStanding[]): Culprit[] {
  return apartOf(waiting, living).flatMap(apartCulprit);
}

/**
 * Those that wait for a lock while others spin in a collective. Of the others one may spin without a system call, so that
 * it keeps its CPU is held against none of them.
 */
export function lockedAmongSpinning(waiting: readonly RankStanding[], living: readonly RankStanding[]): Culprit[] {
  if (!living.some(({ process }) => spins(process))) return [];
  return atMostHalf(waiting.filter(waitsForLock), living).flatMap(apartCulprit);
}

function apartOf(waiting: readonly RankStanding[], living: readonly RankStanding[]): readonly RankStanding[] {
  const spinning = living.filter(({ process }) => spins(process)).length;
  // Where ranks spin in a collective, one that sleeps is in none.
  const isSpun = spinning > 0 && spinning + waiting.length === living.length;
  return atMostHalf(isSpun ? waiting : waiting.filter(waitsForLock), living);
}

/** Of more it is the rest that is apart. */
function atMostHalf(some: readonly RankStanding[], living: readonly RankStanding[]): readonly RankStanding[] {
  return some.length <= living.length / 2 ? some : [];
}

/** Python's own locks are semaphores, which its interpreter waits for; a collective is waited for in a library. */
const INTERPRETER = /^(?:lib)?python[\d.]/;

function waitsForLock({ process }: RankStanding): boolean {
  const waits = ownWaits(process, 0);
  return waits.length > 0 && waits.every(isForLock);
}

/** One of Python's, or one that somebody has who cannot be told: what a collective is waited for by, no thread has. */
function isForLock({ detail, told }: Edge): boolean {
  return INTERPRETER.test(told.caller ?? "") || (isLockKind(detail) && told.holder === "hidden");
}

/** Though all wait, the others wait for each other, and so for it. */
function apartCulprit(standing: RankStanding): Culprit[] {
  const { process, explanation } = standing;
  // Alone it looks as if it had nothing to do, or was at work in another thread.
  const isWrong = (kind: CauseKind) => kind === "process.busy" || (kind === "process.idle" && waitsForLock(standing));
  const told = explanation.causes.find(({ kind, members }) => members[0] === process && !isWrong(kind));
  const cause = told ?? unknownWait(process);
  return cause === undefined ? [] : [{ process, cause: { ...cause, certainty: "inferred", confidence: APART } }];
}

/** Its main thread's wait, where one of its other threads that runs just now hides it from the single question. */
function unknownWait(process: ProcessNode): Cause | undefined {
  const [wait] = ownWaits(process, 0);
  if (wait === undefined) return undefined;
  const { detail, to } = wait;
  const kind = "unknown";
  const subject = { entityId: to.id, process, members: [process], object: undefined, setting: undefined, detail };
  return {
    kind,
    entityId: to.id,
    actor: undefined,
    members: [process],
    tids: [],
    confidence: APART,
    certainty: "inferred",
    evidence: waitEvidence(process),
    advice: CAUSES[kind].advise(subject),
    detail,
    sinceMs: wait.sinceMs,
    chain: [{ from: process.id, edge: "waits_on", to: to.id, detail, certainty: wait.certainty }],
  };
}

/** It computes while the others wait. */
export function workingCulprit({ process }: RankStanding): Culprit {
  const kind = "process.busy";
  const subject = { entityId: process.id, process, members: [process], object: undefined, setting: undefined };
  const cause: Cause = {
    kind,
    entityId: process.id,
    actor: process,
    members: [process],
    tids: [],
    confidence: GUESSED,
    certainty: "inferred",
    evidence: process.stateEvidence === undefined ? [] : [process.stateEvidence],
    advice: CAUSES[kind].advise({ ...subject, detail: "" }),
    detail: "",
    sinceMs: undefined,
    chain: [],
  };
  return { process, cause };
}

/** What shows that its main thread waits. */
export function waitEvidence(process: ProcessNode): Evidence[] {
  return ownWaits(process, 0)
    .flatMap(({ evidence }) => evidence ?? [])
    .slice(0, 1);
}
