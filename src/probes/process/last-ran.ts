/** When a thread last ran, for one that was blocked already when it was first seen. */
import { readText, taskFile } from "../../kernel/procfs.ts";

const HEAD_BYTES = 512;

/**
 * /proc/PID/sched names the run-queue clock (ms) at which the thread last left the CPU; ours, read now, is the present.
 * Undefined where the kernel has no such file (no CONFIG_SCHED_DEBUG). The clocks of two CPUs may drift apart by the
 * time spent in interrupts: good for "since three hours", not for milliseconds.
 */
export function lastRanMs(proc: string, pid: number, tid: number, nowMs: number): number | undefined {
  const ran = parseExecStart(readText(taskFile(proc, pid, tid, "sched"), HEAD_BYTES));
  const present = parseExecStart(readText(`${proc}/self/sched`, HEAD_BYTES));
  if (ran === undefined || present === undefined || ran > present) return undefined;
  return Math.floor(nowMs - (present - ran));
}

function parseExecStart(text: string | undefined): number | undefined {
  const value = /^se\.exec_start\s*:\s*(\d+\.\d+)$/m.exec(text ?? "")?.[1];
  return value === undefined ? undefined : Number(value);
}
