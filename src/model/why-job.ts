/**
 * Which rank holds a job up? Pure, like the single question.
 *
 * Ranks of one job run the same program in step, so the one that does something else while the others wait for it is
 * the suspect, and what holds that one up is what holds up the job. Where all look alike nobody is named.
 */
import {
  apartRanks,
  GUESSED,
  lateOnGpu,
  lockedAmongSpinning,
  waitEvidence,
  workingCulprit,
  type Culprit,
} from "./apart-ranks.ts";
import { CAUSES } from "./cause.ts";
import type { Hop } from "./documents.ts";
import { neverEntered, type FlightRecord, type Straggler } from "./flight.ts";
import type { Graph } from "./graph.ts";
import {
  isGpuBusy,
  isGpuIdle,
  isOnLock,
  ranksOf,
  spinEvidence,
  spins,
  standingOf,
  type RankStanding,
} from "./job-ranks.ts";
import { firstLost } from "./lost-ranks.ts";
import type { Certainty, ProcessNode } from "./nodes.ts";
import { isTrouble, weakest } from "./walk.ts";
import { THREAD_LEAD } from "./threads.ts";
import { explain, type Cause, type Explanation } from "./why.ts";

/** As the detail of a hop: from a rank that waits in a collective to the one that is not in it. */
export const COLLECTIVE = "collective";
/** As the detail of a cause: a rank is gone, and the others cannot go on without it. */
export const RANK_GONE = "rank.gone";
/** As the detail of a cause: all ranks wait in the same way. */
export const ALL_ALIKE = "ranks.alike";

const MAX_CULPRITS = 5;
/** Nobody can be seen to wait for it. */
const UNWAITED = 0.8;

export interface JobExplanation {
  ranks: RankStanding[];
  /** Whom the others wait for: ranks, or launchers that are stuck where no rank is to blame. */
  culprits: Culprit[];
  /** Of the culprits and of launchers that are stuck, each once; where there are none, what was seen. Best first. */
  causes: Cause[];
  /** Those that are held up by the culprits. */
  heldUp: ProcessNode[];
  blindSpots: string[];
  openEnds: ProcessNode[];
}

/** What holds the job up at `nowMs`. `flight`: what PyTorch's flight recorders wrote, where asked with them. */
export function explainJob(
  graph: Graph,
  members: Iterable<ProcessNode>,
  nowMs: number,
  flight: readonly FlightRecord[] = [],
): JobExplanation {
  const all = [...members];
  const ranks = ranksOf(all);
  const byId = new Map(ranks.map((process) => [process.id, process]));
  const insiders = new Set(all.map(({ id }) => id));
  const stand = (process: ProcessNode) => standingOf(explain(graph, process, nowMs), byId, insiders, nowMs);
  const standings = ranks.map(stand);
  const launchers = all.filter(({ jobRole, exited }) => jobRole === "launcher" && !exited).map(stand);
  const lost = firstLost(standings, nowMs);
  const stuck = launchers.flatMap(stuckLauncher);
  const late = withFlight(suspects(standings, lost, stuck.length > 0), neverEntered(flight), standings);
  const named = [...late, ...stuck].slice(0, MAX_CULPRITS);
  const explanations = [...standings, ...launchers].map(({ explanation }) => explanation);
  // What one waits for that has waited for a second was looked at by then; hundreds may be alike.
  const open = [...standings, ...launchers].filter(({ standing }) => standing !== "waiting");
  return {
    ranks: standings,
    culprits: (late.length > 0 ? late : stuck).slice(0, MAX_CULPRITS),
    causes: named.length > 0 ? distinct(named.map(({ cause }) => cause)) : allAlike(standings),
    heldUp: late.length > 0 ? heldUpBy(late, standings) : stuck.length > 0 ? heldUpByLauncher(standings) : [],
    blindSpots: [...new Set(explanations.flatMap(({ blindSpots }) => blindSpots))],
    openEnds: [...new Set(open.flatMap(({ explanation }) => explanation.openEnds))],
  };
}

