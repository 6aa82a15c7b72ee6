/** A cgroup's CPU bandwidth limit and how often it was hit. Documentation/scheduler/sched-bwc.rst, cgroup-v2.rst. */
import { readCgroupStats, readCgroupValue, type Cgroup } from "./cgroup-files.ts";

export interface CpuQuota {
  /** CPU time that it may use in each period. */
  quotaUs: number;
  periodUs: number;
  /** The control file that sets the quota. */
  control: string;
}

/** Counted since the cgroup was made. */
export interface Throttling {
  /** Periods in which it was active, and those in which it ran out of quota. */
  periods: number;
  throttledPeriods: number;
  /** Added up over all CPUs. */
  throttledMs: number;
}

/** Undefined where it has none. */
export function readCpuQuota(cgroup: Cgroup): CpuQuota | undefined {
  if (cgroup.version === 2) {
    // `max 100000` or `20000 100000`.
    const [quota, period] = (readCgroupValue(cgroup, "cpu.max") ?? "").split(" ").map(Number);
    return quotaOf(quota, period, `${cgroup.folder}/cpu.max`);
  }
  const quota = Number(readCgroupValue(cgroup, "cpu.cfs_quota_us") ?? Number.NaN);
  return quotaOf(quota, Number(readCgroupValue(cgroup, "cpu.cfs_period_us")), `${cgroup.folder}/cpu.cfs_quota_us`);
}

export function readThrottling(cgroup: Cgroup): Throttling | undefined {
  const stats = readCgroupStats(cgroup, "cpu.stat");
  const periods = stats?.get("nr_periods");
  const throttledPeriods = stats?.get("nr_throttled");
  if (stats === undefined || periods === undefined || throttledPeriods === undefined) return undefined;
  const throttledUs = stats.get("throttled_usec") ?? (stats.get("throttled_time") ?? 0) / 1000;
  return { periods, throttledPeriods, throttledMs: throttledUs / 1000 };
}

function quotaOf(quotaUs = Number.NaN, periodUs = Number.NaN, control: string): CpuQuota | undefined {
  return quotaUs > 0 && periodUs > 0 ? { quotaUs, periodUs, control } : undefined;
}
