/** Which system call a thread is in: /proc/PID/task/TID/syscall. Numbers differ by architecture; names do not. */
import { SYSCALLS } from "./syscall-table.ts";

export interface SyscallEntry {
  /** -1: blocked, but not in a system call (a page fault, a stop on the way back to user space). */
  nr: number;
  /** The six argument registers; empty outside a system call. */
  args: bigint[];
  /** In user space. */
  stackPointer: bigint;
  /**
   * Stack and program counter both lie below 4 GiB: a 32-bit program on a 64-bit kernel, whose numbers are those of
   * another table. `syscallName` must not be asked then.
   */
  is32Bit: boolean;
}

const ARGUMENTS = 6;
const FOUR_GIB = 1n << 32n;
const ENTRY = /^-?\d+(?: 0x[0-9a-f]+)*$/;

/** fs/proc/base.c, proc_pid_syscall: `running`, `-1 <sp> <pc>` or `<nr> <six arguments> <sp> <pc>`. */
export function parseSyscall(text: string): { running: true } | SyscallEntry | undefined {
  const line = text.trimEnd();
  if (line === "running") return { running: true };
  if (!ENTRY.test(line)) return undefined;
  const words = line.split(" ");
  const nr = Number(words[0]);
  const values = words.slice(1).map(BigInt);
  const expected = nr === -1 ? 2 : ARGUMENTS + 2;
  if (values.length !== expected) return undefined;
  const [stack, programCounter] = values.slice(-2) as [bigint, bigint];
  return { nr, args: values.slice(0, -2), stackPointer: stack, is32Bit: stack < FOUR_GIB && programCounter < FOUR_GIB };
}

/** The name of a system call that can block; undefined for any other, and on an architecture not in the table. */
export function syscallName(nr: number, arch: string = process.arch): string | undefined {
  return NAMES[arch]?.get(nr);
}

const NAMES: Record<string, ReadonlyMap<number, string>> = {
  x64: new Map(SYSCALLS.map(([name, x64]) => [x64, name])),
  arm64: new Map(SYSCALLS.map(([name, , arm64]) => [arm64, name])),
};
for (const names of Object.values(NAMES)) (names as Map<number, string>).delete(-1);
