/** How much memory a cgroup may use, and what becomes of it at the limit. cgroup-v1/memory.rst, cgroup-v2.rst. */
import { readCgroupStats, readCgroupValue, type Cgroup } from "./cgroup-files.ts";

export interface MemoryLimit {
  cgroup: Cgroup;
  limitBytes: number;
  usedBytes: number;
  /** The control file that sets the limit. */
  control: string;
}

/** v1 has no word for "none": the greatest number of whole pages, PAGE_COUNTER_MAX. */
const UNLIMITED_BYTES = 2 ** 62;

/** Its own hard limit; undefined where it has none. */
export function memoryLimit(cgroup: Cgroup): MemoryLimit | undefined {
  return cgroup.version === 2
    ? limitIn(cgroup, "memory.max", "memory.current")
    : limitIn(cgroup, "memory.limit_in_bytes", "memory.usage_in_bytes");
}

/** v2 only: above it, those who allocate are made to wait. */
export function memoryThrottle(cgroup: Cgroup): MemoryLimit | undefined {
  return cgroup.version === 2 ? limitIn(cgroup, "memory.high", "memory.current") : undefined;
}

/** v1 only: it, or a cgroup above it, is full, and its OOM killer is off, so whoever needs a page waits for one. */
export function isOutOfMemory(cgroup: Cgroup): boolean {
  const control = cgroup.version === 1 ? readCgroupStats(cgroup, "memory.oom_control") : undefined;
  return control?.get("oom_kill_disable") === 1 && control.get("under_oom") === 1;
}

function limitIn(cgroup: Cgroup, limitFile: string, usageFile: string): MemoryLimit | undefined {
  // v2 says `max` where there is none.
  const limitBytes = Number(readCgroupValue(cgroup, limitFile) ?? Number.NaN);
  const usedBytes = Number(readCgroupValue(cgroup, usageFile) ?? Number.NaN);
  if (!(limitBytes >= 0 && limitBytes < UNLIMITED_BYTES && usedBytes >= 0)) return undefined;
  return { cgroup, limitBytes, usedBytes, control: `${cgroup.folder}/${limitFile}` };
}
