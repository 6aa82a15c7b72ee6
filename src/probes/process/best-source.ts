/**
 * The task source that this machine allows: the eBPF iterator, or /proc, with the reason why not the better one. Where
 * the better one fails in mid-run, the other takes over, and goes on as if it had been there all the time.
 */
import type { KernelLock } from "../../kernel/bpf-tasks.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import { ebpfKeptOut } from "../ebpf-choice.ts";
import { BpfSource } from "./bpf-source.ts";
import { ProcfsSource } from "./procfs-source.ts";
import type { ProcessSample, TaskSource } from "./task.ts";

const NO_LOCKS: ReadonlyMap<number, KernelLock> = new Map();

interface BestOptions {
  env?: NodeJS.ProcessEnv;
  openBpf?(proc: string): Promise<BpfSource>;
}

export class BestSource implements TaskSource {
  readonly #log: Log;
  readonly #procfs: ProcfsSource;
  #bpf: BpfSource | undefined;
  #reason: string | null = null;

  private constructor(proc: string, log: Log) {
    this.#log = log;
    this.#procfs = new ProcfsSource(proc);
  }

  static async open(proc: string, log: Log, { env = process.env, openBpf = BpfSource.open }: BestOptions = {}) {
    const source = new BestSource(proc, log);
    const keptOut = ebpfKeptOut(proc, env);
    if (keptOut === undefined) await source.#try(() => openBpf(proc));
    else source.#reason = keptOut;
    return source;
  }

  get backend(): string {
    return this.#bpf?.backend ?? this.#procfs.backend;
  }

  /** Why it is not eBPF; null where it is. */
  get reason(): string | null {
    return this.#reason;
  }

  async snapshot(now: () => number): Promise<ProcessSample[]> {
    if (this.#bpf === undefined) return this.#procfs.snapshot(now);
    try {
      return await this.#bpf.snapshot(now);
    } catch (error) {
      this.#fallBack(error);
      return this.#procfs.snapshot(now);
    }
  }

  sample(pid: number, nowMs: number): Promise<ProcessSample | undefined> {
    return this.#procfs.sample(pid, nowMs);
  }

  async kernelLocks(): Promise<ReadonlyMap<number, KernelLock>> {
    try {
      return (await this.#bpf?.kernelLocks()) ?? NO_LOCKS;
    } catch {
      // The next snapshot meets the same failure, and falls back.
      return NO_LOCKS;
    }
  }

  close(): void {
    this.#bpf?.close();
    this.#bpf = undefined;
  }

  async #try(open: () => Promise<BpfSource>): Promise<void> {
    try {
      this.#bpf = await open();
      // A program that loads and then shows nothing would be worse than none.
      if ((await this.#bpf.snapshot(() => Date.now())).length === 0) throw new Error("the iterator shows no task");
    } catch (error) {
      this.#fallBack(error);
    }
  }

  #fallBack(error: unknown): void {
    this.#reason = messageOf(error);
    this.#log(`reads /proc instead of eBPF: ${this.#reason}`);
    this.close();
  }
}
