/**
 * Task samples out of an eBPF iterator: one read tells of every thread of the machine. A thread that has not run since
 * the pass before costs no more than finding that out.
 */
import {
  BpfTasks,
  commOf,
  imageOf,
  stateLetter,
  TASK,
  TASK_WORDS,
  wide,
  type KernelLock,
} from "../../kernel/bpf-tasks.ts";
import { listPids, PF_KTHREAD, readBootMs, readStat, startMs } from "../../kernel/procfs.ts";
import { isSliceOver, letOthersIn } from "./pace.ts";
import { ProcfsSource } from "./procfs-source.ts";
import type { ProcessSample, TaskSample, TaskSource } from "./task.ts";

interface SeenTask {
  sample: TaskSample;
  startTicks: number;
  ranNs: number;
  /** The last pass that showed it. */
  pass: number;
}

/** What stat says of a process beyond its threads: of its main thread. */
type Head = Omit<ProcessSample, "threads" | "tasks" | "atMs" | "state">;

interface SeenProcess {
  head: Head | undefined;
  main: SeenTask | undefined;
  /** In the order of the iterator: the first `count` are of this pass. */
  tasks: SeenTask[];
  count: number;
  pass: number;
  hasChanged: boolean;
  sample: ProcessSample | undefined;
}

const TICK_NS = 10_000_000;
const NO_TASKS: readonly TaskSample[] = [];
/** How often /proc is asked whether it has processes that the iterator does not show. */
const PASSES_PER_LISTING = 10;

export class BpfSource implements TaskSource {
  readonly backend = "bpf";
  readonly #proc: string;
  readonly #bootMs: number;
  readonly #records: BpfTasks;
  /** For single processes, and for those that the iterator does not show. */
  readonly #procfs: ProcfsSource;
  readonly #tasks = new Map<number, SeenTask>();
  readonly #processes = new Map<number, SeenProcess>();
  #unshown: number[] = [];
  #pass = 0;
  /** Threads that this pass has shown. */
  #shown = 0;

  private constructor(proc: string, records: BpfTasks) {
    this.#proc = proc;
    this.#bootMs = readBootMs(proc);
    this.#records = records;
    this.#procfs = new ProcfsSource(proc);
  }

  /** Throws an Error that says why this machine does not allow it. */
  static async open(proc: string): Promise<BpfSource> {
    return new BpfSource(proc, await BpfTasks.open());
  }

  async snapshot(now: () => number): Promise<ProcessSample[]> {
    this.#pass += 1;
    this.#shown = 0;
    for (const part of this.#records.read()) {
      for (let at = 0; at + TASK_WORDS <= part.length; at += TASK_WORDS) this.#take(part, at);
      if (isSliceOver()) await letOthersIn();
    }
    if (this.#tasks.size > this.#shown) this.#forgetEnded();
    const samples: ProcessSample[] = [];
    for (const [pid, process] of this.#processes) {
      if (isSliceOver()) await letOthersIn();
      const sample = this.#settle(process, now);
      if (sample === undefined) this.#processes.delete(pid);
      else samples.push(sample);
    }
    const isListed = this.#pass % PASSES_PER_LISTING === 1;
    if (isListed) this.#unshown = await this.#listUnshown();
    for (const pid of this.#unshown) {
      // It came between the reading and the listing.
      if (this.#processes.has(pid)) continue;
      const sample = await (isListed ? this.#procfs.sample(pid, now()) : this.#procfs.glance(pid, now()));
      if (sample !== undefined) samples.push(sample);
    }
    return samples;
  }

  sample(pid: number, nowMs: number): Promise<ProcessSample | undefined> {
    return this.#procfs.sample(pid, nowMs);
  }

  kernelLocks(): Promise<ReadonlyMap<number, KernelLock>> {
    return this.#records.kernelLocks();
  }

  close(): void {
    this.#records.close();
  }

  #take(words: Uint32Array, at: number): void {
    const tid = words[at + TASK.tid] as number;
    const pid = words[at + TASK.pid] as number;
    // In no namespace that we see.
    if (tid === 0 || pid === 0) return;
    const process = this.#processOf(pid);
    const known = this.#tasks.get(tid);
    const task = known !== undefined && isAtRest(known, words, at) ? known : this.#taskOf(words, at);
    if (task !== known) this.#tasks.set(tid, task);
    task.pass = this.#pass;
    this.#shown += 1;
    if (tid === pid) this.#takeHead(process, task, words, at);
    if (process.tasks[process.count] !== task) {
      process.tasks[process.count] = task;
      process.hasChanged = true;
    }
    process.count += 1;
  }

  #processOf(pid: number): SeenProcess {
    let process = this.#processes.get(pid);
    if (process === undefined) {
      process = { head: undefined, main: undefined, tasks: [], count: 0, pass: 0, hasChanged: true, sample: undefined };
      this.#processes.set(pid, process);
    }
    if (process.pass !== this.#pass) {
      process.pass = this.#pass;
      process.count = 0;
    }
    return process;
  }

  #taskOf(words: Uint32Array, at: number): SeenTask {
    const state = stateLetter(words[at + TASK.state] as number, words[at + TASK.exitState] as number);
    return {
      sample: { tid: words[at + TASK.tid] as number, state, switches: wide(words, at + TASK.switches) },
      startTicks: ticksOf(words, at),
      ranNs: wide(words, at + TASK.ranNs),
      pass: this.#pass,
    };
  }

