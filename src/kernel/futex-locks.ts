/**
 * Locks as they lie in memory, where the C library keeps their owner. Bytes in, claims out; whether the named thread
 * lives is asked elsewhere. Layouts are those of 64-bit, little-endian machines.
 *
 * glibc: sysdeps/nptl/bits/struct_mutex.h, nptl/pthread_mutex_lock.c, nptl/pthread_rwlock_common.c,
 * nptl/sem_waitcommon.c; the kernel's part: include/uapi/linux/futex.h.
 */
import { CONTENDED, type FutexCall } from "./futex.ts";
import { isTid, MAX_TID } from "./tid.ts";

/** A lock as its memory shows it. */
export interface LockClaim {
  what: "mutex" | "rwlock";
  /** A TID in the pid namespace of whoever took it; 0 where its owner died and the kernel says so. */
  owner: number;
  /** The memory is a lock's beyond doubt, so that an owner that doesn't live is believed as well. */
  sure: boolean;
  /** The word is the kernel's own protocol (PI), not only a library's. */
  byKernel: boolean;
  /** Its kind says that processes share it. */
  processShared: boolean;
}

/** Bytes of a glibc mutex up to and with its robust list; of both architectures. */
export const MUTEX_BYTES = 40;
/** A glibc rwlock's, up to its flags. */
export const RWLOCK_BYTES = 52;
/** Bits of a PI or robust futex's word; include/uapi/linux/futex.h. */
const WAITERS = 0x8000_0000;
const OWNER_DIED = 0x4000_0000;
const TID_MASK = 0x3fff_ffff;

/** Bits of glibc's __kind; nptl/pthreadP.h. */
const KIND_BITS = 0x3ff;
const TYPE = 0x3;
const RECURSIVE = 1;
const ADAPTIVE = 3;
const ROBUST = 0x10;
const PRIO_INHERIT = 0x20;
const PRIO_PROTECT = 0x40;
const PROCESS_SHARED = 0x80;

/**
 * A glibc mutex, `bytes` being the memory from its word on; the word alone will do where the owner stands in it.
 * Anything may lie behind a futex, so the claim is only made where every field is one that a mutex could have.
 */
export function mutexClaim(call: FutexCall, bytes: Buffer): LockClaim | undefined {
  if (bytes.length < 4) return undefined;
  const word = bytes.readUInt32LE(0);
  const fields = bytes.length < MUTEX_BYTES ? undefined : mutexFields(bytes);
  const processShared = fields !== undefined && (fields.kind & PROCESS_SHARED) !== 0;
  if (call.operation === "lock_pi") {
    const claimed = tidIn(word);
    return claimed === undefined
      ? undefined
      : { what: "mutex", owner: claimed, sure: true, byKernel: true, processShared };
  }
  if (isTidWord(call.expected) && isTidWord(word)) {
    // A robust mutex of glibc, or a mutex of musl that is not of the normal type.
    const isRobust = fields !== undefined && (fields.kind & ROBUST) !== 0;
    const owner = tidIn(word);
    return owner === undefined ? undefined : { what: "mutex", owner, sure: isRobust, byKernel: false, processShared };
  }
  if (call.expected !== CONTENDED || word !== CONTENDED || fields === undefined) return undefined;
  const { count, owner, users, kind, spare, listed } = fields;
  const type = kind & TYPE;
  const isPlain = (kind & (ROBUST | PRIO_INHERIT | PRIO_PROTECT)) === 0;
  const counted = type === RECURSIVE ? count > 0 : count === 0;
  if (!isPlain || !counted || users < 1 || users > MAX_TID || !isTid(owner)) return undefined;
  const sure = !listed && (spare === 0 || type === ADAPTIVE);
  return { what: "mutex", owner, sure, byKernel: false, processShared };
}

interface MutexFields {
  count: number;
  owner: number;
  users: number;
  kind: number;
  /** Spin and elision counters. */
  spare: number;
  /** It is in its owner's list of robust mutexes. */
  listed: boolean;
}