/** The rank's own wait for the culprits, and on from there; undefined where it does not wait for them. */
export function waitForCulprit(job: JobExplanation, process: ProcessNode): Explanation | undefined {
  const own = job.ranks.find((standing) => standing.process === process);
  if (own === undefined || !job.heldUp.includes(process)) return undefined;
  const causes = job.culprits.map((each) => seenFrom(own, each));
  const [first] = causes;
  if (first === undefined) return undefined;
  const blockedMs = own.waitedMs ?? null;
  return { ...own.explanation, verdict: "blocked", blockedMs, chain: first.chain, causes, goesOn: false };
}

/** Of a suspect, what makes it one, where its own waits would lead elsewhere: to ranks that wait for it. */
export function causeOfCulprit(job: JobExplanation, own: Explanation): Explanation | undefined {
  const cause = job.culprits.find(({ process }) => process === own.process)?.cause;
  const [first] = own.causes;
  const isKnown = cause?.kind === first?.kind && cause?.entityId === first?.entityId;
  // Of the same cause its job may know more: what its GPU does, what it never entered.
  if (cause === undefined || (isKnown && cause.evidence.length <= (first?.evidence.length ?? 0))) return undefined;
  return { ...own, chain: cause.chain, causes: [cause] };
}

function seenFrom({ process, standing }: RankStanding, { process: suspect, cause }: Culprit): Cause {
  const hop: Hop = { from: process.id, edge: "waits_on", to: suspect.id, detail: COLLECTIVE, certainty: "inferred" };
  const sureness = standing === "waiting" || spins(process) ? UNWAITED : UNWAITED * GUESSED;
  return {
    ...cause,
    chain: [hop, ...cause.chain],
    evidence: [...cause.evidence, ...(standing === "running" ? spinEvidence(process) : [])],
    certainty: weakest(cause.certainty, "inferred"),
    confidence: rounded(cause.confidence * sureness),
  };
}

/** The suspects, the surest kind of them alone: what is only different explains nothing beside what is at fault. */
function suspects(
  standings: readonly RankStanding[],
  lost: readonly ProcessNode[],
  isLauncherStuck: boolean,
): Culprit[] {
  const living = standings.filter(({ standing }) => standing !== "gone");
  const waiting = living.filter(({ standing }) => standing === "waiting");
  const of = (...kinds: RankStanding["standing"][]) => living.filter(({ standing }) => kinds.includes(standing));
  const isWaitedFor = living.length === 0 || doesAnyWait(living);
  const told = (some: readonly RankStanding[], certainty: Certainty = "observed") =>
    some.flatMap(({ process, cause }) => culprit(process, cause, certainty, isWaitedFor ? 1 : UNWAITED));

  const faults = [...lost.map(goneCulprit), ...deadlocked(standings), ...told(of("stuck"))];
  const heldBack = heldBackOf(of("held_back"), living, faults.length > 0);
  const elsewhere = of("elsewhere");
  if (faults.length + heldBack.length > 0) {
    // A lock outside the job is a rank's own trouble; somebody outside who is to answer may wait for another rank.
    return [...faults, ...told(heldBack), ...told(elsewhere.filter(({ cause }) => isOnLock(cause)))];
  }
  if (elsewhere.length > 0) return told(elsewhere);
  const late = lateOnGpu(living);
  if (late.length > 0) return late;
  if (!isWaitedFor) return [];
  const resting = of("resting");
  if (resting.length > 0 && resting.length < living.length) return told(resting, "inferred");
  const locked = lockedAmongSpinning(waiting, living);
  if (locked.length > 0) return locked;
  const working = of("running").filter(({ process }) => !spins(process));
  // Of many that compute while some wait already nobody is late; that one computes explains nothing beside a fault.
  if (!isLauncherStuck && working.length > 0 && working.length <= living.length / 2) return working.map(workingCulprit);
  const unclear = of("unclear");
  if (unclear.length > 0) return unclear.length <= living.length / 2 ? told(unclear, "inferred") : [];
  return apartRanks(waiting, living);
}

