/** Who wants certain CPUs at the same time, who got how much of them, and what would have been a fair share. */
import { readScheduling, type Scheduling } from "../../kernel/scheduling.ts";
import type { RunnableThread } from "./cpu-watch.ts";
import type { TrackedProcess } from "./tracker.ts";

export interface CpuUser {
  process: TrackedProcess;
  /** In CPUs. */
  share: number;
  /** Of its thread that ran the most. */
  scheduling: Scheduling;
}

/** What a process must have had of a CPU to count as its user. */
const WORTH_NAMING = 0.1;
/** Users beyond one for each CPU. */
const MORE_USERS = 2;

/** Of one pass. */
export class CpuCompetition {
  readonly #proc: string;
  /** Those who ran the most first. */
  readonly #threads: readonly RunnableThread[];
  readonly #scheduling = new Map<RunnableThread, Scheduling | undefined>();

  constructor(proc: string, threads: readonly RunnableThread[]) {
    this.#proc = proc;
    this.#threads = threads.toSorted((a, b) => (b.lately?.ran ?? 0) - (a.lately?.ran ?? 0));
  }

  /** What each would have if all who wanted these CPUs had got the same. */
  fairShare(cpus: ReadonlySet<number>): number {
    let wanted = 0;
    for (const thread of this.#threads) {
      if (thread.lately !== undefined && this.#isOn(thread, cpus)) wanted += thread.lately.ran + thread.lately.waited;
    }
    return Math.min(1, cpus.size / wanted);
  }

  /** The few other processes that ran the most on these CPUs, the first of them first. */
  usersBeside(process: TrackedProcess, cpus: ReadonlySet<number>): CpuUser[] {
    const users = new Map<TrackedProcess, CpuUser>();
    for (const thread of this.#threads) {
      const ran = thread.lately?.ran ?? 0;
      if (ran < WORTH_NAMING) break;
      const scheduling = this.schedulingOf(thread);
      if (thread.process === process || scheduling === undefined || !cpus.has(scheduling.cpu)) continue;
      const known = users.get(thread.process);
      if (known === undefined) users.set(thread.process, { process: thread.process, share: ran, scheduling });
      else known.share += ran;
    }
    return [...users.values()].sort((a, b) => b.share - a.share).slice(0, cpus.size + MORE_USERS);
  }

  schedulingOf(thread: RunnableThread): Scheduling | undefined {
    if (!this.#scheduling.has(thread)) {
      this.#scheduling.set(thread, readScheduling(this.#proc, thread.process.pid, thread.tid));
    }
    return this.#scheduling.get(thread);
  }

  #isOn(thread: RunnableThread, cpus: ReadonlySet<number>): boolean {
    const cpu = this.schedulingOf(thread)?.cpu;
    return cpu !== undefined && cpus.has(cpu);
  }
}
