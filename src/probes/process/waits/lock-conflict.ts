/** Which file locks stand in each other's way. Pure; fs/locks.c. */
import type { Lock } from "../../../kernel/locks.ts";

export const KIND_OF_LOCK = { FLOCK: "flock", POSIX: "posix_lock", OFDLCK: "ofd_lock" } as const;
export type LockType = keyof typeof KIND_OF_LOCK;

/** flock knows nothing of the two others, which exclude each other. */
export function conflicts(lock: Lock, request: Lock): boolean {
  if (lock.blocked || lock.device !== request.device || lock.inode !== request.inode) return false;
  if ((lock.type === "FLOCK") !== (request.type === "FLOCK") || !(lock.type in KIND_OF_LOCK)) return false;
  if (lock.type === "POSIX" && request.type === "POSIX" && lock.pid === request.pid) return false;
  return (lock.access === "WRITE" || request.access === "WRITE") && overlap(lock, request);
}

/** The number in the list may be another meanwhile. */
export function sameLock(a: Lock, b: Lock): boolean {
  return (
    !a.blocked &&
    !b.blocked &&
    a.type === b.type &&
    a.access === b.access &&
    a.pid === b.pid &&
    a.device === b.device &&
    a.inode === b.inode &&
    a.start === b.start &&
    a.end === b.end
  );
}

function overlap(a: Lock, b: Lock): boolean {
  return Number(a.start) <= lastByte(b) && Number(b.start) <= lastByte(a);
}

function lastByte({ end }: Lock): number {
  return end === "EOF" ? Number.POSITIVE_INFINITY : Number(end);
}
