/**
 * The ranks of a job, and how each of them stands. A rank that waits for the others looks harmless on its own: asleep on
 * a condition variable, in a poll, or at full speed in user space. So each is told apart by what it does instead.
 */
import { readProcessId, processId } from "./entity.ts";
import type { Evidence, ProcessNode } from "./nodes.ts";
import { ownWaits, THREAD_LEAD } from "./threads.ts";
import { isGpuKind, isLockKind } from "./wait-kinds.ts";
import { isTrouble } from "./walk.ts";
import type { Cause, Explanation } from "./why.ts";

/**
 * `gone`: dead. `stuck`: something of its own holds it up. `held_back`: it gets too little of a CPU or a GPU.
 * `elsewhere`: it waits for somebody outside the job with whom nothing is wrong. `behind`: it waits for a lock that
 * another rank has. `resting`: it sleeps, or waits for a person. `waiting`: as in a collective. `running`: on a CPU, or
 * it was a moment ago. `unclear`: none of these could be shown.
 */
type Standing = "gone" | "stuck" | "held_back" | "elsewhere" | "behind" | "resting" | "waiting" | "running" | "unclear";

export interface RankStanding {
  process: ProcessNode;
  explanation: Explanation;
  standing: Standing;
  /** Of one that does not wait for the others: why not. */
  cause: Cause | undefined;
  /** How long its main thread has waited; undefined where it does not. */
  waitedMs: number | undefined;
  /** Of one that is behind: the rank that has its lock. */
  holder: ProcessNode | undefined;
  /** How busy its GPU is, the busiest where it has several; undefined where none is known to be its. */
  gpuPercent: number | undefined;
}

/** In a job that gets on, waits for the slowest rank are shorter. */
export const SHORTEST_STALL_MS = 1000;
/**
 * A thread that gives up its CPU over and over (sched_yield(2), as MPI does where ranks outnumber CPUs) is given one
 * thousands of times in a second; one that computes loses it to others at most at each tick, some hundred times.
 */
const YIELDS_PER_S = 2000;

/**
 * One that spins on memory it shares with the others, as Open MPI does where each rank has a CPU, looks at its sockets
 * only now and then: every 10 ms. One that computes makes no such calls, or others as well.
 */
const POLLS_PER_S = 30;

const BUSY_GPU_PERCENT = 90;
const IDLE_GPU_PERCENT = 5;
/** Older figures are of another moment. */
const RECENT_FIGURE_MS = 10_000;

/** Out of sight, and may be ranks of the same job on another host. */
const FAR_PEER: ReadonlySet<string> = new Set(["network.peer_silent", "network.peer_not_reading"]);
const HELD_BACK: ReadonlySet<string> = new Set(["cpu.throttled", "cpu.starved", "gpu.throttled"]);
const AT_REST: ReadonlySet<string> = new Set(["sleep", "tty.read", "tty.write"]);
/** Where the main thread of a rank is while it waits in a collective, or for the store by which ranks find each other. */
const IN_COLLECTIVE: ReadonlySet<string> = new Set([
  "futex",
  "poll",
  "epoll",
  "select",
  "eventfd",
  "tcp.recv",
  "tcp.send",
  "unix.recv",
  "unix.send",
  "thread.join",
]);

/** The processes that are the job's ranks: as told; else whoever has a rank; else all, in one that tells no ranks. */
export function ranksOf(members: Iterable<ProcessNode>): ProcessNode[] {
  const all = [...members].filter(({ jobRole }) => jobRole === "rank" || jobRole === null);
  const told = all.filter(({ jobRole }) => jobRole === "rank");
  const ranked = told.length > 0 ? told : all.filter(({ rank }) => rank !== null);
  const chosen = ranked.length > 0 ? ranked : all;
  return withoutReplaced(chosen).sort(byRank);
}

function byRank(a: ProcessNode, b: ProcessNode): number {
  return (a.rank ?? Infinity) - (b.rank ?? Infinity) || a.pid - b.pid;
}

/** It runs, and looks over and over for the others, or gives up its CPU to them. */
export function spins(process: ProcessNode): boolean {
  return process.state === "running" && (yields(process) || (process.pollsPerS ?? 0) >= POLLS_PER_S);
}

/** Thousands of times in a second, which a scheduler sees where others want its CPU. */
export function yields({ switchesPerS }: Pick<ProcessNode, "switchesPerS">): boolean {
  return (switchesPerS ?? 0) >= YIELDS_PER_S;
}

/** What shows that one which is on a CPU does not get on. */
export function spinEvidence(process: ProcessNode): Evidence[] {
  const { pid, pollsPerS = 0, switchesPerS } = process;
  if (pollsPerS >= POLLS_PER_S) {
    const observed = `looked ${pollsPerS} times a second whether something had come, and made hardly any other system call`;
    return [{ source: "sys_enter", observed: `process ${pid}: ${observed}` }];
  }
  if (!yields(process)) return [];
  return [{ source: `/proc/${pid}/schedstat`, observed: `gave up its CPU ${switchesPerS} times a second` }];
}

