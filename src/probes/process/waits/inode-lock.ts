/**
 * The lock of a file itself, or of the position in an open file: another thread is in a call on it. The kernel doesn't
 * tell which; where one single thread is stuck with the same file, it is that one.
 */
import type { BlockedTask } from "../blocked-task.ts";
import { held, type Fact } from "../fact.ts";
import { placeOn } from "../file-place.ts";
import { stuckOnFile } from "./file-mates.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";

const LOCK = /^_*(?:rwsem_down_(?:read|write)_(?:slowpath|failed)\w*|mutex_lock\w*|fdget_pos)$/;
/** The wait channel leaves out lock functions: it is then who called them. */
const CALLER =
  /^_*(?:fdget_pos|\w+_(?:file|buffered|dio)_(?:read|write)(?:_iter)?|\w+_file_(?:read|write)_iter|generic_file_write_iter|vfs_fsync_range|iterate_dir)$/;
/** These wait for an answer or for data. */
const OTHER =
  /^(?:request_wait_answer|folio_wait\w*|wait_on_page\w*|io_schedule\w*|submit_bio_wait|_*iomap_dio_rw|percpu_rwsem_wait)$/;

export const inodeLockWait: WaitResolver = {
  kind: "inode lock",
  matches: (task) => task.state === "D" && task.file !== undefined && waitsForLock(task),

  async resolve(task, view) {
    const place = await placeOn(task, view, () => true);
    if (place?.inode === undefined || place.path === undefined || place.certainty !== "observed") return [];
    const { path, inode, mount } = place;
    const stuck = await stuckOnFile(task, { path, inode, device: mount.device }, waitsForLock, view);
    const [holder] = stuck;
    return holder === undefined || stuck.length > 1
      ? []
      : lockedBy(task, holder, `inode:${mount.device}:${inode}`, path);
  },
};

function lockedBy(task: BlockedTask, holder: BlockedTask, entity: string, path: string): Fact[] {
  const where = holder.stack()?.[0] ?? holder.wchan;
  const evidence = {
    source: `/proc/${holder.pid}/task/${holder.tid}/stack`,
    observed: `the only one that is in a call on ${path}: ${holder.syscall?.name}, in ${where}`,
  };
  const thread = holder.tid === holder.pid ? {} : { tid: holder.tid };
  return [
    waitFact(task, "inode_lock", entity, { certainty: "derived" }),
    held(entity, holder.pid, "owner", { ...evidence, ...thread, certainty: "derived" }),
  ];
}

function waitsForLock(task: BlockedTask): boolean {
  if (OTHER.test(task.wchan) || !(LOCK.test(task.wchan) || CALLER.test(task.wchan))) return false;
  const stack = task.stack();
  // Whoever waits for an answer or for data while it has the lock has another function innermost.
  return stack === undefined || stack.length === 0 || LOCK.test(stack[0] as string) || stack[0] === task.wchan;
}
