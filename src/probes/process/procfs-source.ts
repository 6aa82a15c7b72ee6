/**
 * Task samples out of /proc: one schedstat a thread, and stat where it has run; nothing that blocks.
 * What a thread waits for is not its matter: that is looked up for the few that stay blocked.
 *
 * To stop, to be traced, to fork, to exec or to die, a thread must run. So one that was off the CPU, and has not been
 * given one since, is as it was, and its stat, the dearer file, need not be read again. What may change all the same is
 * its parent, its terminal, and that it was woken and gets no CPU: hence stat is read of a tenth of all in each pass.
 */
import {
  listPids,
  parseStat,
  PF_KTHREAD,
  readBootMs,
  readText,
  readTids,
  startMs,
  type Stat,
} from "../../kernel/procfs.ts";
import { readPulse, type Pulse } from "../../kernel/pulse.ts";
import { isSliceOver, letOthersIn } from "./pace.ts";
import type { ProcessSample, TaskSample, TaskSource } from "./task.ts";

type Task = TaskSample & Pulse;

interface Seen {
  /** What was told of the process. */
  sample: ProcessSample;
  /** The main thread's. */
  stat: Stat;
  main: Task;
  others: readonly Task[];
}

interface LookOptions {
  /** Stat is read even of who has not run. */
  full: boolean;
  nowMs: number;
}

const PASSES_PER_STAT = 10;
const NO_TASKS: readonly Task[] = [];

export class ProcfsSource implements TaskSource {
  readonly backend = "procfs";
  readonly #proc: string;
  readonly #bootMs: number;
  readonly #seen = new Map<number, Seen>();
  #pass = 0;

  constructor(proc: string) {
    this.#proc = proc;
    this.#bootMs = readBootMs(proc);
  }

  async snapshot(now: () => number): Promise<ProcessSample[]> {
    this.#pass += 1;
    const pids = await listPids(this.#proc);
    const samples: ProcessSample[] = [];
    for (const pid of pids) {
      if (isSliceOver()) await letOthersIn();
      const full = (pid + this.#pass) % PASSES_PER_STAT === 0;
      const sample = await this.#look(pid, { full, nowMs: now() });
      if (sample !== undefined) samples.push(sample);
    }
    const present = new Set(pids);
    for (const pid of this.#seen.keys()) if (!present.has(pid)) this.#seen.delete(pid);
    return samples;
  }

  sample(pid: number, nowMs: number): Promise<ProcessSample | undefined> {
    return this.#look(pid, { full: true, nowMs });
  }

  /** The same for little, where it has not run since the last time. */
  glance(pid: number, nowMs: number): Promise<ProcessSample | undefined> {
    return this.#look(pid, { full: false, nowMs });
  }

  async #look(pid: number, options: LookOptions): Promise<ProcessSample | undefined> {
    const last = this.#seen.get(pid);
    const pulse = readPulse(this.#proc, pid, pid);
    const rests = !options.full && pulse !== undefined && last !== undefined && isAtRest(last.main, pulse);
    const stat = rests ? last.stat : this.#stat(pid, pid);
    if (stat === undefined || pulse === undefined) {
      this.#seen.delete(pid);
      return undefined;
    }
    const main = rests ? last.main : { tid: pid, state: stat.state, ...pulse };
    const isAlone = stat.threads < 2 || isKernelThread(stat);
    const others = isAlone ? NO_TASKS : await this.#others(pid, last?.others ?? NO_TASKS, rests, options);
    if (rests && others === last.others) return last.sample;
    const sample = this.#sampleOf(stat, [main, ...others], options.nowMs);
    this.#seen.set(pid, { sample, stat, main, others });
    return sample;
  }

  /** The threads beside the main one: the very list of the time before where none of them has run since, nor it. */
  async #others(
    pid: number,
    last: readonly Task[],
    mainRests: boolean,
    options: LookOptions,
  ): Promise<readonly Task[]> {
    const tasks: Task[] = [];
    let allRest = mainRests;
    for (const known of last) {
      if (isSliceOver()) await letOthersIn();
      const task = this.#task(pid, known.tid, options.full ? undefined : known);
      if (task !== undefined) tasks.push(task);
      if (task !== known) allRest = false;
    }
    // Only a thread that runs makes others.
    if (allRest) return last;
    const listed = new Set(tasks.map(({ tid }) => tid)).add(pid);
    for (const tid of readTids(this.#proc, pid)) {
      if (listed.has(tid)) continue;
      if (isSliceOver()) await letOthersIn();
      const task = this.#task(pid, tid, undefined);
      if (task !== undefined) tasks.push(task);
    }
    return tasks;
  }

  /** `known` again where it has not run since; undefined where the thread is gone. */
  #task(pid: number, tid: number, known: Task | undefined): Task | undefined {
    const pulse = readPulse(this.#proc, pid, tid);
    if (pulse === undefined) return undefined;
    if (known !== undefined && isAtRest(known, pulse)) return known;
    const state = this.#stat(pid, tid)?.state;
    return state === undefined ? undefined : { tid, state, ...pulse };
  }

  /** Of the thread alone, the main one too: that of a process adds up the times of all its threads. */
  #stat(pid: number, tid: number): Stat | undefined {
    const text = readText(`${this.#proc}/${pid}/task/${tid}/stat`);
    return text === undefined ? undefined : parseStat(text);
  }

  #sampleOf(stat: Stat, tasks: readonly Task[], nowMs: number): ProcessSample {
    const kthread = isKernelThread(stat);
    return {
      pid: stat.pid,
      startTicks: stat.startTicks,
      startMs: startMs(this.#bootMs, stat.startTicks),
      ppid: stat.ppid,
      pgrp: stat.pgrp,
      comm: stat.comm,
      kthread,
      ttyNr: stat.ttyNr,
      threads: tasks.length,
      image: stat.image,
      state: stat.state,
      // A kernel thread that sleeps has nothing to do: only an uninterruptible one waits for something.
      tasks: kthread && stat.state !== "D" ? [] : tasks,
      atMs: nowMs,
    };
  }
}

function isAtRest(last: Task, { ranNs, switches }: Pulse): boolean {
  return last.state !== "R" && last.switches === switches && last.ranNs === ranNs;
}

function isKernelThread(stat: Stat): boolean {
  return (stat.flags & PF_KTHREAD) !== 0;
}
