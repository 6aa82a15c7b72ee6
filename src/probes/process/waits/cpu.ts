/**
 * Threads that want to run and get no CPU: held back by their cgroup's quota, or because others have it. A process that
 * gets its share of a busy machine is neither, however small that is.
 */
import { allowedCpus, onlineCpus, type Scheduling } from "../../../kernel/scheduling.ts";
import { printable } from "../../../lib/text.ts";
import { cgroupId } from "../../../model/entity.ts";
import type { CpuCompetition } from "../cpu-competition.ts";
import type { CpuShare, CpuWatch, RunnableThread, Throttled } from "../cpu-watch.ts";
import type { WaitFact } from "../fact.ts";

/** Out of quota in half of the periods, and off the CPU for most of the time because of it. */
const THROTTLED = { ofPeriods: 0.5, waited: 0.6, ran: 0.4 } as const;
/** A second of nearly nothing tells as much as two of little. */
const STARVED = { waited: 0.8, ran: 0.1 } as const;
const STARVED_AT_ONCE = { waited: 0.9, ran: 0.02 } as const;
/** Of a fair share: the rest is unfairness between groups, which the scheduler shares the CPUs out to first. */
const UNFAIR = 1 / 8;
/**
 * What few others must have had of the CPUs for them to be what keeps the thread from them. Where many are started at
 * once each gets little, and a virtual machine that is paused looks as if nobody gets on.
 */
const TAKEN = 0.5;
/** One that computes has a CPU for some milliseconds at a time; who polls and gives it up, for microseconds. */
const SHORT_TURN_S = 0.0003;
/** Of the others. */
const MAX_NAMED = 3;
/** Of the CPUs that the victim may run on: who has so much of them keeps it off. */
const DOMINATES = 0.6;
/** Longer lists of CPUs say nothing to anybody. */
const MAX_LISTED_CPUS = 8;

/** What the thread waits for; undefined where it gets on. */
export function cpuWait(
  proc: string,
  thread: RunnableThread,
  watch: CpuWatch,
  competition: CpuCompetition,
): WaitFact | undefined {
  const { lately, longer, process } = thread;
  if (process.kthread || lately === undefined) return undefined;
  if (lately.waited >= THROTTLED.waited && lately.ran <= THROTTLED.ran) {
    const throttled = watch.throttleOf(thread);
    const share = throttled === undefined ? 0 : throttled.throttledPeriods / throttled.periods;
    if (throttled !== undefined && share >= THROTTLED.ofPeriods) return quotaWait(thread, lately, throttled);
  }
  if (!isBelow(lately, STARVED) || givesUp(thread)) return undefined;
  if (longer !== undefined && isBelow(longer, STARVED)) return runQueueWait(proc, thread, longer, competition);
  return isBelow(lately, STARVED_AT_ONCE) ? runQueueWait(proc, thread, lately, competition) : undefined;
}

/**
 * It gives up the CPU over and over (sched_yield(2)), as ranks of an MPI job do while they wait for each other: it is
 * in the run queue nearly all of the time, and gets there what it wants.
 */
function givesUp({ process, tid, lately }: RunnableThread): boolean {
  const switchesPerS = process.threadsByTid.get(tid)?.switchesPerS ?? 0;
  return lately !== undefined && switchesPerS * SHORT_TURN_S > lately.ran;
}

function isBelow({ ran, waited }: CpuShare, limit: { waited: number; ran: number }): boolean {
  return waited >= limit.waited && ran <= limit.ran;
}

function quotaWait(
  { process, tid }: RunnableThread,
  { ran }: CpuShare,
  { cgroup, quota, periods, throttledPeriods }: Throttled,
): WaitFact {
  const { quotaUs, periodUs, control } = quota;
  return {
    type: "wait",
    entity: cgroupId(printable(cgroup.path)),
    pid: process.pid,
    tid,
    kind: "cpu.quota",
    attrs: {
      tid,
      certainty: "observed",
      source: printable(`${cgroup.folder}/cpu.stat`),
      observed:
        `throttled in ${throttledPeriods} of the last ${periods} periods, by a quota of ${milliseconds(quotaUs)} ` +
        `in each ${milliseconds(periodUs)}; it ran ${percent(ran)} of the time`,
      cause: "cpu.throttled",
      object: control,
      // At least a whole CPU, and twice of what it has: v2 takes the quota without the period, and keeps that.
      setting: String(periodUs * Math.max(1, Math.ceil((2 * quotaUs) / periodUs))),
    },
  };
}

function runQueueWait(
  proc: string,
  thread: RunnableThread,
  share: CpuShare,
  competition: CpuCompetition,
): WaitFact | undefined {
  const { process, tid } = thread;
  const { pid } = process;
  const cpus = allowedCpus(proc, pid, tid);
  const own = competition.schedulingOf(thread);
  if (cpus === undefined || own === undefined) return undefined;
  if (share.ran > competition.fairShare(cpus) * UNFAIR) return undefined;

  const users = competition.usersBeside(process, cpus);
  const [first] = users;
  if (users.reduce((sum, { share: had }) => sum + had, 0) < TAKEN * cpus.size) return undefined;
  const owner = first !== undefined && first.share / cpus.size >= DOMINATES ? first.process : undefined;
  const where = cpus.size === 1 ? `CPU ${[...cpus].join("")}` : "a CPU";
  const named = users
    .slice(0, MAX_NAMED)
    .map(
      (user) =>
        `; ${printable(user.process.comm)} (${user.process.pid}, ${priority(user.scheduling)}) ` +
        `had ${percent(user.share)} of ${where}`,
    );
  const isRestricted = cpus.size < onlineCpus(proc).size && cpus.size <= MAX_LISTED_CPUS;
  return {
    type: "wait",
    entity: isRestricted ? `cpu:${[...cpus].join(",")}` : "cpu",
    pid,
    tid,
    kind: "cpu.runqueue",
    attrs: {
      tid,
      certainty: "observed",
      source: `/proc/${pid}/task/${tid}/schedstat`,
      observed:
        `ran ${percent(share.ran)} and waited ${percent(share.waited)} of ${(share.overMs / 1000).toFixed(1)} s, ` +
        `with ${priority(own)}${named.join("")}`,
      cause: "cpu.starved",
      ...(owner === undefined ? {} : { actor: owner.pid }),
    },
  };
}

function priority({ policy, realtimePriority, nice }: Scheduling): string {
  return realtimePriority > 0 ? `${policy} ${realtimePriority}` : `${policy} nice ${nice}`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function milliseconds(us: number): string {
  return `${us / 1000} ms`;
}
