/**
 * Why does this process not progress? A pure function of the graph.
 *
 * The walk finds where each branch of its waits ends; who can move at all is asked next, and those who can't, because
 * they wait for each other, are deadlocked. The ends are weighed, and the way to the best one is the chain.
 */
import { CAUSES, type AdviceStep, type CauseKind } from "./cause.ts";
import { findDeadlocks, movable } from "./deadlock.ts";
import type { Hop, Verdict } from "./documents.ts";
import type { Graph } from "./graph.ts";
import type { Certainty, Evidence, ProcessNode } from "./nodes.ts";
import { isGpuKind, isLockKind } from "./wait-kinds.ts";
import { awaitsAnyone, ownWaits, waitsOf } from "./threads.ts";
import { isTrouble, nameOf, Walk, weakest, type Finding, type Walker } from "./walk.ts";

const MAX_CAUSES = 5;

export interface Cause {
  kind: CauseKind;
  entityId: string;
  /** The process that must act for the wait to end. */
  actor: ProcessNode | undefined;
  /** Those that the cause is about; of a deadlock the cycle, in the order of the waits. */
  members: ProcessNode[];
  tids: number[];
  confidence: number;
  certainty: Certainty;
  evidence: Evidence[];
  advice: AdviceStep[];
  /** The wait's kind or the error's text. */
  detail: string;
  /** Of an error: when it was first told. */
  sinceMs: number | undefined;
  chain: Hop[];
}

export interface Explanation {
  process: ProcessNode;
  verdict: Verdict;
  /** How long it has not progressed; null where it does. */
  blockedMs: number | null;
  /** The way to the best cause. */
  chain: Hop[];
  /** Best first. */
  causes: Cause[];
  /** Somebody nothing is wrong with can end its wait, whatever else is wrong. */
  goesOn: boolean;
  /** Codes of what could not be seen on the way. */
  blindSpots: string[];
  /** Processes on the way at which a closer look could tell more. */
  openEnds: ProcessNode[];
}

/** Why `process` does not progress, at `nowMs`. Terminates on every graph. */
export function explain(graph: Graph, process: ProcessNode, nowMs: number): Explanation {
  const walk = new Walk(graph);
  const start = walk.run(process);
  const moving = movable(walk.walkers);
  const goesOn = moving.has(start);
  const cycles = findDeadlocks(start, walk.walkers).map(deadlockCause);
  const ends = best(withoutSymptoms(walk.findings.filter((finding) => !isExcused(finding, moving)))).map(causeOf);
  const causes = ranked([...cycles, ...(goesOn ? ends.map(doubted) : ends)]);
  const verdict = verdictOf(process, causes);
  const shown =
    verdict === "idle" || verdict === "running" ? causes.filter((cause) => cause.members[0] === process) : causes;
  return {
    process,
    verdict,
    blockedMs: blockedMs(process, verdict, shown[0], nowMs),
    chain: shown[0]?.chain ?? [],
    causes: shown,
    goesOn,
    blindSpots: blindSpots(walk),
    openEnds: [...new Set(walk.walkers.map((walker) => walker.process))],
  };
}

const STUCK: ReadonlySet<Verdict> = new Set(["blocked", "stopped", "starved"]);

/** Whether a person should be woken for it: somebody must act, or something is held by one who does nothing with it. */
export function isAlarming(explanation: Explanation): boolean {
  const cause = explanation.causes[0];
  if (cause === undefined) return false;
  if (!STUCK.has(explanation.verdict)) return false;
  const { weight } = CAUSES[cause.kind];
  // A peer out of sight that says nothing may have nothing to say.
  if (isTrouble(cause.kind)) return !explanation.goesOn && cause.kind !== "network.peer_silent";
  const onLock = cause.chain.some(({ edge, detail }) => edge === "waits_on" && isLockKind(detail));
  // Of servers that share a socket, those whose turn it is not wait by a lock for who accepts.
  const takesTurns = cause.detail.endsWith(".accept");
  return onLock && weight === "harmless" && cause.kind !== "process.busy" && !takesTurns;
}

/** Whoever should collect a dead process cannot: what holds that one up is the cause, not that it does not. */
function isExcused({ kind, walker }: Finding, moving: ReadonlySet<Walker>): boolean {
  return kind === "process.zombie" && walker.reaper !== undefined && !moving.has(walker.reaper);
}

/** Retransmissions over a link that is down, a disk that is slow because it fails: the one explains the other. */
function withoutSymptoms(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ kind, walker }) => {
    const explaining = CAUSES[kind].symptomOf;
    return (
      explaining === undefined || !findings.some((other) => other.walker === walker && explaining.includes(other.kind))
    );
  });
}

const END_CONFIDENCE: Record<Certainty, number> = { observed: 0.97, derived: 0.9, inferred: 0.7, unknown: 0.3 };
/** What is left of the confidence in a fault while somebody sound may end the wait as well. */
const DOUBT = 0.6;

