/**
 * Whether a pid that the driver told is the process that /proc has by that number. The driver counts in the machine's
 * first pid namespace, older ones also towards a container; a pid may have been taken over by another process, too.
 */
import { readlinkSync } from "node:fs";
import { listFds } from "../../kernel/fds.ts";
import { readStat, readText, readTids } from "../../kernel/procfs.ts";
import type { LoggedXid } from "../../kernel/nvml-log.ts";

/** include/linux/proc_ns.h, PROC_PID_INIT_INO */
const FIRST_PID_NAMESPACE = "pid:[4026531836]";
const NVIDIA_FILE = /\/nvidia(?:\d+|ctl|-uvm)$/;
const MAX_THREADS = 1024;
const MAX_KNOWN = 4096;

interface Known {
  startTicks: number;
  comm: string;
  isOnGpu: boolean;
}

export class GpuProcesses {
  readonly #proc: string;
  readonly #sharesNumbers: boolean;
  readonly #known = new Map<number, Known>();

  constructor(proc = "/proc") {
    this.#proc = proc;
    this.#sharesNumbers = namespaceOf(proc) === FIRST_PID_NAMESPACE;
  }

  /** Whether the process lives and, as far as can be seen, is the one that the driver means. */
  has(pid: number): boolean {
    if (!(pid > 0)) return false;
    const stat = readStat(this.#proc, pid);
    if (stat === undefined) return false;
    const known = this.#known.get(pid);
    if (known !== undefined && known.startTicks === stat.startTicks) return known.isOnGpu;
    const isOnGpu = this.#sharesNumbers || this.#hasGpuOpen(pid);
    this.#remember(pid, { startTicks: stat.startTicks, comm: stat.comm, isOnGpu });
    return isOnGpu;
  }

  /**
   * The process that a line of the log names, dead or alive: one that was seen on a GPU, or one that is there and has
   * the name that the line gives it. Undefined where that cannot be shown.
   */
  named({ pid, name }: Pick<LoggedXid, "pid" | "name">): number | undefined {
    if (pid === undefined) return undefined;
    const before = this.#known.get(pid);
    const stat = readStat(this.#proc, pid);
    const isGone = stat === undefined || stat.startTicks !== before?.startTicks;
    if (isGone && before?.isOnGpu === true && (name === undefined || name === before.comm)) return pid;
    if (stat === undefined || !this.has(pid)) return undefined;
    return name === undefined || this.#goesBy(pid, name) ? pid : undefined;
  }

  /** A thread may have a name of its own. */
  #goesBy(pid: number, name: string): boolean {
    const tids = readTids(this.#proc, pid).slice(0, MAX_THREADS);
    return tids.some((tid) => readText(`${this.#proc}/${pid}/task/${tid}/comm`)?.trimEnd() === name);
  }

  /** True where its files may not be seen: then nothing speaks against it. */
  #hasGpuOpen(pid: number): boolean {
    const fds = listFds(this.#proc, pid);
    return fds === undefined || fds.some(({ target }) => NVIDIA_FILE.test(target));
  }

  #remember(pid: number, known: Known): void {
    this.#known.delete(pid);
    this.#known.set(pid, known);
    const oldest = this.#known.keys().next().value;
    if (this.#known.size > MAX_KNOWN && oldest !== undefined) this.#known.delete(oldest);
  }
}

function namespaceOf(proc: string): string | undefined {
  try {
    return readlinkSync(`${proc}/self/ns/pid`);
  } catch {
    return undefined;
  }
}
