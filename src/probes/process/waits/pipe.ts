/** A pipe or FIFO that is empty or full: whoever has its other end open may act. pipe(7), fifo(7). */
import type { FdHolder } from "../../../kernel/fd-index.ts";
import { accessOf, readFdinfo } from "../../../kernel/fds.ts";
import { pipeId } from "../../../model/entity.ts";
import { held, type HeldFact } from "../fact.ts";
import type { BlockedTask } from "../blocked-task.ts";
import { MAX_HOLDERS, waitFact, type WaitResolver } from "./resolver.ts";

/** Such a descriptor names the file but cannot read or write it; open(2). The same number on x86-64 and arm64. */
const O_PATH = 0o10000000;

export const pipeWait: WaitResolver = {
  kind: "pipe",

  matches: ({ file, wchan }) => file !== undefined && (inodeOfPipe(file.target) !== undefined || isFifo(file, wchan)),

  async resolve(task, view) {
    const { verb, fd, target } = task.file as NonNullable<BlockedTask["file"]>;
    const anonymous = inodeOfPipe(target);
    const own = readFdinfo(view.proc, task.pid, fd);
    const inode = anonymous ?? own?.ino;
    if (inode === undefined) return [];

    const entity = pipeId(inode);
    const reads = verb === "read";
    const other = reads ? "write" : "read";
    const accessBy = (holder: FdHolder) => {
      const info = readFdinfo(view.proc, holder.pid, holder.fd);
      if (info === undefined || (info.flags & O_PATH) !== 0) return undefined;
      // The same path may be another FIFO in another mount namespace.
      if (anonymous === undefined && info.ino !== inode) return undefined;
      const access = accessOf(info.flags);
      return access === other || access === "both" ? access : undefined;
    };
    const accesses = new Map<FdHolder, "read" | "write" | "both">();
    const wanted = (holder: FdHolder) => {
      const access = accessBy(holder);
      if (access !== undefined) accesses.set(holder, access);
      return access !== undefined;
    };
    const { holders, partial } = await view.holders(target, { byPath: anonymous === undefined, inode, wanted });
    const facts = new Map<number, HeldFact>();
    for (const holder of holders) {
      if (facts.has(holder.pid) || facts.size >= MAX_HOLDERS) continue;
      const access = accesses.get(holder);
      const evidence = {
        source: `/proc/${holder.pid}/fd/${holder.fd}`,
        observed: `${target} open for ${access === "both" ? "reading and writing" : `${reads ? "writ" : "read"}ing`}`,
      };
      facts.set(holder.pid, held(entity, holder.pid, reads ? "writer" : "reader", evidence));
    }
    const nobody = facts.size === 0 ? ({ holder: partial ? "hidden" : "none" } as const) : {};
    const details = { ...nobody, blind: partial ? ["fds"] : [] };
    return [waitFact(task, reads ? "pipe.read" : "pipe.write", entity, details), ...facts.values()];
  },
};

function inodeOfPipe(target: string): number | undefined {
  const inode = /^pipe:\[(\d+)\]$/.exec(target)?.[1];
  return inode === undefined ? undefined : Number(inode);
}

/**
 * A FIFO's name is a path like any other, and stat on it could hang; but of the files with a path, only FIFOs block in
 * the kernel's pipe functions, or block a poll outside of /dev, /proc and /sys.
 */
function isFifo(file: NonNullable<BlockedTask["file"]>, wchan: string): boolean {
  if (!file.target.startsWith("/")) return false;
  return /pipe_(read|write|wait)/.test(wchan) || (file.polled && !/^\/(dev|proc|sys)\//.test(file.target));
}
