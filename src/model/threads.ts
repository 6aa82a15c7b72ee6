/**
 * Which of its threads a process hangs on: its main one; and where that rests, or waits for whoever signals it, perhaps
 * another. It follows no wait: who is at the other end is the walk's matter.
 */
import { CAUSES, type CauseKind } from "./cause.ts";
import type { Edge, ProcessNode } from "./nodes.ts";
import { causeWithoutHolder, isCpuKind, isGpuKind, isIdleKind } from "./wait-kinds.ts";

/** As the detail of a hop: from a process to one of its threads. */
export const THREAD_LEAD = "thread";
/** No more threads of one process are considered. */
export const MAX_LEADS = 64;

/** What this thread waits for; 0 is the main one. Of an event loop, whom it is told to wait for, where there is one. */
export function ownWaits(process: ProcessNode, tid: number): Edge[] {
  const waits = process.waits.filter((wait) => wait.tid === tid);
  return waits.length < 2 ? waits : activeOf(waits);
}

function activeOf(waits: Edge[]): Edge[] {
  const active = waits.filter((wait) => !isIdleKind(wait.detail));
  return active.length > 0 ? active : waits;
}

/** The event loop that a thread is in which is told to wait for somebody as well: others may wake it. */
export function loopBeside(process: ProcessNode, tid: number): Edge | undefined {
  const waits = process.waits.filter((wait) => wait.tid === tid);
  const loop = waits.find((wait) => isIdleKind(wait.detail));
  return loop !== undefined && waits.some((wait) => !isIdleKind(wait.detail)) ? loop : undefined;
}

/**
 * The other threads that a thread may hang on: those that wait for somebody, while the main thread rests or has ended;
 * or while the thread sleeps on a futex that names no owner, for then one of its own process's threads is to wake it.
 * Of a process that runs, those that get no CPU.
 */
export function leadsOf(process: ProcessNode, tid: number, own: readonly Edge[]): number[] {
  if (process.waits.length === own.length) return [];
  const runs = process.state === "running";
  const awaitsSignal = awaitsAnyone(own);
  if (!awaitsSignal && (tid !== 0 || !own.every(isResting))) return [];
  const leads = new Set<number>();
  for (const wait of process.waits) {
    if (wait.tid === 0 || wait.tid === tid || leads.size >= MAX_LEADS) continue;
    if (runs && !isCpuKind(wait.detail)) continue;
    // A poll rests by its kind; that somebody is known to be at the other end makes it worth following all the same.
    if (!isResting(wait) || (awaitsSignal && wait.to.holders.length > 0)) leads.add(wait.tid);
  }
  return [...leads];
}

/** On condition variables, semaphores and the like: whoever wakes it, nothing tells who that is. */
export function awaitsAnyone(waits: readonly Edge[]): boolean {
  return waits.length > 0 && waits.every((wait) => wait.detail === "futex" && unheldCause(wait) === "unknown");
}

/** What its main thread waits for; where that rests or has ended, those of its other threads that say more. */
export function waitsOf(process: ProcessNode, tid: number): Edge[] {
  const own = ownWaits(process, tid);
  if (tid !== 0) return own;
  const leads = new Set(leadsOf(process, tid, own));
  if (leads.size > 0) return process.waits.filter((wait) => leads.has(wait.tid) && !isResting(wait));
  return own.length > 0 || process.state === "running" ? own : process.waits;
}

/**
 * What a thread that waits for anyone's signal does, by what the others do: they are at the process's gates, or asleep,
 * and will wake it when there is something to do.
 */
export function restBeside(process: ProcessNode, tid: number): CauseKind {
  let rest: CauseKind = "unknown";
  for (const wait of process.waits) {
    if (wait.tid === tid) continue;
    if (AT_THE_GATES.has(wait.detail)) return "process.idle";
    if (unheldCause(wait) === "process.sleeping") rest = "process.sleeping";
  }
  return rest;
}

const AT_THE_GATES: ReadonlySet<string> = new Set(["tcp.accept", "unix.accept", "epoll", "poll", "select", "udp.recv"]);

export function isResting(wait: Edge): boolean {
  if (isIdleKind(wait.detail)) return true;
  if (isGpuKind(wait.detail)) return false;
  const cause = unheldCause(wait);
  return cause !== undefined && CAUSES[cause].weight !== "fault" && CAUSES[cause].weight !== "slow";
}

/** Undefined where somebody has what is waited for. */
function unheldCause({ to, detail, told }: Edge): CauseKind | undefined {
  const isUnheld = to.type === "resource" && to.holders.length === 0;
  return isUnheld ? causeWithoutHolder(detail, to.id, told) : undefined;
}
