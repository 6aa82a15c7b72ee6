/**
 * Namespaces: which one a process is in, and a look from inside a network namespace at what only shows there.
 * namespaces(7), setns(2).
 */
import { closeSync, openSync, readlinkSync } from "node:fs";

/** `net:[4026531840]`: the same text, the same namespace. Undefined where we may not see, or the process is gone. */
export function namespaceOf(proc: string, pid: number, kind: "net" | "pid" | "ipc" | "mnt"): string | undefined {
  try {
    return readlinkSync(`${proc}/${pid}/ns/${kind}`) || undefined;
  } catch {
    return undefined;
  }
}

const CLONE_NEWNET = 0x40000000;

/**
 * Runs `look` with this thread in the network namespace that `link` (/proc/PID/ns/net) stands for; undefined where we
 * may not enter it. Everything else that runs on this thread meanwhile is in there as well: only for a process of its
 * own (helper.ts), one call at a time. Threads that exist already stay where they are.
 */
export async function inNetNamespace<T>(link: string, look: () => Promise<T>): Promise<T | undefined> {
  // Who is there already needs no right to enter it.
  if (readlinkSync(link) === readlinkSync("/proc/thread-self/ns/net")) return look();
  const setns = await loadSetns();
  const home = openSync("/proc/thread-self/ns/net", "r");
  try {
    const there = openSync(link, "r");
    try {
      if (setns(there, CLONE_NEWNET) !== 0) return undefined;
    } finally {
      closeSync(there);
    }
    return await look();
  } finally {
    setns(home, CLONE_NEWNET);
    closeSync(home);
  }
}

async function loadSetns(): Promise<(fd: number, kind: number) => number> {
  const { default: koffi } = await import("koffi");
  return koffi.load(null).func("int setns(int, int)");
}
