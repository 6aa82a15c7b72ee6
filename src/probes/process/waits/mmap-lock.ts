/**
 * The lock of a process's memory map: reading its command line, environment, maps or memory takes it, and so does every
 * change of the map. One thread that waits for a page or a server with the lock in hand holds up all of them; that is
 * how `ps` comes to hang. The kernel doesn't name the holder: it is the process whose memory it is, or one of its
 * threads if only one is in such a call.
 */
import { readBlockedTask, kernelFunction, type BlockedTask } from "../blocked-task.ts";
import { readStatus, readTids } from "../../../kernel/procfs.ts";
import { namespaceOf } from "../../../kernel/namespaces.ts";
import { held, type Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";

/** What a reader of /proc/PID is in; asked with a file of that kind at hand. */
const READS_MEMORY =
  /^_*(?:access_remote_vm|get_cmdline|proc_pid_cmdline_read|environ_read|mem_rw|lock_next_vma|m_start|proc_get_vma|proc_map_files_\w+|map_files_\w+|show_smap\w*|smaps_\w+|show_numa_map|pagemap_read|rwsem_down_read_\w+|down_read_\w+|mmap_read_lock\w*)$/;
const MEMORY_FILE =
  /^\/proc\/(\d+)\/(?:task\/\d+\/)?(?:cmdline|environ|maps|mem|smaps|smaps_rollup|numa_maps|pagemap|map_files|auxv)$/;
const OWN_LOCK =
  /^_*(?:rwsem_down_(?:read|write)_\w+|down_(?:read|write)_\w+|mmap_(?:read|write)_lock\w*|vma_start_write|lock_mm_and_find_vma)$/;
/** Calls and faults that take the lock of one's own memory map. */
const ON_MAP =
  /^_*(?:do_mmap|mmap_region|vm_mmap_pgoff|vm_munmap|do_munmap|do_vmi_\w+|do_mprotect_\w+|x64_sys_(?:mmap|munmap|mremap|mprotect|brk|madvise)|arm64_sys_(?:mmap|munmap|mremap|mprotect|brk|madvise)|do_madvise|mm_populate|populate_vma_page_range|handle_mm_fault|do_user_addr_fault|exc_page_fault|do_page_fault|exit_mmap|dup_mmap|copy_process)$/;

export const mmapLockWait: WaitResolver = {
  kind: "mmap lock",
  matches: (task) => !task.kthread && (isReader(task) || waitsForOwn(task)),

  async resolve(task, view) {
    const owner = isReader(task) ? ownerOf(task, view) : task.pid;
    return owner === undefined ? [] : lockedBy(task, owner, view);
  },
};

function isReader(task: BlockedTask): boolean {
  const target = task.file?.target ?? "";
  const reads =
    READS_MEMORY.test(task.wchan) || (task.state === "D" && kernelFunction(task, READS_MEMORY) !== undefined);
  // getdents of map_files names no file of its own.
  return reads && (MEMORY_FILE.test(target) || task.syscall?.name.startsWith("getdents") === true);
}

function waitsForOwn(task: BlockedTask): boolean {
  if (task.state !== "D") return false;
  const innermost = task.stack()?.[0];
  const waits = OWN_LOCK.test(task.wchan) || (innermost !== undefined && OWN_LOCK.test(innermost));
  return waits && kernelFunction(task, ON_MAP) !== undefined;
}

/** A pid in a path of /proc is one of the pid namespace that this /proc was mounted for: taken to be the reader's. */
function ownerOf(task: BlockedTask, view: View): number | undefined {
  const named = Number(MEMORY_FILE.exec(task.file?.target ?? "")?.[1]);
  if (!Number.isInteger(named)) return undefined;
  const own = namespaceOf(view.proc, task.pid, "pid");
  if (own === undefined || (readStatus(view.proc, task.pid)?.nsPids.length ?? 1) === 1) return named;
  for (const { pid } of view.processes()) {
    if (readStatus(view.proc, pid)?.nsPids.at(-1) === named && namespaceOf(view.proc, pid, "pid") === own) return pid;
  }
  return undefined;
}

async function lockedBy(task: BlockedTask, owner: number, view: View): Promise<Fact[]> {
  const entity = `mm:${owner}`;
  const inside: BlockedTask[] = [];
  for (const tid of readTids(view.proc, owner).slice(0, MAX_THREADS)) {
    if (owner === task.pid && tid === task.tid) continue;
    const thread = { pid: owner, tid, kthread: false, sinceMs: task.sinceMs };
    const other = await readBlockedTask(view.proc, thread, NO_MEMORY);
    if (other !== undefined && !waitsForOwn(other) && kernelFunction(other, ON_MAP) !== undefined) inside.push(other);
  }
  const [only] = inside;
  if (only === undefined || inside.length > 1) {
    // Another reader may hold it, or a thread of which nothing is seen.
    if (owner === task.pid) return [waitFact(task, "mmap_lock", entity, { certainty: "derived" })];
    const evidence = { source: task.file?.target ?? `/proc/${owner}`, observed: "memory of this process" };
    const facts = [held(entity, owner, "owner", { ...evidence, certainty: "inferred" })];
    return [waitFact(task, "mmap_lock", entity, { certainty: "derived" }), ...facts];
  }
  const evidence = {
    source: `/proc/${owner}/task/${only.tid}/stack`,
    observed: `in ${kernelFunction(only, ON_MAP)}, waiting in ${only.wchan}`,
  };
  const thread = only.tid === owner ? {} : { tid: only.tid };
  return [
    waitFact(task, "mmap_lock", entity),
    held(entity, owner, "owner", { ...evidence, ...thread, certainty: "derived" }),
  ];
}

const MAX_THREADS = 256;
/** Its memory is what is locked. */
const NO_MEMORY = () => Promise.resolve(undefined);
