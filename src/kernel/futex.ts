/** A thread's wait for a futex, by the system call's arguments: futex(2), futex_wait and futex_waitv. */

export interface FutexCall {
  /** `lock_pi`: the kernel itself reads the owner out of the word, and lends it the waiter's priority. */
  operation: "wait" | "lock_pi";
  address: bigint;
  /** What the word held when the wait began; of lock_pi, nothing. */
  expected: number;
  /** Known to the kernel by what is mapped there, so that other processes can wake it. */
  shared: boolean;
  /** Ends by the clock as well. */
  timed: boolean;
}

const FUTEX_COMMANDS = 0x7f;
const FUTEX_PRIVATE = 0x80;
const WAIT = 0;
const LOCK_PI = 6;
const WAIT_BITSET = 9;
const WAIT_REQUEUE_PI = 11;
const LOCK_PI2 = 13;
const WAITV_BYTES = 24;

/** Undefined for a call that does not wait, and for futex_waitv, whose futexes stand in memory. */
export function parseFutexCall(name: string, args: readonly bigint[]): FutexCall | undefined {
  const [address = 0n, second = 0n, third = 0n, fourth = 0n, fifth = 0n] = args;
  if (name === "futex_wait") {
    const shared = (fourth & BigInt(FUTEX_PRIVATE)) === 0n;
    return { operation: "wait", address, expected: uint32(second), shared, timed: fifth !== 0n };
  }
  if (name !== "futex") return undefined;
  const command = Number(second) & FUTEX_COMMANDS;
  const waits = command === WAIT || command === WAIT_BITSET || command === WAIT_REQUEUE_PI;
  const locks = command === LOCK_PI || command === LOCK_PI2;
  if (!waits && !locks) return undefined;
  return {
    operation: locks ? "lock_pi" : "wait",
    address,
    expected: uint32(third),
    shared: (Number(second) & FUTEX_PRIVATE) === 0,
    timed: fourth !== 0n,
  };
}

/** futex_waitv's array of struct futex_waitv { __u64 val, uaddr; __u32 flags, __reserved; }. */
export function parseFutexVector(bytes: Buffer, timed: boolean): FutexCall[] {
  const calls: FutexCall[] = [];
  for (let at = 0; at + WAITV_BYTES <= bytes.length; at += WAITV_BYTES) {
    calls.push({
      operation: "wait",
      address: bytes.readBigUInt64LE(at + 8),
      expected: uint32(bytes.readBigUInt64LE(at)),
      shared: (bytes.readUInt32LE(at + 16) & FUTEX_PRIVATE) === 0,
      timed,
    });
  }
  return calls;
}

export function futexVectorBytes(count: number): number {
  return count * WAITV_BYTES;
}

/** The word of a contended lock that tells no owner: 0 free, 1 taken, 2 taken and waited for. */
export const CONTENDED = 2;
/** Of musl's normal mutex, which tells no owner: EBUSY, and that somebody waits. */
const MUSL_CONTENDED = 0x8000_0010;

/** The call waits for a lock, as the value shows: most libraries write 2 into one that is taken and waited for. */
export function isLockWait({ expected }: FutexCall): boolean {
  return expected === CONTENDED || expected === MUSL_CONTENDED;
}

function uint32(register: bigint): number {
  return Number(BigInt.asUintN(32, register));
}
