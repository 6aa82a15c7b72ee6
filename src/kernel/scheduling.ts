/** What the scheduler tells of a thread: how long it ran and waited for a CPU, where, and by which priority. sched(7). */
import { readText, taskFile } from "./procfs.ts";

/** /proc/PID/schedstat; Documentation/scheduler/sched-stats.rst. */
export interface CpuTimes {
  /** On a CPU. */
  ranNs: number;
  /** Runnable, but not on a CPU; counted only once it is given one. */
  waitedNs: number;
  /** How often it was given one. */
  turns: number;
}

export interface Scheduling {
  /** The CPU it runs or last ran on. */
  cpu: number;
  policy: string;
  /** 0 for policies without one. */
  realtimePriority: number;
  nice: number;
}

/** include/uapi/linux/sched.h */
const POLICIES = [
  "SCHED_OTHER",
  "SCHED_FIFO",
  "SCHED_RR",
  "SCHED_BATCH",
  "",
  "SCHED_IDLE",
  "SCHED_DEADLINE",
  "SCHED_EXT",
];

/** Counted from the state, which follows the name: nice, processor, rt_priority and policy of proc_pid_stat(5). */
const NICE = 16;
const PROCESSOR = 36;
const RT_PRIORITY = 37;
const POLICY = 38;

const STATUS_BYTES = 8192;
/** The counts of interrupts follow, which are many. */
const STAT_BYTES = 256 * 1024;

/** Undefined where it is none, or is of a kernel that does not count (no CONFIG_SCHED_INFO: all zero). */
export function parseSchedstat(text: string): CpuTimes | undefined {
  const match = /^(\d+) (\d+) (\d+)\s*$/.exec(text);
  if (match === null) return undefined;
  const [ranNs, waitedNs, turns] = match.slice(1).map(Number) as [number, number, number];
  return turns === 0 ? undefined : { ranNs, waitedNs, turns };
}

export function readCpuTimes(proc: string, pid: number, tid: number): CpuTimes | undefined {
  const text = readText(taskFile(proc, pid, tid, "schedstat"), 128);
  return text === undefined ? undefined : parseSchedstat(text);
}

export function parseScheduling(stat: string): Scheduling | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields.length <= POLICY) return undefined;
  return {
    cpu: Number(fields[PROCESSOR]),
    policy: POLICIES[Number(fields[POLICY])] || `policy ${fields[POLICY]}`,
    realtimePriority: Number(fields[RT_PRIORITY]),
    nice: Number(fields[NICE]),
  };
}

export function readScheduling(proc: string, pid: number, tid: number): Scheduling | undefined {
  const text = readText(taskFile(proc, pid, tid, "stat"));
  return text === undefined ? undefined : parseScheduling(text);
}

/** `0-3,7` → 0 1 2 3 7; cpuset(7), "List format". */
export function parseCpuList(text: string): Set<number> {
  const cpus = new Set<number>();
  for (const part of text.trim().split(",")) {
    const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part);
    if (match === null) continue;
    const last = Number(match[2] ?? match[1]);
    for (let cpu = Number(match[1]); cpu <= last; cpu++) cpus.add(cpu);
  }
  return cpus;
}

/** The CPUs on which the thread may run, of those that the machine has running; undefined where it is gone. */
export function allowedCpus(proc: string, pid: number, tid: number): Set<number> | undefined {
  const status = readText(taskFile(proc, pid, tid, "status"), STATUS_BYTES);
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status ?? "")?.[1];
  if (list === undefined) return undefined;
  const online = onlineCpus(proc);
  const allowed = parseCpuList(list);
  return online.size === 0 ? allowed : allowed.intersection(online);
}

/** The `cpuN` lines of proc_stat(5), which only CPUs have that are online. */
export function onlineCpus(proc: string): Set<number> {
  return parseOnlineCpus(readText(`${proc}/stat`, STAT_BYTES) ?? "");
}

export function parseOnlineCpus(text: string): Set<number> {
  return new Set(Array.from(text.matchAll(/^cpu(\d+) /gm), ([, cpu]) => Number(cpu)));
}