  /** Its parent, group and terminal may change without its running. */
  #takeHead(process: SeenProcess, main: SeenTask, words: Uint32Array, at: number): void {
    const { head } = process;
    const isSame =
      head !== undefined &&
      process.main === main &&
      head.ppid === words[at + TASK.ppid] &&
      head.pgrp === words[at + TASK.pgrp] &&
      head.ttyNr === words[at + TASK.tty];
    if (isSame) return;
    process.head = this.#headOf(words, at);
    process.main = main;
    process.hasChanged = true;
  }

  #headOf(words: Uint32Array, at: number): Head {
    const pid = words[at + TASK.pid] as number;
    const startTicks = ticksOf(words, at);
    const kthread = ((words[at + TASK.flags] as number) & PF_KTHREAD) !== 0;
    return {
      pid,
      startTicks,
      startMs: startMs(this.#bootMs, startTicks),
      ppid: words[at + TASK.ppid] as number,
      pgrp: words[at + TASK.pgrp] as number,
      // A kernel thread's whole name is longer than the field.
      comm: (kthread ? readStat(this.#proc, pid)?.comm : undefined) ?? commOf(words, at),
      kthread,
      ttyNr: words[at + TASK.tty] as number,
      image: imageOf(words, at),
    };
  }

  /** The sample of the pass before where nothing is new; undefined where the process is gone. */
  #settle(process: SeenProcess, now: () => number): ProcessSample | undefined {
    const { head, main, tasks, count } = process;
    if (process.pass !== this.#pass || head === undefined || main === undefined) return undefined;
    if (process.sample !== undefined && !process.hasChanged && count === tasks.length) return process.sample;
    process.hasChanged = false;
    tasks.length = count;
    const { state } = main.sample;
    const ofInterest = head.kthread && state !== "D" ? NO_TASKS : tasks.map(({ sample }) => sample);
    process.sample = { ...head, threads: count, state, tasks: ofInterest, atMs: now() };
    return process.sample;
  }

  #forgetEnded(): void {
    for (const [tid, { pass }] of this.#tasks) if (pass !== this.#pass) this.#tasks.delete(tid);
  }

  async #listUnshown(): Promise<number[]> {
    return (await listPids(this.#proc)).filter((pid) => !this.#processes.has(pid));
  }
}

function isAtRest(known: SeenTask, words: Uint32Array, at: number): boolean {
  const { state, switches } = known.sample;
  return (
    switches === wide(words, at + TASK.switches) &&
    known.ranNs === wide(words, at + TASK.ranNs) &&
    state !== "R" &&
    state === stateLetter(words[at + TASK.state] as number, words[at + TASK.exitState] as number) &&
    known.startTicks === ticksOf(words, at)
  );
}

/** As stat counts them: USER_HZ is 100. */
function ticksOf(words: Uint32Array, at: number): number {
  return Math.floor(wide(words, at + TASK.startNs) / TICK_NS);
}