/** A collective of NCCL's is a kernel that spins on the GPU until all ranks are in it; so does one that computes. */
export function isGpuBusy({ gpuPercent }: RankStanding): boolean {
  return gpuPercent !== undefined && gpuPercent >= BUSY_GPU_PERCENT;
}

/** It has given its GPU nothing to do. */
export function isGpuIdle({ gpuPercent }: RankStanding): boolean {
  return gpuPercent !== undefined && gpuPercent <= IDLE_GPU_PERCENT;
}

function gpuPercentOf({ consumes }: ProcessNode, nowMs: number): number | undefined {
  let busiest: number | undefined;
  for (const { to } of consumes) {
    if (to.type !== "resource" || nowMs - to.metricAtMs > RECENT_FIGURE_MS) continue;
    const metric = to.metrics?.find(({ type, ofProcess }) => type === "compute.util" && !ofProcess);
    if (metric !== undefined) busiest = Math.max(busiest ?? 0, metric.value);
  }
  return busiest;
}

/** `insiders`: the ranks and the job's other processes, by id. */
export function standingOf(
  explanation: Explanation,
  ranks: ReadonlyMap<string, ProcessNode>,
  insiders: ReadonlySet<string>,
  nowMs: number,
): RankStanding {
  const { process, verdict, causes } = explanation;
  const waits = ownWaits(process, 0);
  const waitedMs =
    waits.length === 0 ? undefined : nowMs - waits.reduce((first, { sinceMs }) => Math.min(first, sinceMs), nowMs);
  const gpuPercent = gpuPercentOf(process, nowMs);
  const as = (standing: Standing, cause?: Cause, holder?: ProcessNode): RankStanding => ({
    process,
    explanation,
    standing,
    cause,
    waitedMs,
    holder,
    gpuPercent,
  });
  if (process.exited || process.state === "zombie") return as("gone", causes[0]);
  const peerOf = (cause: Cause) => peerOn(cause, process, ranks);
  const own = causes.find((cause) => peerOf(cause) === undefined && !leadsToLauncher(cause));
  if (verdict === "stopped") return as("stuck", causes[0]);

  const isBrief = (waitedMs ?? 0) < SHORTEST_STALL_MS;
  if (own !== undefined && isTrouble(own.kind) && !FAR_PEER.has(own.kind)) {
    if (own.kind === "cpu.starved" && yields(process)) return as("running");
    if (HELD_BACK.has(own.kind)) return as("held_back", own);
    const isOnItself = own.chain[0]?.edge === "blocked_by" || own.chain[0]?.edge === "consumes";
    return isBrief && waits.length > 0 && !isOnItself ? as("running") : as("stuck", own);
  }
  if (waits.length === 0) return process.state === "blocked" ? as("unclear", causes[0]) : as("running");
  if (isBrief) return as("running");

  const [first] = causes;
  const peer = first === undefined ? undefined : peerOf(first);
  if (first !== undefined && peer !== undefined) {
    return isOnLock(first) ? as("behind", first, peer) : as("waiting", first);
  }
  const subject = first?.members[0];
  const isOutside = subject !== undefined && subject !== process && (!insiders.has(subject.id) || isHelper(subject));
  if (isOutside && verdict === "blocked") return as("elsewhere", first);
  if (waits.every(({ detail }) => AT_REST.has(detail))) return as("resting", first);
  const isUsual = waits.every(({ detail }) => IN_COLLECTIVE.has(detail) || isGpuKind(detail));
  return isUsual ? as("waiting", first) : as("unclear", first);
}

/** The way to it begins with a wait for a lock. */
export function isOnLock(cause: Cause | undefined): boolean {
  const hop = cause?.chain[0];
  return hop !== undefined && isLockKind(hop.detail);
}

/**
 * By another thread than its main one: such as listens all the time for what the launcher says (PyTorch's store, PMIx),
 * whatever the main one waits for.
 */
export function leadsToLauncher({ chain, members }: Cause): boolean {
  return chain[0]?.detail === THREAD_LEAD && members[0]?.jobRole === "launcher";
}

/** Another rank that the way to the cause passes. */
function peerOn(cause: Cause, process: ProcessNode, ranks: ReadonlyMap<string, ProcessNode>): ProcessNode | undefined {
  for (const id of [...cause.chain.map(({ to }) => to), ...cause.members.map((member) => member.id)]) {
    const parts = readProcessId(id);
    const rank = parts === undefined ? undefined : ranks.get(processId(parts.pid, parts.node));
    if (rank !== undefined && rank !== process) return rank;
  }
  return undefined;
}

function isHelper({ jobRole }: ProcessNode): boolean {
  return jobRole === "helper";
}

/** A rank that was started anew takes the place of the one that ended. */
function withoutReplaced(ranks: readonly ProcessNode[]): ProcessNode[] {
  const living = new Set(ranks.flatMap(({ exited, rank }) => (exited || rank === null ? [] : [rank])));
  return ranks.filter(({ exited, rank }) => !exited || rank === null || !living.has(rank));
}
