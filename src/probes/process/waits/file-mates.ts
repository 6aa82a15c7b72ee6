/** Threads of any process that are stuck in a call on the same open file: one of them has what the others wait for. */
import { readFdinfo } from "../../../kernel/fds.ts";
import { readTids } from "../../../kernel/procfs.ts";
import { readBlockedTask, type BlockedTask } from "../blocked-task.ts";
import { isSliceOver, letOthersIn } from "../pace.ts";
import type { View } from "../view.ts";

/** Threads looked at, and how many may turn out to be stuck before it is no use to go on. */
const MAX_LOOKED_AT = 512;
const ENOUGH = 2;

/** Those that wait in the kernel with a call on this very file, and not for its lock themselves. */
export async function stuckOnFile(
  task: BlockedTask,
  file: { path: string; inode: number; device: string },
  waitsForLock: (other: BlockedTask) => boolean,
  view: View,
): Promise<BlockedTask[]> {
  const stuck: BlockedTask[] = [];
  const seen = new Set<number>();
  let left = MAX_LOOKED_AT;
  for await (const { pid } of view.openers(file.path, file.inode)) {
    if (seen.has(pid)) continue;
    seen.add(pid);
    for (const tid of readTids(view.proc, pid)) {
      if (left-- <= 0 || stuck.length >= ENOUGH) return stuck;
      if (isSliceOver()) await letOthersIn();
      if (pid === task.pid && tid === task.tid) continue;
      const other = await readBlockedTask(view.proc, { pid, tid, kthread: false, sinceMs: task.sinceMs }, view.memory);
      const fd = other?.file?.fd ?? -1;
      if (other === undefined || fd < 0 || waitsForLock(other)) continue;
      if (isSameFile(pid, fd, file, view)) stuck.push(other);
    }
  }
  return stuck;
}

/** Every file system has its own inode numbers. */
function isSameFile(pid: number, fd: number, file: { inode: number; device: string }, view: View): boolean {
  const info = readFdinfo(view.proc, pid, fd);
  const mount = view.storage.mounts.of(pid).find(({ id }) => id === info?.mntId);
  return info?.ino === file.inode && mount?.device === file.device;
}
