/**
 * Samples in, changes out: which processes came, went and changed state, which threads are blocked and since when.
 * Pure bookkeeping: it reads no file, knows no event, and time comes in with the samples.
 */
import type { ProcessSample, TaskSample } from "./task.ts";
import type { Freeze } from "../../kernel/freezer.ts";
import type { JobStop } from "./job-stop.ts";
import { stateOf, type TaskState } from "./state.ts";

export interface TrackedThread extends TaskSample {
  /** When it was last seen to run, or to have run: it has been blocked for at least as long as since then. */
  ranMs: number;
  /** How often it was last given a CPU, in a second; undefined where it was seen but once. */
  switchesPerS: number | undefined;
  /** It was blocked already when it was first seen, so `ranMs` says too little. */
  sinceUnknown: boolean;
  /** When what it waits for was last looked at; undefined: not in this wait. */
  lookedMs: number | undefined;
  /** The wait names others, who may have changed: it is looked at again and again. */
  namesOthers: boolean;
}

export interface TrackedProcess extends Omit<ProcessSample, "state" | "tasks"> {
  state: TaskState;
  stateSinceMs: number;
  /** Its cgroup is frozen. */
  freeze: Freeze | undefined;
  /** Of a stopped one: why, where that was looked up. */
  stop: JobStop | undefined;
  /** What it was last updated from. */
  sample: ProcessSample;
  threadsByTid: Map<number, TrackedThread>;
}

export type Change =
  /** A process not known before. */
  | { type: "start"; process: TrackedProcess }
  /** Another state. */
  | { type: "state"; process: TrackedProcess }
  /** Another program or name, parent or controlling terminal; `recast`: its command line may be another. */
  | { type: "identity"; process: TrackedProcess; recast: boolean }
  | { type: "exit"; process: TrackedProcess }
  /** A thread whose wait was looked at has run since, or is gone. */
  | { type: "ran"; process: TrackedProcess; tid: number };

export interface BlockedThread {
  process: TrackedProcess;
  thread: TrackedThread;
}

/** The states of one that a frozen cgroup may keep from running. */
const FREEZES: ReadonlySet<TaskState> = new Set(["running", "sleeping", "blocked"]);
/** Two samples a second apart, less a timer's jitter. */
const BLOCKED_MS = 900;
/** All together, so that the machine's tables are made once for them, and not for a few of them every second. */
const LOOK_AGAIN_MS = 5000;

export class Tracker {
  readonly #processes = new Map<number, TrackedProcess>();

  get processes(): ReadonlyMap<number, TrackedProcess> {
    return this.#processes;
  }

