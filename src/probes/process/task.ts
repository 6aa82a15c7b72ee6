/** What a sample of the machine's tasks holds, whoever takes it: the contract between a task source and the tracker. */
import type { KernelLock } from "../../kernel/bpf-tasks.ts";

export interface TaskSample {
  tid: number;
  /** One letter, as in proc_pid_stat(5): R S D Z T t X I P. */
  state: string;
  /** How often the thread was given a CPU; the same number twice, not runnable: it has not run in between. */
  switches: number;
}

export interface ProcessSample {
  pid: number;
  /** Clock ticks since boot: with the pid, the identity of a process. */
  startTicks: number;
  startMs: number;
  ppid: number;
  pgrp: number;
  comm: string;
  kthread: boolean;
  /** The controlling terminal's device number; 0 where it has none. */
  ttyNr: number;
  threads: number;
  /** Another one means another program or other arguments; empty where that cannot be told. */
  image: string;
  /** The main thread's state; `tasks` leaves out threads of which nothing is to be learnt. */
  state: string;
  tasks: readonly TaskSample[];
  /** When this process was looked at. */
  atMs: number;
}

/** A process in which nothing has changed, and nobody runs, is the very object of the time before. */
export interface TaskSource {
  /** As `xctl status` names it. */
  readonly backend: string;
  /** Every process; lets the event loop in every few milliseconds. */
  snapshot(now: () => number): Promise<ProcessSample[]>;
  /** One process, right now; undefined where there is none (any more). */
  sample(pid: number, nowMs: number): Promise<ProcessSample | undefined>;
  /** Who has the kernel lock that a thread waits for, by waiting thread; empty where that cannot be seen. */
  kernelLocks?(): Promise<ReadonlyMap<number, KernelLock>>;
}
