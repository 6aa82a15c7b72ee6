/**
 * One process of a tree that is being ended: who it is, whether it still lives, and the only place that sends it a
 * signal. It must not know which processes make up the tree, nor why a signal is sent.
 */
import { readStat, readTids, type Stat } from "../kernel/procfs.ts";

export interface Member {
  pid: number;
  /** With the pid, the identity: a pid alone is soon somebody else's. */
  startTicks: number;
  ppid: number;
  comm: string;
}

export type Delivery = "sent" | "gone" | "denied";

/**
 * Sends `signal` if the pid is still that process. Node offers no pidfd (pidfd_send_signal(2)), so a window of
 * microseconds stays between the check and kill(2); the pid would have to be freed and dealt out again within it.
 */
export function deliver(proc: string, member: Member, signal: number): Delivery {
  // kill(2) takes 0 and -1 for "my group" and "everybody".
  if (member.pid <= 1) throw new RangeError(`no signal is ever sent to pid ${member.pid}`);
  if (readSame(proc, member) === undefined) return "gone";
  try {
    process.kill(member.pid, signal);
    return "sent";
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ESRCH") return "gone";
    if (code === "EPERM") return "denied";
    throw error;
  }
}

/**
 * Sends `signal` to a process group at once. The kernel holds back a fork in it that is under way, so that the child
 * gets the signal too (copy_process, kernel/fork.c): that catches who forks and exits faster than /proc can be read.
 * `group` must have been seen just now; pids are dealt out in turn, so that it cannot be another's within milliseconds.
 */
export function deliverToGroup(group: number, signal: number): void {
  if (group <= 1) throw new RangeError(`no signal is ever sent to group ${group}`);
  try {
    process.kill(-group, signal);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== "ESRCH" && code !== "EPERM") throw error;
  }
}

/**
 * The threads that have not exited. None: the process is dead, reaped or not. A zombie main thread alone proves
 * nothing, as the others live on after its pthread_exit(3).
 */
export function livingThreads(proc: string, member: Member): Stat[] {
  const main = readSame(proc, member);
  if (main === undefined) return [];
  const threads: Stat[] = isDead(main) ? [] : [main];
  if (main.threads <= 1 && threads.length === 1) return threads;
  for (const tid of readTids(proc, member.pid)) {
    if (tid === member.pid) continue;
    const thread = readStat(proc, member.pid, tid);
    if (thread !== undefined && !isDead(thread)) threads.push(thread);
  }
  return threads;
}

export function lives(proc: string, member: Member): boolean {
  const main = readSame(proc, member);
  return main !== undefined && (!isDead(main) || livingThreads(proc, member).length > 0);
}

/** The process's stat; undefined where it is gone or its pid is another's by now. */
export function readSame(proc: string, member: Member): Stat | undefined {
  const stat = readStat(proc, member.pid);
  return stat?.startTicks === member.startTicks ? stat : undefined;
}

function isDead(stat: Stat): boolean {
  return stat.state === "Z" || stat.state === "X";
}