/** For other ranks, as far as can be seen. */
function doesAnyWait(living: readonly RankStanding[]): boolean {
  return living.some((each) => each.standing === "waiting" || spins(each.process));
}

/** Somebody outside the job has nothing to do but to answer, and does not: it may itself wait for another rank. */
function waitsForRelay({ standing, cause }: RankStanding): boolean {
  return standing === "elsewhere" && cause?.kind === "process.idle";
}

/** Beside a fault, ranks that spin for want of it compete for CPUs: that they starve is its symptom. */
function heldBackOf(
  heldBack: readonly RankStanding[],
  living: readonly RankStanding[],
  isBesideFault: boolean,
): readonly RankStanding[] {
  const limited = heldBack.filter(({ cause }) => cause?.kind !== "cpu.starved");
  if (limited.length > 0) return isBesideFault && limited.length > living.length / 2 ? [] : limited;
  return isBesideFault ? [] : heldBack;
}

/** One has a lock and waits for the others in a collective; another one wants that lock first. */
function deadlocked(standings: readonly RankStanding[]): Culprit[] {
  return standings.flatMap((behind): Culprit[] => {
    const holder = standings.find(({ process }) => process === behind.holder);
    if (behind.cause === undefined || holder?.standing !== "waiting") return [];
    const members = [behind.process, holder.process];
    const closing: Hop = {
      from: holder.process.id,
      edge: "waits_on",
      to: behind.process.id,
      detail: COLLECTIVE,
      certainty: "inferred",
    };
    const cause: Cause = {
      kind: "process.deadlock",
      entityId: (members.toSorted((a, b) => a.pid - b.pid)[0] as ProcessNode).id,
      actor: undefined,
      members,
      tids: [],
      confidence: GUESSED,
      certainty: "inferred",
      evidence: members.flatMap(waitEvidence),
      advice: CAUSES["process.deadlock"].advise({
        entityId: behind.process.id,
        process: behind.process,
        members,
        object: undefined,
        setting: undefined,
        detail: "",
      }),
      detail: "",
      sinceMs: undefined,
      chain: [...behind.cause.chain, closing],
    };
    return [{ process: behind.process, cause }];
  });
}

function culprit(process: ProcessNode, cause: Cause | undefined, certainty: Certainty, sureness: number): Culprit[] {
  if (cause === undefined) return [];
  const least = weakest(cause.certainty, certainty);
  const share = least === cause.certainty ? sureness : sureness * GUESSED;
  return [{ process, cause: { ...cause, certainty: least, confidence: rounded(cause.confidence * share) } }];
}

function goneCulprit(process: ProcessNode): Culprit {
  const evidence = process.stateEvidence === undefined ? [] : [process.stateEvidence];
  const kind = "ipc.no_peer";
  const cause: Cause = {
    kind,
    entityId: process.id,
    actor: undefined,
    members: [process],
    tids: [],
    confidence: 0.9,
    certainty: "derived",
    evidence,
    advice: [{ key: "restart_job", command: null, risk: "disruptive" }],
    detail: RANK_GONE,
    sinceMs: process.stateSinceMs,
    chain: [],
  };
  return { process, cause };
}

/** A launcher that waits for its children is as it should be, whatever befalls those that are no ranks. */
function stuckLauncher({ process, standing, cause }: RankStanding): Culprit[] {
  const wait = cause?.chain.find(({ edge, detail }) => edge === "waits_on" && detail !== THREAD_LEAD);
  const waitsForChild = wait?.detail === "child";
  return standing === "stuck" && !waitsForChild ? culprit(process, cause, "observed", UNWAITED) : [];
}

