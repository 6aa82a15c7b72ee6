/** A POSIX message queue that is empty or full: whoever has it open the other way may act. mq_overview(7). */
import { accessOf, readFd, readFdinfo } from "../../../kernel/fds.ts";
import { int32, type BlockedTask } from "../blocked-task.ts";
import { held, type HeldFact } from "../fact.ts";
import { MAX_HOLDERS, waitFact, type WaitResolver } from "./resolver.ts";

const RECEIVES = "mq_timedreceive";
const SENDS = "mq_timedsend";

export const messageQueueWait: WaitResolver = {
  kind: "mqueue",
  matches: ({ syscall }) => syscall?.name === RECEIVES || syscall?.name === SENDS,

  async resolve(task, view) {
    const { name, args } = task.syscall as NonNullable<BlockedTask["syscall"]>;
    const fd = int32(args[0] ?? -1n);
    const target = readFd(view.proc, task.pid, fd);
    const inode = readFdinfo(view.proc, task.pid, fd)?.ino;
    const kind = name === RECEIVES ? "mqueue.recv" : "mqueue.send";
    if (target === undefined || inode === undefined) {
      return [waitFact(task, kind, `mqueue:${task.pid}:${fd}`, { holder: "hidden", blind: ["fds"] })];
    }
    const entity = `mqueue:${target}`;
    const role = name === RECEIVES ? "writer" : "reader";
    const others = await view.holders(target, { byPath: true, inode, wanted: ({ pid }) => pid !== task.pid });
    const { holders, partial } =
      others.holders.length > 0 ? others : await view.holders(target, { byPath: true, inode });
    const facts = new Map<number, HeldFact>();
    for (const holder of holders) {
      if (facts.has(holder.pid) || facts.size >= MAX_HOLDERS) continue;
      const info = readFdinfo(view.proc, holder.pid, holder.fd);
      // A file of the root folder may have the same name, and another IPC namespace a queue of its own.
      if (info?.ino !== inode) continue;
      const access = accessOf(info.flags);
      if (access !== (role === "writer" ? "write" : "read") && access !== "both") continue;
      const evidence = {
        source: `/proc/${holder.pid}/fd/${holder.fd}`,
        observed: `message queue ${target}, ${access}`,
      };
      facts.set(holder.pid, held(entity, holder.pid, role, evidence));
    }
    // Anybody may open it by its name: the waiter that has it open both ways itself is not its own partner.
    if (facts.size > 1) facts.delete(task.pid);
    else if (facts.has(task.pid)) return [waitFact(task, kind, entity, { label: target })];
    const nobody = facts.size > 0 ? {} : ({ holder: partial ? "hidden" : "none" } as const);
    const details = { ...nobody, label: target, blind: partial ? ["fds"] : [] };
    return [waitFact(task, kind, entity, details), ...facts.values()];
  },
};
