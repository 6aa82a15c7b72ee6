/** Pressure stall information: for how much of the time somebody had to wait. Documentation/accounting/psi.rst. */
import { readText } from "./procfs.ts";

/** In percent of the last ten seconds. */
export interface Pressure {
  /** At least one task waited. */
  some: number;
  /** All that were not idle waited. */
  full: number;
}

/** How long they waited since the machine or cgroup came. */
export interface Stalls {
  someUs: number;
  /** Undefined where the kernel does not tell: of the machine's CPUs, where it means nothing. */
  fullUs: number | undefined;
}

/** /proc/pressure/memory, or a v2 cgroup's memory.pressure; undefined where the kernel does not tell. */
export function readPressure(file: string): Pressure | undefined {
  const text = readText(file);
  return text === undefined ? undefined : parsePressure(text);
}

export function parsePressure(text: string): Pressure | undefined {
  const average = (line: string) => new RegExp(`^${line} avg10=(\\d+\\.\\d+) `, "m").exec(text)?.[1];
  const some = average("some");
  return some === undefined ? undefined : { some: Number(some), full: Number(average("full") ?? 0) };
}

export function parseStalls(text: string): Stalls | undefined {
  const total = (line: string) => new RegExp(`^${line} .*\\btotal=(\\d+)\\n`, "m").exec(text)?.[1];
  const some = total("some");
  const full = total("full");
  return some === undefined
    ? undefined
    : { someUs: Number(some), fullUs: full === undefined ? undefined : Number(full) };
}