/** A rank that never entered a collective which others did is the one, whatever it does instead. */
function withFlight(
  found: readonly Culprit[],
  stragglers: readonly Straggler[],
  standings: readonly RankStanding[],
): Culprit[] {
  if (stragglers.length === 0) return [...found];
  const recorded = stragglers.flatMap((straggler): Culprit[] => {
    const standing = standings.find(({ process }) => process.rank === straggler.rank);
    if (standing === undefined) return [];
    const { process, explanation } = standing;
    const cause = found.find((each) => each.process === process)?.cause ?? explanation.causes[0];
    return cause === undefined
      ? []
      : [{ process, cause: { ...cause, evidence: [...cause.evidence, straggler.evidence] } }];
  });
  const late = new Set(recorded.map(({ process }) => process));
  return [
    ...recorded,
    ...found.filter(({ process, cause }) => !late.has(process) && CAUSES[cause.kind].weight === "fault"),
  ];
}

function distinct(causes: readonly Cause[]): Cause[] {
  const byThing = new Map<string, Cause>();
  for (const cause of causes) {
    const key = `${cause.kind} ${cause.entityId}`;
    if (!byThing.has(key)) byThing.set(key, cause);
  }
  return [...byThing.values()];
}

/** All wait, and in the same way: there is somebody to look for, and nothing that tells who. */
function allAlike(standings: readonly RankStanding[]): Cause[] {
  const living = standings.filter(({ standing }) => standing !== "gone");
  if (living.length < 2 || !living.every(({ standing }) => standing === "waiting")) return [];
  const far = living.find(({ explanation }) => explanation.causes.some(({ kind }) => isTrouble(kind)))?.explanation;
  if (far?.causes[0] !== undefined) return [far.causes[0]];
  const [first] = living as [RankStanding];
  const members = living.map(({ process }) => process);
  return [
    {
      kind: "unknown",
      entityId: first.process.id,
      actor: undefined,
      members,
      tids: [],
      confidence: 0.3,
      certainty: "unknown",
      evidence: members.slice(0, MAX_CULPRITS).flatMap(waitEvidence),
      advice: [],
      detail: ALL_ALIKE,
      sinceMs: undefined,
      chain: [],
    },
  ];
}

/** Whoever waits, also on a CPU; and, where something is at fault, whoever has a CPU: it spins, or will wait soon. */
function heldUpBy(culprits: readonly Culprit[], standings: readonly RankStanding[]): ProcessNode[] {
  const guilty = new Set(culprits.map(({ process }) => process));
  const innocent = standings.filter(({ process, standing }) => !guilty.has(process) && standing !== "gone");
  const isFault = culprits.some(({ cause }) => isTrouble(cause.kind));
  const isHalted = culprits.some(({ cause }) => CAUSES[cause.kind].weight === "fault");
  // There are jobs whose ranks never need each other: one that is not seen to wait, and makes no polls, may get on.
  const isAwaited = doesAnyWait(innocent);
  const isStanding = culprits.some(({ process }) => !process.exited);
  const maySpin = (each: RankStanding) =>
    isAwaited || isGpuBusy(each) || (isStanding && each.process.pollsPerS === undefined);
  // Ranks of one program wait in one way, and a sample may have come just when one of them was let run on.
  const doesOneSpin = innocent.some(({ process }) => spins(process));
  const isOneLate = standings.some((each) => guilty.has(each.process) && isGpuIdle(each));
  return innocent.flatMap((each) => {
    const { process, standing } = each;
    const isOnCpu = standing === "running" && process.state === "running";
    const isSpinning = isOnCpu && ((isFault && maySpin(each)) || doesOneSpin || (isOneLate && isGpuBusy(each)));
    const starves = standing === "held_back" && isFault;
    const waits = standing === "waiting" || standing === "behind" || (isHalted && waitsForRelay(each));
    return waits || isSpinning || starves ? [process] : [];
  });
}

/** Ranks get on without it until they need it; what they wait for then may not show. */
function heldUpByLauncher(standings: readonly RankStanding[]): ProcessNode[] {
  const living = standings.filter(({ standing }) => standing !== "gone");
  return living.every(({ standing }) => standing === "waiting") ? living.map(({ process }) => process) : [];
}

function rounded(confidence: number): number {
  return Math.round(confidence * 100) / 100;
}
