/**
 * What one blocked thread is doing, as the kernel tells it: the system call, its arguments, the wait channel, and which
 * open file it is about. What that file is, and who has its other end, is for the wait resolvers.
 */
import { readFd } from "../../kernel/fds.ts";
import { PF_EXITING, readStat, readText, taskFile } from "../../kernel/procfs.ts";
import { readStack } from "../../kernel/stack.ts";
import { parseSyscall, syscallName } from "../../kernel/syscalls.ts";
import { fileUseOf, type FdUse, type MemoryReader } from "./file-use.ts";

export interface BlockedTask {
  pid: number;
  tid: number;
  /** Whose folder in /proc shows its memory and files: a main thread that has ended shows them no more. */
  via: number;
  kthread: boolean;
  comm: string;
  /** D: only what it waits for ends the wait, no signal does. */
  state: "S" | "D";
  /** It is on its way out: whatever call it was in, it has left. */
  exiting: boolean;
  sinceMs: number;
  /** Undefined: in none, or we may not see it; `blind` tells which. */
  syscall: { name: string; args: readonly bigint[]; stackPointer: bigint } | undefined;
  /** Kernel function it sleeps in; empty where not told. Its spelling differs between kernels: a second source only. */
  wchan: string;
  /** The kernel functions it is in, the innermost first, read when first asked for; undefined where we may not see. */
  stack(): readonly string[] | undefined;
  /** What it does to which open file, where the call is about one. */
  file: (FdUse & { target: string }) | undefined;
  /** Codes of what could not be seen. */
  blind: string[];
}

/** Undefined where the thread is gone or doesn't wait (any more). */
export async function readBlockedTask(
  proc: string,
  thread: { pid: number; tid: number; kthread: boolean; sinceMs: number },
  memory: MemoryReader,
): Promise<BlockedTask | undefined> {
  const { pid, tid, kthread } = thread;
  const stat = readStat(proc, pid, tid);
  if (stat === undefined || (stat.state !== "D" && (stat.state !== "S" || kthread))) return undefined;
  const wchan = readWchan(proc, pid, tid);
  const exiting = (stat.flags & PF_EXITING) !== 0;
  let stack: readonly string[] | undefined | null = null;
  const task: BlockedTask = {
    ...thread,
    via: tid === pid || readStat(proc, pid)?.state !== "Z" ? pid : tid,
    comm: stat.comm,
    state: stat.state,
    exiting,
    syscall: undefined,
    wchan,
    stack: () => (stack === null ? (stack = readStack(proc, pid, tid)) : stack),
    file: undefined,
    blind: [],
  };
  if (kthread || exiting) return task;

  const text = readText(taskFile(proc, pid, tid, "syscall"));
  const entry = text === undefined ? undefined : parseSyscall(text);
  if (entry === undefined) return { ...task, blind: ["syscall"] };
  if ("running" in entry) return undefined;
  if (entry.nr === -1 || entry.is32Bit) return task;
  const name = syscallName(entry.nr) ?? `${entry.nr}`;
  task.syscall = {
    name: name === "restart_syscall" ? (restarted(wchan) ?? name) : name,
    args: entry.args,
    stackPointer: entry.stackPointer,
  };

  const use = await fileUseOf(task.syscall, wchan, (address, length) => memory(task.via, address, length));
  if (use !== undefined) {
    const target = readFd(proc, task.via, use.fd);
    if (target === undefined) task.blind.push("fds");
    else task.file = { ...use, target };
  }
  return task;
}

/** The first of the kernel functions it is in that is named like this; asked of the wait channel alone without a stack. */
export function kernelFunction({ wchan, stack }: BlockedTask, named: RegExp): string | undefined {
  return named.test(wchan) ? wchan : stack()?.find((name) => named.test(name));
}

/** `read(3, …) in anon_pipe_read`, for the evidence. */
export function callText({ syscall, wchan }: BlockedTask): string {
  const where = wchan === "" ? "" : `in ${wchan}`;
  if (syscall === undefined) return where === "" ? "wait channel not shown" : where;
  const first = syscall.args[0];
  return `${syscall.name}(${first === undefined ? "" : argumentText(first)}, …) ${where}`.trimEnd();
}

/** No descriptor or pid is greater (PID_MAX_LIMIT); what is, is an address. */
const MAX_NUMBER = 1 << 22;

/** -1 comes as 32 bits or as 64. */
function argumentText(register: bigint): string {
  const number = int32(register);
  const isInt = register <= 0xffffffffn || BigInt.asIntN(64, register) === BigInt(number);
  return isInt && number <= MAX_NUMBER ? String(number) : `0x${register.toString(16)}`;
}

/** A register as the C `int` that the call takes from it. */
export function int32(register: bigint): number {
  return Number(BigInt.asIntN(32, register));
}

/** "0" stands for: runs, is none of our business, or has no symbol. */
function readWchan(proc: string, pid: number, tid: number): string {
  const text = readText(taskFile(proc, pid, tid, "wchan"))?.trim() ?? "";
  return text === "0" ? "" : text;
}

/**
 * After a stop and a SIGCONT, sleeps, polls and futex waits go on as restart_syscall, with the argument registers
 * unchanged (restart_syscall(2)); only the wait channel still tells which call it was. That of a restarted sleep is not
 * its own: do_nanosleep counts as a part of the scheduler, which wait channels leave out (kernel/time/hrtimer.c).
 */
function restarted(wchan: string): string | undefined {
  if (wchan === "") return undefined;
  if (wchan.includes("poll")) return "poll";
  return wchan.includes("futex") ? "futex" : "clock_nanosleep";
}
