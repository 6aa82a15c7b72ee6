/** File locks: /proc/locks, and the same lines in /proc/PID/fdinfo/FD. proc_locks(5), fs/locks.c lock_get_status. */
import { readRows } from "./rows.ts";

export interface Lock {
  /** Number of the lock in the list; a blocked request has the number of the lock that blocks it. */
  id: number;
  blocked: boolean;
  type: "FLOCK" | "POSIX" | "OFDLCK" | "LEASE" | "DELEG";
  /** Of a lease that is being broken, what it is to become: none at all is UNLCK. */
  access: "READ" | "WRITE" | "UNLCK";
  /** Who took it or asks for it, in our pid namespace; -1 for OFD locks. A flock outlives its taker in heirs of the fd. */
  pid: number;
  /** `major:minor`, hexadecimal, as printed; `<none>`, with inode 0, of one who waits for a lease to be broken. */
  device: string;
  inode: string;
  /** First and last byte; the last may be `EOF`. */
  start: string;
  end: string;
}

/** Room for about 50,000 locks. */
const LOCKS_BYTES = 4 << 20;

// `2: -> POSIX  ADVISORY  WRITE 3549 08:01:12345 0 EOF`. Since 5.11 a deeper waiter's arrow is indented further.
const LINE =
  /^(\d+):\s+(->)?\s*(FLOCK|POSIX|OFDLCK|LEASE|DELEG)\s+\S+\s+(READ|WRITE|UNLCK)\s+(-?\d+) ([0-9a-f]+:[0-9a-f]+|<none>):(\d+) (\d+) (\d+|EOF)$/;

/**
 * Every lock of the machine; undefined where they cannot be read, or are too many. Before it prints the first, the
 * kernel waits until no processor is in the midst of taking one, some 20 ms (locks_start: percpu_down_write).
 */
export async function readLocks(proc: string): Promise<Lock[] | undefined> {
  const locks: Lock[] = [];
  const read = await readRows(`${proc}/locks`, LOCKS_BYTES, (rows) => locks.push(...parseLocks(rows)));
  return read === "read" ? locks : undefined;
}

/** Lines that are no lock (ACCESS, `*NOINODE*`) are left out. */
export function parseLocks(text: string): Lock[] {
  return text.split("\n").flatMap((line) => parseLock(line) ?? []);
}

export function parseLock(line: string): Lock | undefined {
  const match = LINE.exec(line);
  if (match === null) return undefined;
  const [, id, arrow, type, access, pid, device, inode, start, end] = match as unknown as string[];
  return {
    id: Number(id),
    blocked: arrow !== undefined,
    type: type as Lock["type"],
    access: access as Lock["access"],
    pid: Number(pid),
    device: device as string,
    inode: inode as string,
    start: start as string,
    end: end as string,
  };
}
