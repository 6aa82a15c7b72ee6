/**
 * Threads that wait for memory: in a cgroup that is full and may kill nobody, or while pages are reclaimed, written out
 * or read back for them. Which of the limits holds, its cgroups and the pressure figures tell.
 */
import { cgroupFor, lineage, type Cgroup } from "../../../kernel/cgroup-files.ts";
import { isOutOfMemory, memoryLimit, memoryThrottle, type MemoryLimit } from "../../../kernel/memory-limit.ts";
import { readPressure } from "../../../kernel/psi.ts";
import { printable } from "../../../lib/text.ts";
import { cgroupId } from "../../../model/entity.ts";
import { kernelFunction, type BlockedTask } from "../blocked-task.ts";
import type { View } from "../view.ts";
import { waitFact, type WaitDetails, type WaitResolver } from "./resolver.ts";

/** mm/memcontrol-v1.c, mm/memcontrol.c. */
const OUT_OF_MEMORY = /^mem_cgroup_(?:oom_synchronize|handle_oom)$/;
/** mm/memcontrol.c: a penalty on the way back to the program. */
const OVER_HIGH = /^_*mem_cgroup_handle_over_high$/;
/** mm/vmscan.c, mm/page_alloc.c, mm/backing-dev.c. */
const RECLAIM =
  /^(?:try_to_free_\w+|shrink_\w+|_*alloc_pages_(?:direct_reclaim|slowpath)|throttle_direct_reclaim|reclaim_\w+|congestion_wait|wait_iff_congested)$/;
/** mm/memory.c, mm/swap_state.c, mm/shmem.c. */
const SWAP_IN = /^(?:do_swap_page|swapin_\w+|swap_read\w+|read_swap_cache\w*|shmem_swapin\w*)$/;
/** Of these, a page of a file that has to be read again and again for want of memory looks like any other. */
const REFAULT = /^(?:filemap_fault|filemap_read|__do_fault)$/;

/** So close to the limit, each page that comes drives out another. */
const FULL = 0.95;
/** Percent of the last ten seconds. */
const HIGH_PRESSURE = 10;

export const memoryWait: WaitResolver = {
  kind: "memory",
  matches: (task) => task.state === "D" && !task.kthread && reasonOf(task) !== undefined,

  resolve(task, view) {
    const cgroup = cgroupFor(view.proc, task.pid, "memory");
    const cgroups = cgroup === undefined ? [] : lineage(view.proc, cgroup);
    switch (reasonOf(task)) {
      case "oom": {
        // Below the one that is full, all are told to be under OOM.
        const full = cgroups.findLast(isOutOfMemory);
        const limit = full === undefined ? undefined : memoryLimit(full);
        const evidence = full && { source: `${full.folder}/memory.oom_control`, observed: OUT_OF_MEMORY_TEXT };
        return [limited(task, "memory.oom", limit, evidence)];
      }
      case "high": {
        const limit = cgroups.flatMap((each) => memoryThrottle(each) ?? []).findLast(isFull);
        return [limited(task, "memory.reclaim", limit, undefined)];
      }
      case "reclaim":
      case "swap":
        return [limited(task, "memory.reclaim", fullOf(cgroups), pressureOf(task, view))];
      case "refault": {
        const limit = fullOf(cgroups);
        const pressure = pressureOf(task, view);
        // That the machine is short of memory may be others' trouble.
        if (pressure === undefined || pressure.some < HIGH_PRESSURE || !(pressure.own || limit)) return [];
        return [limited(task, "memory.reclaim", limit, pressure, "inferred")];
      }
      default:
        return [];
    }
  },
};

const OUT_OF_MEMORY_TEXT = "oom_kill_disable 1, under_oom 1";

function reasonOf(task: BlockedTask): "oom" | "high" | "reclaim" | "swap" | "refault" | undefined {
  const isIn = (functions: RegExp) => kernelFunction(task, functions) !== undefined;
  if (isIn(OUT_OF_MEMORY)) return "oom";
  if (isIn(OVER_HIGH)) return "high";
  if (isIn(RECLAIM)) return "reclaim";
  if (isIn(SWAP_IN)) return "swap";
  return isIn(REFAULT) ? "refault" : undefined;
}

function limited(
  task: BlockedTask,
  kind: "memory.oom" | "memory.reclaim",
  limit: MemoryLimit | undefined,
  seen: { source: string; observed: string } | undefined,
  certainty: WaitDetails["certainty"] = "observed",
) {
  const usage = limit === undefined ? [] : [`${mebibytes(limit.usedBytes)} of ${mebibytes(limit.limitBytes)} used`];
  const source = seen?.source ?? limit?.control;
  const observed = [...(seen === undefined ? [] : [seen.observed]), ...usage].join("; ");
  return waitFact(task, kind, limit === undefined ? "memory" : cgroupId(printable(limit.cgroup.path)), {
    cause: kind,
    certainty,
    ...(source === undefined ? {} : { evidence: { source: printable(source), observed } }),
    ...(limit === undefined ? {} : { object: limit.control, setting: String(2 * limit.limitBytes) }),
  });
}

/** The outermost one that is full. */
function fullOf(cgroups: readonly Cgroup[]): MemoryLimit | undefined {
  return cgroups.flatMap((cgroup) => memoryLimit(cgroup) ?? []).findLast(isFull);
}

function isFull({ usedBytes, limitBytes }: MemoryLimit): boolean {
  return usedBytes >= FULL * limitBytes;
}

/** Of its v2 cgroup, which measures it also where v1 has the limits; of the machine where that one is the root. */
function pressureOf({ pid }: BlockedTask, view: View) {
  const cgroup = cgroupFor(view.proc, pid, "memory", 2);
  const own = cgroup === undefined ? undefined : `${cgroup.folder}/memory.pressure`;
  for (const source of [own, `${view.proc}/pressure/memory`]) {
    const pressure = source === undefined ? undefined : readPressure(source);
    if (source === undefined || pressure === undefined) continue;
    const { some, full } = pressure;
    return {
      source,
      observed: `some avg10=${some}, full avg10=${full}`,
      some,
      own: source === own && cgroup?.path !== "/",
    };
  }
  return undefined;
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
