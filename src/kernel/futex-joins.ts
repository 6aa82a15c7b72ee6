/**
 * Which thread pthread_join waits for, out of the memory around the word it sleeps on: a part of that thread's
 * descriptor. glibc: nptl/descr.h, nptl/pthread_join_common.c; musl: src/internal/pthread_impl.h.
 */
import type { FutexCall } from "./futex.ts";
import { isTid } from "./tid.ts";

/**
 * The thread that pthread_join waits for. glibc waits for the kernel to clear the `tid` of the thread's descriptor,
 * which the kernel tells by a shared wake; set_tid_address(2), kernel/fork.c mm_release.
 */
export function joinedThread(call: FutexCall, bytes: Buffer): { tid: number; sure: boolean } | undefined {
  if (call.operation !== "wait" || !call.shared || bytes.length < 4 || !isTid(call.expected)) return undefined;
  if (bytes.readUInt32LE(0) !== call.expected) return undefined;
  // Next to it lies the thread's list of robust mutexes: empty, it points to itself.
  const sure = bytes.length >= 16 && bytes.readBigUInt64LE(8) === call.address + 16n;
  return { tid: call.expected, sure };
}

/** musl waits until the thread's detach_state is no longer DT_JOINABLE; two words before it stands its TID. */
export const MUSL_TID_OFFSET = -8n;
const MUSL_JOINABLE = 2;
const MAX_ERRNO = 4095;

/** The same of musl, `bytes` being the two words before the futex and the futex. */
export function muslJoinedThread(call: FutexCall, bytes: Buffer): number | undefined {
  if (call.operation !== "wait" || call.expected !== MUSL_JOINABLE || bytes.length < 12) return undefined;
  const tid = bytes.readInt32LE(0);
  const fits = bytes.readUInt32LE(4) <= MAX_ERRNO && bytes.readUInt32LE(8) === MUSL_JOINABLE;
  return fits && isTid(tid) ? tid : undefined;
}