/** The surest finding of each cause, the likeliest first, so that only few are made into causes. */
function best(findings: readonly Finding[]): Finding[] {
  const byCause = new Map<string, Finding>();
  for (const finding of findings) {
    const key = `${finding.kind} ${finding.entityId ?? finding.walker.process.id}`;
    const known = byCause.get(key);
    if (known === undefined || sureness(finding) > sureness(known)) byCause.set(key, finding);
  }
  const sorted = [...byCause.values()].sort(
    (a, b) => rankOfEnd(a) - rankOfEnd(b) || sureness(b) - sureness(a) || a.walker.depth - b.walker.depth,
  );
  return sorted.slice(0, MAX_CAUSES);
}

function causeOf(finding: Finding): Cause {
  const { kind, walker } = finding;
  const { process } = walker;
  const entityId = finding.entityId ?? process.id;
  const evidence = finding.evidence ?? process.stateEvidence;
  const chain = [...pathTo(walker), ...finding.hops];
  return {
    kind,
    entityId,
    actor: "actor" in finding ? finding.actor : kind === "unknown" ? undefined : process,
    members: [process],
    tids: walker.tid === 0 ? [] : [walker.tid],
    confidence: rounded(sureness(finding)),
    certainty: chain.reduce((least, { certainty }) => weakest(least, certainty), finding.certainty),
    evidence: evidence === undefined ? [] : [evidence],
    advice: CAUSES[kind].advise({
      entityId,
      process: finding.subject ?? process,
      members: [process],
      object: finding.object,
      setting: finding.setting,
      detail: finding.detail ?? "",
    }),
    detail: finding.detail ?? "",
    sinceMs: finding.sinceMs,
    chain,
  };
}

function sureness({ walker, certainty }: Finding): number {
  return walker.confidence * END_CONFIDENCE[certainty];
}

function deadlockCause(cycle: Walker[]): Cause {
  const first = cycle[0] as Walker;
  const members = [...new Set(cycle.map((walker) => walker.process))];
  const threaded = cycle.some((walker) => walker.tid !== 0);
  // Whichever member is asked, the deadlock has the same name.
  const lowest = members.toSorted((a, b) => a.pid - b.pid)[0] as ProcessNode;
  const closing = cycle.flatMap((walker, place) => hopsBetween(walker, cycle[(place + 1) % cycle.length] as Walker));
  const weakestHop = closing.reduce<Certainty>((least, next) => weakest(least, next.certainty), "observed");
  const certainty = weakest(weakestHop, mayBeHelped(cycle, closing) ? "inferred" : "observed");
  return {
    kind: "process.deadlock",
    entityId: lowest.id,
    actor: undefined,
    members,
    tids: threaded ? cycle.map((walker) => walker.tid || walker.process.pid) : [],
    confidence: rounded(first.confidence * END_CONFIDENCE[certainty]),
    certainty,
    evidence: cycle.flatMap((walker) => waitsOf(walker.process, walker.tid).flatMap((wait) => wait.evidence ?? [])),
    advice: CAUSES["process.deadlock"].advise({
      entityId: lowest.id,
      process: first.process,
      members,
      object: undefined,
      setting: undefined,
      detail: "",
    }),
    detail: "",
    sinceMs: undefined,
    chain: [...pathTo(first), ...closing],
  };
}

/**
 * A pipe, a connection or a file lock is its process's: another thread, of which nothing is known, could act on it.
 * A mutex is its thread's.
 */
function mayBeHelped(cycle: readonly Walker[], closing: readonly Hop[]): boolean {
  const onMutexes = closing.every(({ edge, detail }) => edge !== "waits_on" || OF_ONE_THREAD.has(detail));
  return !onMutexes && cycle.some(({ process, tid }) => tid === 0 && process.threads > 1);
}

const OF_ONE_THREAD: ReadonlySet<string> = new Set(["futex", "thread.join"]);

function hopsBetween(walker: Walker, next: Walker): Hop[] {
  if (next.parent === walker) return next.hops;
  // The hop that closes the cycle was not the one by which `next` was first reached.
  for (const need of walker.needs) {
    const place = need.walkers.indexOf(next);
    if (place < 0) continue;
    const [waitHop, heldHop] = need.hops;
    return heldHop === undefined ? need.hops : [waitHop as Hop, { ...heldHop, to: nameOf(next) }];
  }
  return [];
}

function pathTo(walker: Walker): Hop[] {
  const path: Hop[][] = [];
  for (let at: Walker | undefined = walker; at !== undefined; at = at.parent) path.push(at.hops);
  return path.toReversed().flat();
}

/**
 * Faults before what slows down; then the surer, then the nearer. What is neither stays in the order it comes in, and is
 * only told where there is nothing else.
 */
