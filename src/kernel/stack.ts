/** A thread's kernel stack as the names of its functions, the innermost first: /proc/PID/task/TID/stack, for root only. */
import { readText } from "./procfs.ts";

const STACK_BYTES = 8192;

/** Undefined where we may not see it, or the thread is gone; empty where the thread is in user space. */
export function readStack(proc: string, pid: number, tid: number): string[] | undefined {
  const text = readText(`${proc}/${pid}/task/${tid}/stack`, STACK_BYTES);
  return text === undefined ? undefined : parseStack(text);
}

/** `[<0>] folio_wait_bit+0xd6/0x220 [ext4]`; older kernels show an address, and end in a line without a name. */
export function parseStack(text: string): string[] {
  const functions: string[] = [];
  for (const line of text.split("\n")) {
    const name = /^\[<[0-9a-fx]+>\] ([\w.]+)/.exec(line)?.[1];
    // What the compiler split off a function (.isra.0, .constprop.0, .part.0, .cold) is that function.
    if (name !== undefined && !name.startsWith("0x")) functions.push(name.replace(/\..*$/, ""));
  }
  return functions;
}
