/**
 * Opening or truncating a file that somebody has a lease on: it blocks until the lease is given back, or until the
 * kernel takes it away after /proc/sys/fs/lease-break-time. fcntl(2) F_SETLEASE, fs/locks.c __break_lease.
 */
import { listFds, readFdinfo } from "../../../kernel/fds.ts";
import type { Lock } from "../../../kernel/locks.ts";
import { lockId } from "../../../model/entity.ts";
import type { BlockedTask } from "../blocked-task.ts";
import { held, type Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { sameLock } from "./lock-conflict.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";

const CALLS: ReadonlySet<string> = new Set(["open", "openat", "openat2", "creat", "truncate"]);

export const leaseWait: WaitResolver = {
  kind: "lease",
  matches: ({ syscall, wchan }) => (syscall === undefined ? wchan.includes("break_lease") : CALLS.has(syscall.name)),

  async resolve(task, view) {
    const locks = await view.locks();
    const request = locks?.find((lock) => lock.blocked && isLease(lock) && lock.pid === task.pid);
    if (locks === undefined || request === undefined) return withoutTable(task);
    // The kernel lists who waits below the lease it waits for, under the same number.
    const leases = locks.filter((lock) => !lock.blocked && isLease(lock) && lock.id === request.id);
    const [first] = leases;
    if (first === undefined) return withoutTable(task);
    const entity = lockId(first.device, first.inode);
    const owners = leases
      .filter(({ pid }) => pid > 0)
      .map(({ pid, type, device, inode }) => {
        const observed = `${type} BREAKING ${device}:${inode}`;
        return held(entity, pid, "owner", { source: "/proc/locks", observed });
      });
    const nobody = owners.length === 0 ? ({ holder: "hidden", blind: ["locks"] } as const) : {};
    return [waitFact(task, "lease", entity, { ...nobody, label: pathOf(first, view) }), ...owners];
  },
};

/** As its holder sees it. */
function pathOf(lease: Lock, view: View): string | undefined {
  const fds = lease.pid > 0 ? (listFds(view.proc, lease.pid) ?? []) : [];
  const has = (fd: number) => readFdinfo(view.proc, lease.pid, fd)?.locks.some((lock) => sameLock(lock, lease));
  return fds.find(({ fd, target }) => target.startsWith("/") && has(fd))?.target;
}

/** By the wait channel it is one all the same. */
function withoutTable(task: BlockedTask): Fact[] {
  if (!task.wchan.includes("break_lease")) return [];
  return [waitFact(task, "lease", `wait:${task.pid}:${task.tid}`, { holder: "hidden", blind: ["locks"] })];
}

function isLease({ type }: Lock): boolean {
  return type === "LEASE" || type === "DELEG";
}
