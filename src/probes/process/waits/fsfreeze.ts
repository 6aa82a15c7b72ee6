/**
 * A frozen file system: whoever wants to write waits until it is thawed. Who froze it may be long gone: the kernel
 * doesn't keep that. fs/super.c, freeze_super and sb_start_write; fsfreeze(8).
 */
import { kernelFunction, type BlockedTask } from "../blocked-task.ts";
import { placeOn } from "../file-place.ts";
import { ownEntity, waitFact, type WaitResolver } from "./resolver.ts";

/** The lock that freezing takes; in 4.18 to 5.x it is __percpu_down_read or a wait for frozen's queue. */
const LOCK = /^(?:percpu_rwsem_wait|_*percpu_down_read\w*|_*sb_start_(?:write|pagefault|intwrite))$/;
/** That lock is of many kinds: these functions are about writing files. */
const WRITING =
  /^(?:mnt_want_write\w*|_*sb_start_\w+|file_start_write|vfs_(?:write|iter_write|fallocate|truncate|copy_file_range)|do_iter_\w+|filename_create|do_sendfile|iter_file_splice_write|file_update_time\w*|touch_atime|\w+_page_mkwrite|do_page_mkwrite|\w*_file_write_iter)$/;
const OTHER = /^(?:cgroup_\w+|copy_process|cpus_read_lock|exit_signals|uprobe_\w+|dup_mmap)$/;
const WRITING_CALLS =
  /^(?:p?write(?:v|64|v2)?|pwritev2?|open(?:at2?)?|creat|mkdir|rmdir|unlink|rename|link|symlink|mknod|chmod|fchmod|chown|fchown|lchown|utimensat|truncate|ftruncate|fallocate|sendfile|splice|copy_file_range|\w*setxattr)/;

export const fsFreezeWait: WaitResolver = {
  kind: "fsfreeze",
  matches: (task) => task.state === "D" && !task.kthread && kernelFunction(task, LOCK) !== undefined && isWriting(task),

  async resolve(task, view) {
    // Nobody freezes what lives in memory only, and what has a server is its server's.
    const place = await placeOn(task, view, ({ type }) => !UNFREEZABLE.has(type));
    const cause = { cause: "fs.frozen" } as const;
    if (place === undefined)
      return [waitFact(task, "fs.freeze", ownEntity("fs", task), { ...cause, certainty: "derived" })];
    const { mount, certainty } = place;
    const lock = kernelFunction(task, LOCK) ?? task.wchan;
    return [
      waitFact(task, "fs.freeze", `fs:${mount.device}`, {
        ...cause,
        certainty,
        label: mount.mountPoint,
        object: view.storage.mounts.fromHere(task.pid, mount.mountPoint),
        evidence: {
          source: `/proc/${task.pid}/task/${task.tid}/stack`,
          observed: `in ${lock}, to write to ${mount.type} on ${mount.mountPoint}`,
        },
      }),
    ];
  },
};

const UNFREEZABLE: ReadonlySet<string> = new Set([
  "proc",
  "sysfs",
  "devtmpfs",
  "devpts",
  "cgroup",
  "cgroup2",
  "mqueue",
]);

/** Without the stack: a call that writes can hardly wait for this lock for another reason. */
function isWriting(task: BlockedTask): boolean {
  if (task.stack() === undefined) return WRITING_CALLS.test(task.syscall?.name ?? "");
  return kernelFunction(task, WRITING) !== undefined && kernelFunction(task, OTHER) === undefined;
}