/** struct __pthread_mutex_s; undefined where no mutex has such a kind. */
function mutexFields(bytes: Buffer): MutexFields | undefined {
  const kind = bytes.readUInt32LE(16);
  if ((kind & ~KIND_BITS) !== 0) return undefined;
  return {
    count: bytes.readUInt32LE(4),
    owner: bytes.readInt32LE(8),
    users: bytes.readUInt32LE(12),
    kind,
    spare: bytes.readUInt32LE(20),
    listed: bytes.readBigUInt64LE(24) !== 0n || bytes.readBigUInt64LE(32) !== 0n,
  };
}

/** Whoever waits for a rwlock sleeps on one of two of its words, at these offsets: __wrphase_futex, __writers_futex. */
export const RWLOCK_FUTEX_OFFSETS = [8n, 12n] as const;
const WRITE_PHASE = 1;
const WRITE_LOCKED = 2;
const READERS_SHIFT = 3;
/** PTHREAD_RWLOCK_FUTEX_USED, alone and with the value 1. */
const RWLOCK_WAITED = 2;
const RWLOCK_WAITED_AND_SET = 3;
/** The greatest of PTHREAD_RWLOCK_PREFER_…_NP. */
const RWLOCK_PREFERENCES = 2;

/** A glibc rwlock that a writer has, `bytes` being the memory from its beginning on. */
export function rwlockClaim(call: FutexCall, bytes: Buffer, futexOffset: bigint): LockClaim | undefined {
  if (bytes.length < RWLOCK_BYTES || call.expected !== RWLOCK_WAITED_AND_SET) return undefined;
  const readers = bytes.readUInt32LE(0);
  const word = bytes.readUInt32LE(Number(futexOffset));
  const owner = bytes.readInt32LE(24);
  const isHeld = (readers & WRITE_PHASE) !== 0 && (readers & WRITE_LOCKED) !== 0;
  if (!isHeld || word !== call.expected || !isTid(owner)) return undefined;
  const padding = [16, 20, 40, 44].every((at) => bytes.readUInt32LE(at) === 0);
  const shared = bytes.readUInt32LE(28);
  const sure = padding && shared <= 1 && bytes.readUInt32LE(48) <= RWLOCK_PREFERENCES;
  return { what: "rwlock", owner, sure, byKernel: false, processShared: shared === 1 };
}

/** How many readers keep the writer from a glibc rwlock; undefined where that is not what it waits for. */
export function rwlockReaders(call: FutexCall, bytes: Buffer): number | undefined {
  if (bytes.length < RWLOCK_BYTES || call.expected !== RWLOCK_WAITED) return undefined;
  const state = bytes.readUInt32LE(0);
  const readers = state >>> READERS_SHIFT;
  const isPlausible = (state & WRITE_PHASE) === 0 && (state & WRITE_LOCKED) !== 0 && readers > 0 && readers < MAX_TID;
  return isPlausible && bytes.readUInt32LE(8) === RWLOCK_WAITED && bytes.readUInt32LE(24) === 0 ? readers : undefined;
}

/** What glibc writes into a semaphore that processes share; FUTEX_PRIVATE_FLAG, for reasons of its own. */
const SEM_SHARED = 0x80;

/** How many threads wait for a glibc semaphore that is 0; undefined where it is none. sem_t: value, waiters, private. */
export function semaphoreWaiters(call: FutexCall, bytes: Buffer): number | undefined {
  if (call.expected !== 0 || bytes.length < 16 || bytes.readUInt32LE(0) !== 0) return undefined;
  const waiters = bytes.readUInt32LE(4);
  const isShared = bytes.readUInt32LE(8);
  const fits = isShared === (call.shared ? SEM_SHARED : 0) && bytes.readUInt32LE(12) === 0;
  return fits && waiters > 0 && waiters < MAX_TID ? waiters : undefined;
}

function isTidWord(word: number): boolean {
  return word >= WAITERS;
}

/** 0 where the owner died; undefined where nobody is named. */
function tidIn(word: number): number | undefined {
  const tid = word & TID_MASK;
  if (tid === 0) return (word & OWNER_DIED) === 0 ? undefined : 0;
  return isTid(tid) ? tid : undefined;
}
