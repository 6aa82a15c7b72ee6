/**
 * Who has a pipe or socket open: one walk over every /proc/PID/fd, or what an eBPF iterator shows, turned round.
 * It is a snapshot, taken over some milliseconds: whoever acts on it looks at the fd again.
 */
import { readdirSync, readlinkSync } from "node:fs";
import type { BpfFiles, OpenPipeOrSocket } from "./bpf-files.ts";
import { hidesProcesses, listPids, PF_KTHREAD, readStat, readTids } from "./procfs.ts";

export interface FdHolder {
  pid: number;
  fd: number;
}

export interface FdIndexOptions {
  /** Files by path too, where a FIFO or a file lock is asked about. A path means what its opener's mounts make of it. */
  paths?: boolean;
  /** Of these processes only. */
  pids?: readonly number[];
  /** The event loop is let in after so many milliseconds of walking. */
  sliceMs?: number;
  /** Read instead of walking, where it can be; it knows no paths. */
  files?: Pick<BpfFiles, "read" | "shown"> | undefined;
}

/** A server's million sockets cost about 150 MB; processes met after that count as unreadable. */
const MAX_ENTRIES = 1 << 20;
/** How many fds are read between two looks at the clock. */
const FDS_PER_LOOK = 64;

export class FdIndex {
  readonly #holders = new Map<string, FdHolder[]>();
  readonly #unreadable: number[] = [];
  readonly #paths: boolean;
  #entries = 0;

  private constructor(paths: boolean) {
    this.#paths = paths;
  }

  static async build(proc: string, { paths = false, pids, sliceMs = 4, files }: FdIndexOptions = {}): Promise<FdIndex> {
    const slice = new Slice(sliceMs);
    if (files !== undefined && !paths && pids === undefined) {
      try {
        return await FdIndex.#read(proc, files, slice);
      } catch {
        // The kernel does not go on, or eBPF was shut down in mid-run: /proc tells the same.
      }
    }
    const index = new FdIndex(paths);
    await index.#walk(proc, pids ?? (await listPids(proc)), slice);
    return index;
  }

  static async #read(proc: string, files: NonNullable<FdIndexOptions["files"]>, slice: Slice): Promise<FdIndex> {
    const index = new FdIndex(false);
    // In this order, so that whoever comes meanwhile is not taken for one that the iterator hides.
    const pids = await listPids(proc);
    const shown = await files.shown();
    for await (const part of files.read()) {
      for (const open of part) index.#take(open);
      if (slice.isOver) await slice.next();
    }
    await index.#walk(
      proc,
      pids.filter((pid) => !shown.has(pid)),
      slice,
    );
    return index;
  }

  /** Every fd that names `target`, as readlink prints it: `pipe:[123]`. */
  holders(target: string): readonly FdHolder[] {
    return this.#holders.get(target) ?? [];
  }

  /** Every pipe, socket or path that is open, and by whom. */
  entries(): Iterable<[target: string, holders: readonly FdHolder[]]> {
    return this.#holders;
  }

  /** Processes that may hold anything, because their fds could not be listed. */
  get unreadable(): readonly number[] {
    return this.#unreadable;
  }

  async #walk(proc: string, pids: readonly number[], slice: Slice): Promise<void> {
    // Whoever does not show may hold anything.
    if (hidesProcesses(proc)) this.#unreadable.push(1);
    for (const pid of pids) {
      const table = openTable(proc, pid);
      if (table === "hidden" || (table !== "gone" && this.#entries >= MAX_ENTRIES)) this.#unreadable.push(pid);
      if (typeof table === "string") continue;
      if (!(await this.#addAll(pid, table, slice))) this.#unreadable.push(pid);
    }
  }

  /** False where not all of them can be told: whoever may not read one name of a process may read none of it. */
  async #addAll(pid: number, { folder, fds }: OpenTable, slice: Slice): Promise<boolean> {
    for (let at = 0; at < fds.length; at += FDS_PER_LOOK) {
      for (const fd of fds.slice(at, at + FDS_PER_LOOK)) {
        if (!this.#add(pid, Number(fd), `${folder}/${fd}`)) return false;
      }
      if (slice.isOver) await slice.next();
    }
    return true;
  }

  #take({ pid, tid, fd, target }: OpenPipeOrSocket): void {
    if (this.#entries >= MAX_ENTRIES) {
      if (this.#unreadable.at(-1) !== pid) this.#unreadable.push(pid);
      return;
    }
    const isAgain = tid !== pid && this.holders(target).some((holder) => holder.pid === pid && holder.fd === fd);
    if (!isAgain) this.#hold(target, { pid, fd });
  }

  /** False where the index is full, or we may not read the name: our own uid's fds are listed without the right to trace. */
  #add(pid: number, fd: number, link: string): boolean {
    if (this.#entries >= MAX_ENTRIES) return false;
    let target: string;
    try {
      target = readlinkSync(link);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code !== "EACCES";
    }
    const shared = target.startsWith("pipe:[") || target.startsWith("socket:[");
    if (!shared && !(this.#paths && target.startsWith("/"))) return true;
    this.#hold(target, { pid, fd });
    return true;
  }

  #hold(target: string, holder: FdHolder): void {
    this.#entries += 1;
    const holders = this.#holders.get(target);
    if (holders === undefined) this.#holders.set(target, [holder]);
    else holders.push(holder);
  }
}

/** The event loop is let in when one is over. */
class Slice {
  readonly #ms: number;
  #endMs: number;

  constructor(ms: number) {
    this.#ms = ms;
    this.#endMs = performance.now() + ms;
  }

  get isOver(): boolean {
    return performance.now() >= this.#endMs;
  }

  async next(): Promise<void> {
    await new Promise(setImmediate);
    this.#endMs = performance.now() + this.#ms;
  }
}

/** The fd names of a process. */
interface OpenTable {
  folder: string;
  fds: string[];
}

/** `hidden` where we may not list them. */
function openTable(proc: string, pid: number): OpenTable | "gone" | "hidden" {
  const folder = `${proc}/${pid}/fd`;
  try {
    const fds = readdirSync(folder);
    return fds.length > 0 ? { folder, fds } : siblingTable(proc, pid);
  } catch (error) {
    // EPERM is hidepid=1: then its stat cannot be read either.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM") return "gone";
    const stat = readStat(proc, pid);
    if (stat === undefined) return code === "EPERM" ? "hidden" : "gone";
    const holdsNone = stat.state === "Z" || (stat.flags & PF_KTHREAD) !== 0;
    return holdsNone ? "gone" : "hidden";
  }
}

/** A main thread that has exited has no fd table any more; the threads it left still have theirs. */
function siblingTable(proc: string, pid: number): OpenTable | "gone" {
  for (const tid of readTids(proc, pid)) {
    if (tid === pid) continue;
    const folder = `${proc}/${pid}/task/${tid}/fd`;
    try {
      return { folder, fds: readdirSync(folder) };
    } catch {
      // This thread has exited too.
    }
  }
  return "gone";
}
