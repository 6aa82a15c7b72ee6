/**
 * Whom the number in a lock means. It is a TID of the pid namespace of whoever took the lock, it stays when its thread
 * dies, and fork copies it into a process that has no such thread.
 */
import type { LockClaim } from "../../../kernel/futex-locks.ts";
import { mapsPlace, type SharedPlace } from "../../../kernel/futex-memory.ts";
import { readStat, readStatus, readTids } from "../../../kernel/procfs.ts";
import type { BlockedTask } from "../blocked-task.ts";
import { isSliceOver, letOthersIn } from "../pace.ts";
import type { View } from "../view.ts";

export type Owner =
  | { state: "alive"; pid: number; tid: number }
  | { state: "gone"; why: string }
  /** Somebody may have it whose memory we may not see. */
  | { state: "hidden" };

/** Undefined where the number is no thread's, so that what looked like a lock is none. */
export async function ownerOf(
  task: BlockedTask,
  claim: LockClaim,
  place: SharedPlace | "private" | "unseen",
  view: View,
): Promise<Owner | undefined> {
  if (claim.owner === 0) return { state: "gone", why: "its owner died (FUTEX_OWNER_DIED)" };
  const own = livingThread(view.proc, task.pid, claim.owner);
  if (own !== undefined) return { state: "alive", pid: task.pid, tid: own };
  if (typeof place === "object") return ownerInSharedMemory(claim, place, view);
  if (!claim.sure) return undefined;
  return place === "private" ? ownerBeyondFork(task, claim, view) : { state: "hidden" };
}

/** The thread of the process that the process itself knows by this number; undefined where it has none that lives. */
export function livingThread(proc: string, pid: number, number: number): number | undefined {
  const isNested = (readStatus(proc, pid)?.nsPids.length ?? 1) > 1;
  const tids = isNested ? readTids(proc, pid).filter((tid) => innermost(proc, pid, tid) === number) : [number];
  return tids.find((tid) => isAlive(proc, pid, tid));
}

/** Memory of its own, and no such thread: only who had this memory before a fork can have taken the lock. */
function ownerBeyondFork(task: BlockedTask, claim: LockClaim, view: View): Owner | undefined {
  const { proc } = view;
  let forkedFrom = readStat(proc, task.pid)?.ppid ?? 0;
  const lender = isLending(proc, forkedFrom) ? livingThread(proc, forkedFrom, claim.owner) : undefined;
  if (lender !== undefined) return { state: "alive", pid: forkedFrom, tid: lender };
  for (let generation = 0; forkedFrom > 1 && generation < MAX_GENERATIONS; generation++) {
    const tid = livingThread(proc, forkedFrom, claim.owner);
    if (tid !== undefined) {
      return { state: "gone", why: `owner ${claim.owner} is a thread of ${forkedFrom}; the lock was copied by a fork` };
    }
    forkedFrom = readStat(proc, forkedFrom)?.ppid ?? 0;
  }
  if (!mayHaveBeenThread(task, claim.owner, proc)) return undefined;
  return { state: "gone", why: `owner ${claim.owner} is no thread of ${task.pid}` };
}

const MAX_GENERATIONS = 8;
/** Threads that a parent made shortly before it forked, and that are gone, had numbers just below the child's. */
const NEAR = 4096;

/** Numbers are handed out in order: that of a dead thread lies above its process's, or above that of its parent. */
function mayHaveBeenThread({ pid }: BlockedTask, number: number, proc: string): boolean {
  const own = innermost(proc, pid, pid) ?? pid;
  if (number >= own) return true;
  const parent = readStat(proc, pid)?.ppid ?? 0;
  const parents = parent > 1 ? innermost(proc, parent, parent) : undefined;
  return parents === undefined ? own - number < NEAR : number >= parents;
}

/** A vfork parent lends its memory to the child, and one of its threads stands still meanwhile, uninterruptibly. */
function isLending(proc: string, pid: number): boolean {
  return pid > 0 && readTids(proc, pid).some((tid) => readStat(proc, pid, tid)?.state === "D");
}

async function ownerInSharedMemory(claim: LockClaim, place: SharedPlace, view: View): Promise<Owner | undefined> {
  let hidden = false;
  for (const { pid, tid } of await threadsNumbered(claim.owner, view)) {
    const maps = await view.maps(pid);
    if (maps === undefined) hidden = true;
    else if (mapsPlace(maps, place)) return { state: "alive", pid, tid };
  }
  if (!claim.sure || !(claim.processShared || claim.byKernel)) return undefined;
  if (hidden) return { state: "hidden" };
  return { state: "gone", why: `owner ${claim.owner} has ended` };
}

/** Every living thread of the machine that has this number in its own pid namespace. */
async function threadsNumbered(number: number, view: View): Promise<{ pid: number; tid: number }[]> {
  const { proc } = view;
  const found: { pid: number; tid: number }[] = [];
  const direct = readStatus(proc, number);
  const directPid = direct?.tgid ?? number;
  if (direct?.nsPids.length === 1 && isAlive(proc, directPid, number)) found.push({ pid: directPid, tid: number });
  for (const { pid, kthread } of view.processes()) {
    if (isSliceOver()) await letOthersIn();
    if (kthread || (readStatus(proc, pid)?.nsPids.length ?? 1) === 1) continue;
    const tid = livingThread(proc, pid, number);
    if (tid !== undefined) found.push({ pid, tid });
  }
  return found;
}

function innermost(proc: string, pid: number, tid: number): number | undefined {
  return readStatus(proc, pid, tid)?.nsPids.at(-1);
}

/** A main thread that has ended stays as a zombie while the others live. */
function isAlive(proc: string, pid: number, tid: number): boolean {
  const state = readStat(proc, pid, tid)?.state;
  return state !== undefined && !"ZX".includes(state);
}
