/**
 * Runnable threads from pass to pass: how much of a CPU each of them got, and by which quotas their cgroups were held
 * back meanwhile. Only who is found runnable is watched, so sleepers cost nothing.
 */
import { cgroupFor, lineage, type Cgroup } from "../../kernel/cgroup-files.ts";
import { readCpuQuota, readThrottling, type CpuQuota, type Throttling } from "../../kernel/cpu-quota.ts";
import { readText } from "../../kernel/procfs.ts";
import { readCpuTimes, type CpuTimes } from "../../kernel/scheduling.ts";
import type { TrackedProcess } from "./tracker.ts";

/** What became of a thread's time, in shares of it; the rest it slept. */
export interface CpuShare {
  overMs: number;
  ran: number;
  /** Runnable without a CPU. */
  waited: number;
}

export interface RunnableThread {
  process: TrackedProcess;
  tid: number;
  /** Over the last second or so; undefined where it was not watched for that long. */
  lately: CpuShare | undefined;
  /** Over two seconds or so. */
  longer: CpuShare | undefined;
}

export interface Throttled {
  cgroup: Cgroup;
  quota: CpuQuota;
  /** Within the last second or so. */
  periods: number;
  throttledPeriods: number;
}

/** Times are performance.now(). */
interface Reading<T> {
  atMs: number;
  value: T;
}

interface Watched {
  process: TrackedProcess;
  tid: number;
  readings: Reading<CpuTimes>[];
  /** Found asleep, in a row. */
  asleep: number;
  /** Cgroups of its own and above that have a quota. */
  limits: readonly string[];
  limitsReadMs: number;
  /** Of which cgroups these are: the text of its /proc/PID/cgroup. */
  cgroups: string | undefined;
}

interface Limit {
  cgroup: Cgroup;
  quota: CpuQuota;
  readings: Reading<Throttling>[];
}

/** Runnable threads that one pass watches; a machine with more has other troubles. */
const MAX_WATCHED = 512;
/** A throttled thread that also sleeps now and then is not runnable at each pass. */
const MAX_ASLEEP = 2;
const LATELY_MS = 800;
const LONGER_MS = 1800;
const LIMITS_AGE_MS = 5000;

export class CpuWatch {
  readonly #proc: string;
  readonly #watched = new Map<string, Watched>();
  readonly #limits = new Map<string, Limit>();

  constructor(proc: string) {
    this.#proc = proc;
  }