  get tasks(): number {
    let count = 0;
    for (const process of this.#processes.values()) count += process.threads;
    return count;
  }

  /** A whole snapshot, begun at `beganMs`: whoever is not in it is gone, unless it was seen on its own since then. */
  *observeAll(samples: readonly ProcessSample[], beganMs: number): Iterable<Change> {
    const seen = new Set<number>();
    for (const sample of samples) seen.add(sample.pid);
    for (const process of this.#processes.values()) {
      if (!seen.has(process.pid) && process.atMs <= beganMs) yield* this.gone(process.pid);
    }
    for (const sample of samples) yield* this.observe(sample);
  }

  observe(sample: ProcessSample): Change[] {
    const known = this.#processes.get(sample.pid);
    if (known === undefined) return [this.#add(sample)];
    if (sample === known.sample || sample.atMs < known.atMs) return [];
    if (known.startTicks !== sample.startTicks) return [...this.gone(sample.pid), this.#add(sample)];
    return this.#update(known, sample);
  }

  gone(pid: number): Change[] {
    const process = this.#processes.get(pid);
    if (process === undefined) return [];
    this.#processes.delete(pid);
    const ran: Change[] = [];
    for (const thread of process.threadsByTid.values()) {
      if (thread.lookedMs !== undefined) ran.push({ type: "ran", process, tid: thread.tid });
    }
    return [...ran, { type: "exit", process }];
  }

  /** The threads that have been blocked for a second and were not looked at yet, or whose holders may have changed. */
  due(nowMs: number): BlockedThread[] {
    const due: BlockedThread[] = [];
    for (const process of this.#processes.values()) {
      for (const thread of process.threadsByTid.values()) {
        if (!mayWait(process, thread) || nowMs - thread.ranMs < BLOCKED_MS) continue;
        const { lookedMs } = thread;
        const again = thread.namesOthers && lookedMs !== undefined && turnOf(lookedMs) !== turnOf(nowMs);
        if (lookedMs === undefined || again) due.push({ process, thread });
      }
    }
    return due;
  }

  /** Those of whom it was said that they are frozen. */
  *frozen(): Iterable<TrackedProcess> {
    for (const process of this.#processes.values()) if (process.freeze !== undefined) yield process;
  }

  /** It is frozen, or (undefined) no longer. */
  setFreeze(process: TrackedProcess, freeze: Freeze | undefined, nowMs: number): Change[] {
    const isOther = process.freeze?.control !== freeze?.control;
    process.freeze = freeze;
    const changes = this.#settle(process, nowMs);
    return changes.length === 0 && isOther && process.state === "frozen" ? [{ type: "state", process }] : changes;
  }

  #add(sample: ProcessSample): Change {
    const { tasks, ...rest } = sample;
    const process: TrackedProcess = {
      ...rest,
      sample,
      state: stateOf(sample),
      stateSinceMs: sample.atMs,
      freeze: undefined,
      stop: undefined,
      threadsByTid: new Map(tasks.map((task) => [task.tid, newThread(task, sample.atMs, true)])),
    };
    this.#processes.set(sample.pid, process);
    return { type: "start", process };
  }

  #update(process: TrackedProcess, sample: ProcessSample): Change[] {
    const changes: Change[] = [];
    process.sample = sample;
    process.atMs = sample.atMs;
    process.threads = sample.threads;
    process.pgrp = sample.pgrp;
    // Whoever dies loses its memory before its name: that makes it no other program.
    const isOther = sample.image !== "" && sample.image !== process.image;
    const recast = isOther || process.comm !== sample.comm;
    if (isOther) process.image = sample.image;
    if (recast || process.ppid !== sample.ppid || process.ttyNr !== sample.ttyNr) {
      process.comm = sample.comm;
      process.ppid = sample.ppid;
      process.ttyNr = sample.ttyNr;
      changes.push({ type: "identity", process, recast });
    }
    for (const tid of this.#updateThreads(process, sample)) changes.push({ type: "ran", process, tid });
    return [...changes, ...this.#settle(process, sample.atMs)];
  }

  /** Who is stopped, traced or dead as well as frozen is told to be that: to thaw it alone would change nothing. */
  #settle(process: TrackedProcess, nowMs: number): Change[] {
    let state = stateOf(process.sample);
    if (process.freeze !== undefined && FREEZES.has(state)) state = "frozen";
    if (state === process.state) return [];
    process.state = state;
    process.stateSinceMs = nowMs;
    return [{ type: "state", process }];
  }

  /** The threads whose looked-at wait is over. */
  #updateThreads(process: TrackedProcess, sample: ProcessSample): number[] {
    const over: number[] = [];
    const before = process.threadsByTid;
    const after = new Map<number, TrackedThread>();
    for (const task of sample.tasks) {
      const thread = before.get(task.tid);
      if (thread === undefined) {
        after.set(task.tid, newThread(task, sample.atMs, false));
        continue;
      }
      after.set(task.tid, thread);
      if (thread.switches !== task.switches || !isOffCpu(task.state)) {
        if (thread.lookedMs !== undefined) over.push(task.tid);
        const switchesPerS = rateOf(thread, task, sample.atMs);
        Object.assign(thread, newThread(task, sample.atMs, false), { switchesPerS });
      } else thread.state = task.state;
    }
    for (const thread of before.values()) {
      if (thread.lookedMs !== undefined && !after.has(thread.tid)) over.push(thread.tid);
    }
    process.threadsByTid = after;
    return over;
  }
}

/** Whether being off the CPU means that it waits for something. A kernel thread sleeps when it has nothing to do. */
export function mayWait(process: TrackedProcess, thread: TrackedThread): boolean {
  return thread.state === "D" || (thread.state === "S" && !process.kthread);
}

function turnOf(ms: number): number {
  return Math.floor(ms / LOOK_AGAIN_MS);
}

function isOffCpu(state: string): boolean {
  return state !== "R";
}

function newThread(task: TaskSample, nowMs: number, sinceUnknown: boolean): TrackedThread {
  return { ...task, ranMs: nowMs, switchesPerS: undefined, sinceUnknown, lookedMs: undefined, namesOthers: false };
}

/** Two samples of a question may follow each other too closely to tell a rate from. */
const SHORTEST_RATE_MS = 100;

function rateOf(before: TrackedThread, { switches }: TaskSample, nowMs: number): number | undefined {
  const tookMs = nowMs - before.ranMs;
  if (tookMs < SHORTEST_RATE_MS) return before.switchesPerS;
  return Math.round(((switches - before.switches) * 1000) / tookMs);
}
