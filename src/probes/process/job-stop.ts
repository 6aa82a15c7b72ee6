/**
 * Why a stopped process is stopped, as far as it shows. The kernel does not keep the signal for us, but a background
 * job that touches its terminal is stopped in the call by which it did, and made to repeat it: continued where it is,
 * it stops again. setpgid(2), termios(3) tostop; drivers/tty/tty_jobctrl.c __tty_check_change.
 */
import { readFd } from "../../kernel/fds.ts";
import { readStat, readText, taskFile, type Stat } from "../../kernel/procfs.ts";
import { parseSyscall, syscallName } from "../../kernel/syscalls.ts";
import { terminalName, TERMINAL } from "./terminal-name.ts";

export interface JobStop {
  source: string;
  observed: string;
  /** Of a background job: the leader of its session, the shell whose `fg` lets it go on. */
  shell: number | undefined;
  /** It was stopped because it read from or wrote to its terminal. */
  byTerminal: boolean;
  /** `SIGSTOP from bash (123)`, where that was seen. */
  sent?: string | undefined;
}

/** Those that a background job may not use on its terminal. */
const TERMINAL_CALLS: ReadonlySet<string> = new Set(["read", "readv", "write", "writev", "ioctl"]);

export function stopOf(proc: string, pid: number): JobStop | undefined {
  const stat = readStat(proc, pid);
  if (stat === undefined) return undefined;
  const shell = shellOf(proc, stat);
  const call = shell === undefined ? undefined : callOnTerminal(proc, pid);
  if (call !== undefined) return { source: `/proc/${pid}/syscall`, observed: call, shell, byTerminal: true };
  const job = shell === undefined ? "" : `, a background job on ${terminalName(stat.ttyNr)}`;
  return { source: `/proc/${pid}/stat`, observed: `state T (stopped)${job}`, shell, byTerminal: false };
}

/** Undefined where it is in the foreground, has no terminal, or is the leader itself. */
function shellOf(proc: string, { pid, ttyNr, pgrp, tpgid, session }: Stat): number | undefined {
  if (ttyNr === 0 || tpgid <= 0 || pgrp === tpgid || session === pid || session <= 0) return undefined;
  const leader = readStat(proc, session);
  return leader === undefined || "ZX".includes(leader.state) ? undefined : session;
}

function callOnTerminal(proc: string, pid: number): string | undefined {
  const entry = parseSyscall(readText(taskFile(proc, pid, undefined, "syscall")) ?? "");
  if (entry === undefined || "running" in entry || entry.is32Bit) return undefined;
  const name = syscallName(entry.nr);
  const fd = Number(BigInt.asIntN(32, entry.args[0] ?? -1n));
  if (name === undefined || !TERMINAL_CALLS.has(name)) return undefined;
  const target = readFd(proc, pid, fd);
  return target !== undefined && TERMINAL.test(target)
    ? `stopped in ${name}(${fd}, …) of ${target}, in the background`
    : undefined;
}