  /** One pass: those that are, or were lately, runnable. */
  observe(processes: Iterable<TrackedProcess>): RunnableThread[] {
    const runnable = new Map<string, Pick<Watched, "process" | "tid">>();
    for (const process of processes) {
      if (process.state !== "running") continue;
      for (const tid of runnableTids(process)) runnable.set(keyOf(process, tid), { process, tid });
      if (runnable.size >= MAX_WATCHED) break;
    }
    for (const [key, thread] of runnable) {
      if (this.#watched.has(key)) continue;
      this.#watched.set(key, {
        ...thread,
        readings: [],
        asleep: 0,
        limits: [],
        limitsReadMs: Number.NEGATIVE_INFINITY,
        cgroups: undefined,
      });
    }
    for (const [key, watched] of this.#watched) {
      watched.asleep = runnable.has(key) ? 0 : watched.asleep + 1;
      if (watched.asleep > MAX_ASLEEP || !this.#read(watched)) this.#watched.delete(key);
    }
    this.#readLimits();
    return Array.from(this.#watched.values(), shareOf);
  }

  /** The quota that held the thread's cgroup, or one above it, back the most; undefined where none did. */
  throttleOf({ process, tid }: Pick<RunnableThread, "process" | "tid">): Throttled | undefined {
    let most: Throttled | undefined;
    for (const folder of this.#watched.get(keyOf(process, tid))?.limits ?? []) {
      const limit = this.#limits.get(folder);
      const [from, to] = limit === undefined ? [] : span(limit.readings, LATELY_MS);
      if (limit === undefined || from === undefined || to === undefined) continue;
      const periods = to.value.periods - from.value.periods;
      const throttledPeriods = to.value.throttledPeriods - from.value.throttledPeriods;
      if (periods <= 0 || throttledPeriods <= (most?.throttledPeriods ?? 0)) continue;
      most = { cgroup: limit.cgroup, quota: limit.quota, periods, throttledPeriods };
    }
    return most;
  }

  #read(watched: Watched): boolean {
    const { process, tid, readings } = watched;
    const value = readCpuTimes(this.#proc, process.pid, tid);
    if (value === undefined) return false;
    const atMs = performance.now();
    add(readings, { atMs, value });
    // Moved into another cgroup, it has other limits at once; that one's own quota changes seldom.
    const cgroups = readText(`${this.#proc}/${process.pid}/cgroup`);
    if (cgroups !== watched.cgroups || atMs - watched.limitsReadMs >= LIMITS_AGE_MS) {
      watched.limits = this.#limitsOf(process.pid);
      watched.limitsReadMs = atMs;
      watched.cgroups = cgroups;
    }
    return true;
  }

  #limitsOf(pid: number): string[] {
    const cgroup = cgroupFor(this.#proc, pid, "cpu");
    const folders: string[] = [];
    for (const each of cgroup === undefined ? [] : lineage(this.#proc, cgroup)) {
      const quota = readCpuQuota(each);
      if (quota === undefined) continue;
      folders.push(each.folder);
      this.#limits.set(each.folder, { cgroup: each, readings: this.#limits.get(each.folder)?.readings ?? [], quota });
    }
    return folders;
  }

  #readLimits(): void {
    const wanted = new Set(Array.from(this.#watched.values(), ({ limits }) => limits).flat());
    for (const [folder, { cgroup, readings }] of this.#limits) {
      const value = wanted.has(folder) ? readThrottling(cgroup) : undefined;
      if (value === undefined) this.#limits.delete(folder);
      else add(readings, { atMs: performance.now(), value });
    }
  }
}

/** Of a kernel thread, the source tells no threads. */
function runnableTids({ pid, kthread, threadsByTid }: TrackedProcess): number[] {
  if (kthread) return [pid];
  return Array.from(threadsByTid.values()).flatMap(({ tid, state }) => (state === "R" ? [tid] : []));
}

function shareOf({ process, tid, readings, asleep }: Watched): RunnableThread {
  const share = (forMs: number): CpuShare | undefined => {
    const [from, to] = span(readings, forMs);
    if (from === undefined || to === undefined) return undefined;
    const overMs = to.atMs - from.atMs;
    const ran = (to.value.ranNs - from.value.ranNs) / 1e6 / overMs;
    // What it waits at present is not counted yet: without a turn in between, it did nothing else.
    const never = to.value.turns === from.value.turns && asleep === 0;
    const waited = never ? 1 - ran : (to.value.waitedNs - from.value.waitedNs) / 1e6 / overMs;
    return { overMs, ran: bounded(ran), waited: bounded(waited) };
  };
  return { process, tid, lately: share(LATELY_MS), longer: share(LONGER_MS) };
}

/** The last reading, and the latest one before it that lies so far back. */
function span<T>(readings: readonly Reading<T>[], forMs: number): [Reading<T>, Reading<T>] | [] {
  const to = readings.at(-1);
  const from = readings.findLast(({ atMs }) => to !== undefined && to.atMs - atMs >= forMs);
  return from === undefined || to === undefined ? [] : [from, to];
}

/** Those that no span reaches back to are forgotten. */
function add<T>(readings: Reading<T>[], reading: Reading<T>): void {
  readings.push(reading);
  while (readings.length > 2 && reading.atMs - (readings[1] as Reading<T>).atMs >= LONGER_MS) readings.shift();
}

function keyOf({ pid, startTicks }: TrackedProcess, tid: number): string {
  return `${pid} ${startTicks} ${tid}`;
}

function bounded(share: number): number {
  return Math.min(1, Math.max(0, share));
}
