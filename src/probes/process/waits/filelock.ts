/**
 * flock, POSIX and open-file-description locks: every owner of a lock in conflict must let go.
 * flock(2), fcntl_locking(2), fs/locks.c.
 */
import { readFd, readFdinfo } from "../../../kernel/fds.ts";
import type { Lock } from "../../../kernel/locks.ts";
import { readStat } from "../../../kernel/procfs.ts";
import { lockId } from "../../../model/entity.ts";
import { int32, type BlockedTask } from "../blocked-task.ts";
import type { Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { conflicts, KIND_OF_LOCK, type LockType } from "./lock-conflict.ts";
import { ownersOf } from "./lock-owners.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";

/** The same numbers on every 64-bit architecture; include/uapi/asm-generic/fcntl.h. */
const F_SETLKW = 7;
const F_OFD_SETLKW = 38;

/** struct flock: short type, short whence, then start and length, 8 bytes each, at 8 and 16. */
const FLOCK_BYTES = 24;
const SEEK_SET = 0;

export const fileLockWait: WaitResolver = {
  kind: "file lock",
  // Everybody may read the table of locks: it tells of those too whose system call we may not see.
  matches: (task) => lockTypeOf(task) !== undefined || task.blind.includes("syscall"),

  async resolve(task, view) {
    const type = lockTypeOf(task);
    if (type === undefined) return byTableAlone(task, view);
    const kind = KIND_OF_LOCK[type];
    const fd = int32(task.syscall?.args[0] ?? -1n);
    const path = readFd(view.proc, task.pid, fd);
    const locks = await view.locks();
    const request = locks === undefined ? undefined : await requestOf(task, { type, fd }, locks, view);
    if (locks === undefined || request === undefined) {
      // Not in the table: the file system keeps its own (NFS, FUSE), or we may not see it.
      const entity = `wait:${task.pid}:${task.tid}`;
      return [waitFact(task, kind, entity, { holder: "hidden", blind: ["locks"], label: path })];
    }
    return behind({ task, request, kind, path, fd, locks }, view);
  },
};

interface LockWait {
  task: BlockedTask;
  request: Lock;
  kind: string;
  path: string | undefined;
  /** Through which it asks for the lock. */
  fd: number | undefined;
  locks: readonly Lock[];
}

async function behind({ task, request, kind, path, fd, locks }: LockWait, view: View): Promise<Fact[]> {
  const entity = lockId(request.device, request.inode);
  const stands = (lock: Lock) => conflicts(lock, request);
  const asker = fd === undefined ? undefined : { pid: task.pid, fd };
  const { owners, complete } = await ownersOf({ entity, path, inode: request.inode, locks, stands, asker }, view);
  const nobody = owners.length === 0 ? ({ holder: "hidden" } as const) : {};
  const blind = complete && owners.length > 0 ? [] : ["locks"];
  return [waitFact(task, kind, entity, { ...nobody, blind, label: path }), ...owners];
}

/** Only where the table has one request of the process, and the process no other thread that might have made it. */
async function byTableAlone(task: BlockedTask, view: View): Promise<Fact[]> {
  if (readStat(view.proc, task.pid)?.threads !== 1) return [];
  const locks = (await view.locks()) ?? [];
  const requests = locks.filter((lock) => lock.blocked && lock.pid === task.pid && lock.type in KIND_OF_LOCK);
  const [request] = requests;
  if (request === undefined || requests.length > 1) return [];
  const kind = KIND_OF_LOCK[request.type as LockType];
  return behind({ task, request, kind, path: undefined, fd: undefined, locks }, view);
}

function lockTypeOf({ syscall }: BlockedTask): LockType | undefined {
  if (syscall?.name === "flock") return "FLOCK";
  if (syscall?.name !== "fcntl") return undefined;
  const command = int32(syscall.args[1] ?? 0n);
  return command === F_SETLKW ? "POSIX" : command === F_OFD_SETLKW ? "OFDLCK" : undefined;
}

/**
 * The waiter's own line. A process may wait for several files by several threads: the inode of the fd tells them apart,
 * and of one file, the range. An OFD lock's line names nobody at all.
 */
async function requestOf(
  task: BlockedTask,
  { type, fd }: { type: LockType; fd: number },
  locks: readonly Lock[],
  view: View,
): Promise<Lock | undefined> {
  const inode = readFdinfo(view.proc, task.pid, fd)?.ino;
  const owner = type === "OFDLCK" ? -1 : task.pid;
  const requests = locks.filter(
    (lock) =>
      lock.blocked && lock.type === type && lock.pid === owner && (inode === undefined || lock.inode === String(inode)),
  );
  if (requests.length < 2 || type === "FLOCK") return requests[0];
  const range = await rangeOf(task, view);
  return requests.find(({ start, end }) => range === undefined || (start === range.start && end === range.end));
}

/** As the table shows it; undefined where it is counted from elsewhere than the file's start. */
async function rangeOf(task: BlockedTask, view: View): Promise<{ start: string; end: string } | undefined> {
  const bytes = await view.memory(task.pid, task.syscall?.args[2] ?? 0n, FLOCK_BYTES);
  if (bytes === undefined || bytes.readInt16LE(2) !== SEEK_SET) return undefined;
  const start = bytes.readBigInt64LE(8);
  const length = bytes.readBigInt64LE(16);
  if (length < 0n) return { start: String(start + length), end: String(start - 1n) };
  return { start: String(start), end: length === 0n ? "EOF" : String(start + length - 1n) };
}
