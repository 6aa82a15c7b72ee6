/**
 * Waits on futexes: for a lock whose memory tells its owner (mutexes of all kinds, rwlocks that a writer has), for a
 * thread to end, and all the others (condition variables, semaphores, the locks of other languages), which name nobody.
 */
import {
  futexVectorBytes,
  isLockWait,
  parseFutexCall,
  parseFutexVector,
  type FutexCall,
} from "../../../kernel/futex.ts";
import { joinedThread, MUSL_TID_OFFSET, muslJoinedThread } from "../../../kernel/futex-joins.ts";
import {
  mutexClaim,
  MUTEX_BYTES,
  RWLOCK_BYTES,
  RWLOCK_FUTEX_OFFSETS,
  rwlockClaim,
  rwlockReaders,
  semaphoreWaiters,
} from "../../../kernel/futex-locks.ts";
import { callersOn } from "../../../kernel/user-stack.ts";
import { callText, type BlockedTask } from "../blocked-task.ts";
import { held, type Certainty, type Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { lockFacts } from "./futex-lock.ts";
import { livingThread } from "./futex-owner.ts";
import { ownEntity, waitFact, type WaitDetails, type WaitResolver } from "./resolver.ts";

const CALLS: ReadonlySet<string> = new Set(["futex", "futex_wait", "futex_waitv"]);
/** futex_do_wait, futex_wait_queue_me, futex_wait_queue, futex_wait_multiple, by version. */
const CHANNEL = /^futex_/;
/** Of the futexes that one futex_waitv waits for, so many are looked at. */
const MAX_FUTEXES = 8;
const WORD_BYTES = 4;

export const futexWait: WaitResolver = {
  kind: "futex",
  matches: ({ kthread, syscall, wchan }) =>
    syscall === undefined ? !kthread && CHANNEL.test(wchan) : CALLS.has(syscall.name),

  async resolve(task, view) {
    const facts: Fact[] = [];
    for (const call of await callsOf(task, view)) facts.push(...(await factsOf(task, call, view)));
    if (facts.length > 0) return facts;
    return [waitFact(task, "futex", ownEntity("wait", task), { certainty: "derived", holder: "hidden" })];
  },
};

/** None where the arguments or, of futex_waitv, the list in memory cannot be seen. */
async function callsOf({ via, syscall }: BlockedTask, view: View): Promise<FutexCall[]> {
  if (syscall === undefined) return [];
  if (syscall.name !== "futex_waitv") {
    const call = parseFutexCall(syscall.name, syscall.args);
    return call === undefined ? [] : [call];
  }
  const [address = 0n, count = 0n, , timeout = 0n] = syscall.args;
  const seen = Math.min(Number(BigInt.asUintN(32, count)), MAX_FUTEXES);
  const bytes = seen === 0 ? undefined : await view.memory(via, address, futexVectorBytes(seen));
  return bytes === undefined ? [] : parseFutexVector(bytes, timeout !== 0n);
}

async function factsOf(task: BlockedTask, call: FutexCall, view: View): Promise<Fact[]> {
  const { pid, via } = task;
  const read = (address: bigint, length: number) => view.memory(via, address, length);
  // A word that is no mutex may be the last one of its page, and nothing behind it.
  const bytes = (await read(call.address, MUTEX_BYTES)) ?? (await read(call.address, WORD_BYTES));
  if (bytes === undefined) {
    return [waitFact(task, "futex", privateId(pid, call), { holder: "hidden", blind: ["memory"] })];
  }
  const joined = joinedThread(call, bytes);
  const join = joined === undefined ? [] : joinFacts(task, joined.tid, joined.sure ? "observed" : "derived", view);
  if (joined?.sure && join.length > 0) return join;

  const claim = mutexClaim(call, bytes);
  const owned = claim === undefined ? [] : await lockFacts(task, call, claim, view);
  if (owned.length > 0) return owned;
  if (join.length > 0) return join;

  const others = await aroundTheWord(task, call, view);
  if (Array.isArray(others)) return others;
  const waiters = semaphoreWaiters(call, bytes);
  if (others !== undefined || waiters === undefined) return [unowned(task, call, { what: others })];
  const caller = await callerOf(task, view);
  return [unowned(task, call, { what: `semaphore at 0, ${waiters} waiting`, caller })];
}

/** How far above a thread's stack pointer the C library's frames reach. */
const MAX_ABOVE = 512;

/**
 * Whose code the main thread waits for a semaphore in: the locks of Python are such, and which one it is that waits for
 * a lock of its own tells it from those that wait in a library for each other.
 */
async function callerOf({ pid, tid, via, syscall }: BlockedTask, view: View): Promise<string | undefined> {
  if (tid !== pid || syscall === undefined) return undefined;
  const stack = await view.memory(via, syscall.stackPointer, MAX_ABOVE);
  const maps = stack === undefined ? undefined : await view.maps(via);
  return stack === undefined || maps === undefined ? undefined : [...callersOn(stack, maps)][0];
}

/** Locks that begin before the word they are waited for by; or else a text that says what it is. */
async function aroundTheWord(task: BlockedTask, call: FutexCall, view: View): Promise<Fact[] | string | undefined> {
  if (call.expected !== 2 && call.expected !== 3) return undefined;
  for (const offset of RWLOCK_FUTEX_OFFSETS) {
    const bytes = await view.memory(task.via, call.address - offset, RWLOCK_BYTES);
    if (bytes === undefined) continue;
    const claim = rwlockClaim(call, bytes, offset);
    const owned = claim === undefined ? [] : await lockFacts(task, call, claim, view);
    if (owned.length > 0) return owned;
    const readers = offset === RWLOCK_FUTEX_OFFSETS[0] ? rwlockReaders(call, bytes) : undefined;
    if (readers !== undefined) return `read-write lock, ${readers} reading`;
  }
  const before = await view.memory(task.via, call.address + MUSL_TID_OFFSET, -Number(MUSL_TID_OFFSET) + WORD_BYTES);
  const tid = before === undefined ? undefined : muslJoinedThread(call, before);
  const join = tid === undefined ? [] : joinFacts(task, tid, "derived", view);
  return join.length > 0 ? join : undefined;
}

/** Empty where no other thread of the process has that number: then it is no join. */
function joinFacts(task: BlockedTask, number: number, certainty: Certainty, view: View): Fact[] {
  const { pid } = task;
  const tid = livingThread(view.proc, pid, number);
  if (tid === undefined || tid === task.tid) return [];
  const entity = `thread:${pid}:${tid}`;
  const evidence = {
    source: `/proc/${pid}/task/${tid}/stat`,
    observed: `thread ${number} has not ended`,
    certainty,
    tid,
  };
  return [waitFact(task, "thread.join", entity), held(entity, pid, "thread", evidence)];
}

/**
 * Nobody can be named. Somebody has what looks like a lock, though; and what is no lock and is waited for by the clock
 * too is a sleep, as its program chose.
 */
function unowned(
  task: BlockedTask,
  call: FutexCall,
  { what, caller }: { what?: string | undefined; caller?: string | undefined },
): Fact {
  const isSleep = call.timed && !isLockWait(call);
  const details: WaitDetails = isSleep ? { cause: "process.sleeping" } : isLockWait(call) ? { holder: "hidden" } : {};
  const { pid, tid } = task;
  if (what !== undefined) {
    const by = caller === undefined ? "" : `, called from ${caller}`;
    details.evidence = { source: `/proc/${pid}/task/${tid}/syscall`, observed: `${callText(task)}: ${what}${by}` };
  }
  if (caller !== undefined) details.caller = caller;
  return waitFact(task, "futex", privateId(pid, call), details);
}

function privateId(pid: number, { address }: FutexCall): string {
  return `futex:${pid}:${address.toString(16)}`;
}
