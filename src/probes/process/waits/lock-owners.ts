/**
 * Who has a file lock. A POSIX lock is its taker's. The two others belong to the open file: a child that inherited the
 * fd keeps the lock when its taker has long exited. Whoever it is, fdinfo shows a lock to all who have that open file,
 * also where /proc/locks does not: it leaves out the locks of takers that our pid namespace has no number for.
 */
import { readFdinfo } from "../../../kernel/fds.ts";
import type { FdHolder } from "../../../kernel/fd-index.ts";
import type { Lock } from "../../../kernel/locks.ts";
import { readStat } from "../../../kernel/procfs.ts";
import { held, type HeldFact } from "../fact.ts";
import type { View } from "../view.ts";
import { sameLock } from "./lock-conflict.ts";
import { MAX_HOLDERS } from "./resolver.ts";

export interface SoughtLocks {
  entity: string;
  /** The file, as the waiter sees it. */
  path: string | undefined;
  inode: string;
  /** All that there are. */
  locks: readonly Lock[];
  /** The waiter's open file: what it holds itself is upgraded, and not in its way. */
  asker: FdHolder | undefined;
  /** Whether one of them is in the waiter's way. */
  stands(lock: Lock): boolean;
}

/** `complete`: every lock in the way has an owner. */
export async function ownersOf(sought: SoughtLocks, view: View): Promise<{ owners: HeldFact[]; complete: boolean }> {
  const owners = new Map<number, HeldFact>();
  const known = withoutOwn(sought, view);
  for (const lock of known) {
    if (lock.type === "POSIX" && lock.pid > 0) add(owners, sought.entity, lock, { pid: lock.pid });
  }
  const unclaimed = new Set(known.filter((lock) => lock.type !== "POSIX" || lock.pid <= 0));
  const claim = ({ pid, fd }: FdHolder): void => {
    if (pid === sought.asker?.pid && fd === sought.asker.fd) return;
    for (const lock of readFdinfo(view.proc, pid, fd)?.locks ?? []) {
      if (!sought.stands(lock)) continue;
      add(owners, sought.entity, lock, { pid, fd });
      for (const it of unclaimed) if (sameLock(it, lock)) unclaimed.delete(it);
    }
  };
  const isDone = () => unclaimed.size === 0 && owners.size > 0;
  if (!isDone() && sought.path !== undefined) {
    const inode = Number(sought.inode);
    for (const holder of (await view.holders(sought.path, { byPath: true, inode })).holders) claim(holder);
    // By another name, or in another mount namespace.
    if (!isDone()) for await (const holder of view.openers(sought.path, inode)) claim(holder);
  }
  for (const lock of unclaimed) {
    // Open in nobody we may look at: then its taker, if it still lives.
    if (lock.pid <= 0 || readStat(view.proc, lock.pid) === undefined) continue;
    add(owners, sought.entity, lock, { pid: lock.pid, certainty: "derived" });
    unclaimed.delete(lock);
  }
  return { owners: [...owners.values()], complete: unclaimed.size === 0 };
}

/** Those in the way. The lines of two locks may be the same, so only as many are taken out as the open file has. */
function withoutOwn({ locks, stands, asker }: SoughtLocks, view: View): Lock[] {
  const known = locks.filter((lock) => stands(lock));
  const own = asker === undefined ? [] : (readFdinfo(view.proc, asker.pid, asker.fd)?.locks ?? []);
  for (const lock of own) {
    const place = known.findIndex((it) => sameLock(it, lock));
    if (place >= 0) known.splice(place, 1);
  }
  return known;
}

function add(
  owners: Map<number, HeldFact>,
  entity: string,
  lock: Lock,
  { pid, fd, certainty }: { pid: number; fd?: number; certainty?: "derived" },
): void {
  if (owners.size >= MAX_HOLDERS || owners.has(pid)) return;
  const observed = `${lock.type} ${lock.access} ${lock.device}:${lock.inode} ${lock.start} ${lock.end}`;
  const source = fd === undefined ? "/proc/locks" : `/proc/${pid}/fdinfo/${fd}`;
  owners.set(pid, held(entity, pid, "owner", { source, observed, ...(certainty === undefined ? {} : { certainty }) }));
}
