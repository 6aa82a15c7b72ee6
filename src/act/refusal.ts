/** What is never ended, and the look at a pid that tells. The sentences for a refusal are the views'. */
import { PF_KTHREAD, readPids, readStat, readText, type Stat } from "../kernel/procfs.ts";

export type RefusalKind =
  /** Detail: the pid. */
  | "no_such_process"
  /** The pid is another process's by now. */
  | "reused"
  /** A thread's id; detail: the process it belongs to. */
  | "thread"
  | "init"
  | "kernel_thread"
  | "self"
  /** xctl runs under it. */
  | "ancestor"
  /** Another user's. */
  | "denied"
  /** No /proc to see a tree in. */
  | "unsupported";

export class ZapRefused extends Error {
  override readonly name = "ZapRefused";
  readonly kind: RefusalKind;
  readonly pid: number;
  readonly comm: string;
  readonly detail: string;

  constructor(kind: RefusalKind, pid: number, comm = "", detail = "") {
    super(`${kind}: pid ${pid}`);
    this.kind = kind;
    this.pid = pid;
    this.comm = comm;
    this.detail = detail;
  }
}

export interface Target {
  pid: number;
  /** Where given, the process must have started at this tick, or it is refused as another one. */
  startTicks?: number;
}

/** The target's stat and the pids that must never join its tree. Throws ZapRefused. */
export function admitTarget(proc: string, { pid, startTicks }: Target): { root: Stat; spared: ReadonlySet<number> } {
  const denied = isDenied(pid);
  if (denied === undefined) throw new ZapRefused("no_such_process", pid, "", String(pid));
  const root = readStat(proc, pid);
  if (root === undefined) throw new ZapRefused(denied ? "denied" : "unsupported", pid);
  if (startTicks !== undefined && startTicks !== root.startTicks) throw new ZapRefused("reused", pid, root.comm);
  if (pid === 1) throw new ZapRefused("init", pid, root.comm);
  if ((root.flags & PF_KTHREAD) !== 0) throw new ZapRefused("kernel_thread", pid, root.comm);
  // /proc/TID opens though a listing of /proc does not show it.
  const tgid = Number(/^Tgid:\t(\d+)$/m.exec(readText(`${proc}/${pid}/status`) ?? "")?.[1] ?? pid);
  if (tgid !== pid) throw new ZapRefused("thread", pid, root.comm, String(tgid));
  if (pid === process.pid) throw new ZapRefused("self", pid, root.comm);
  const spared = new Set([1, process.pid, ...ancestors(proc)]);
  if (spared.has(pid)) throw new ZapRefused("ancestor", pid, root.comm);
  if (denied) throw new ZapRefused("denied", pid, root.comm);
  return { root, spared };
}

/** By kill(2): undefined where it knows no such process. It may know one that /proc mounted with hidepid= hides. */
function isDenied(pid: number): boolean | undefined {
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? true : undefined;
  }
}

function ancestors(proc: string): number[] {
  const chain: number[] = [];
  const limit = readPids(proc).length + 1;
  let pid = readStat(proc, process.pid)?.ppid ?? process.ppid;
  while (pid > 0 && chain.length < limit) {
    chain.push(pid);
    pid = readStat(proc, pid)?.ppid ?? 0;
  }
  return chain;
}
