/**
 * Whether a thread has run since one last looked, at the price of one small file and without making a text of it.
 * This is what the sampler does for every thread of the machine, every second.
 */
import { closeSync, openSync, readSync } from "node:fs";
import { readStatus, taskFile } from "./procfs.ts";

/** Two that are equal, of the same thread, and not runnable at either: it has not run in between. */
export interface Pulse {
  /** Nanoseconds on a CPU. */
  ranNs: number;
  /** How often it was given one. */
  switches: number;
}

const SPACE = 32;
const DIGIT_ZERO = 48;

const scratch = Buffer.allocUnsafeSlow(128);

/**
 * Out of schedstat: `<ns on cpu> <ns waiting for a cpu> <timeslices>`. A kernel without CONFIG_SCHED_INFO prints
 * `0 0 0` there (fs/proc/base.c), and then status' context switches serve. Undefined where the thread is gone.
 */
export function readPulse(proc: string, pid: number, tid: number): Pulse | undefined {
  const length = fill(taskFile(proc, pid, tid, "schedstat"));
  const first = length <= 0 ? -1 : scratch.indexOf(SPACE);
  const second = first < 0 ? -1 : scratch.indexOf(SPACE, first + 1);
  if (second < 0 || second >= length) return undefined;
  const switches = numberAt(second + 1, length);
  if (switches > 0) return { ranNs: numberAt(0, length), switches };
  const counted = readStatus(proc, pid, tid)?.switches;
  return counted === undefined ? undefined : { ranNs: 0, switches: counted };
}

/** How many bytes of the file are in `scratch`; -1 where it cannot be read. */
function fill(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return -1;
  }
  try {
    return readSync(fd, scratch, 0, scratch.length, null);
  } catch {
    return -1;
  } finally {
    closeSync(fd);
  }
}

function numberAt(start: number, end: number): number {
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = (scratch[at] as number) - DIGIT_ZERO;
    if (digit < 0 || digit > 9) break;
    number = number * 10 + digit;
  }
  return number;
}