function ranked(causes: Cause[]): Cause[] {
  const guilty = causes.filter((cause) => isTrouble(cause.kind));
  guilty.sort(
    (a, b) => rankOf(a.kind) - rankOf(b.kind) || b.confidence - a.confidence || a.chain.length - b.chain.length,
  );
  return (guilty.length > 0 ? guilty : causes).slice(0, MAX_CAUSES);
}

/**
 * That a process rests says more about it than where its threads wait in peace; but where they do says more than that
 * nobody knows whom it waits for.
 */
function rankOfEnd({ kind, walker }: Finding): number {
  const rank = rankOf(kind);
  if (isTrouble(kind)) return rank;
  if (kind === "unknown" && walker.needs.some((need) => need.kind === "signal")) return 2 * LAST_RANK;
  return walker.led ? LAST_RANK + rank : rank;
}

const LAST_RANK = 6;

function rankOf(kind: CauseKind): number {
  const weight = CAUSES[kind].weight;
  if (weight === "fault") return 0;
  if (weight === "slow") return 1;
  if (kind === "process.busy") return 2;
  return weight === "unknown" ? 4 : kind === "process.idle" ? 5 : 3;
}

function verdictOf(process: ProcessNode, causes: Cause[]): Verdict {
  if (process.exited || process.state === "zombie") return "exited";
  if (process.state === "stopped" || process.state === "traced" || process.state === "frozen") return "stopped";
  const cause = causes[0];
  if (cause === undefined) return "unknown";
  if (isCpuCause(cause.kind) && cause.members[0] === process) return "starved";
  if (CAUSES[cause.kind].weight === "fault" || CAUSES[cause.kind].weight === "slow") return "blocked";
  const own = cause.members[0] === process && cause.chain.every((hop) => staysInside(hop, process, cause.kind));
  if (own && cause.kind === "process.busy") return "running";
  if (own && (cause.detail === "tty.write" || isGpuKind(cause.detail))) return "blocked";
  if (own && cause.kind === "unknown") return isToldToBeStuck(process) ? "blocked" : "unknown";
  if (own || process.waits.some((wait) => wait.told.serves)) return "idle";
  return "blocked";
}

function isCpuCause(kind: CauseKind): boolean {
  return kind === "cpu.throttled" || kind === "cpu.starved";
}

/** Between its own threads, of which one waits for another to end, or for its turn to wait for work. */
function staysInside({ edge, detail, to }: Hop, { id }: ProcessNode, kind: CauseKind): boolean {
  if (edge !== "held_by" || detail === "thread") return true;
  return kind === "process.idle" && (to === id || to.startsWith(`${id}/tid-`));
}

/** Somebody says that it waits and does not rest, though not what for. */
function isToldToBeStuck(process: ProcessNode): boolean {
  return process.state === "blocked" || waitsOf(process, 0).some(({ detail }) => detail.includes("IO_WAIT"));
}

function blockedMs(process: ProcessNode, verdict: Verdict, cause: Cause | undefined, nowMs: number): number | null {
  if (verdict === "running" || verdict === "exited" || verdict === "idle") return null;
  if (verdict === "stopped") return Math.max(0, nowMs - process.stateSinceMs);
  const waits = waitsOf(process, 0);
  // What hits the process itself lasts, though it waits but a moment before it tries again.
  const hitMs = cause?.chain[0]?.edge === "blocked_by" ? cause.sinceMs : undefined;
  const sinceMs = waits.reduce(
    (first, wait) => Math.min(first, wait.sinceMs),
    hitMs ?? waits[0]?.sinceMs ?? cause?.sinceMs ?? process.stateSinceMs,
  );
  // Until its main thread began to wait for another one it got on, however long that one waits.
  const own = ownWaits(process, 0);
  const begunMs = awaitsAnyone(own) ? (own[0]?.sinceMs ?? sinceMs) : sinceMs;
  return Math.max(0, nowMs - Math.max(sinceMs, begunMs));
}

function blindSpots(walk: Walk): string[] {
  const codes = new Set<string>();
  for (const { process, tid } of walk.walkers) {
    const waits = waitsOf(process, tid).map((wait) => wait.told.blind);
    for (const code of [process.blind, ...waits].join(",").split(",")) if (code !== "") codes.add(code);
  }
  if (walk.truncated) codes.add("truncated");
  return [...codes];
}

/** A fault on one way, while somebody sound can end the wait on another: it may be what holds up the process. */
function doubted(cause: Cause): Cause {
  if (!isTrouble(cause.kind)) return cause;
  return { ...cause, certainty: weakest(cause.certainty, "inferred"), confidence: rounded(cause.confidence * DOUBT) };
}

function rounded(confidence: number): number {
  return Math.round(confidence * 100) / 100;
}
