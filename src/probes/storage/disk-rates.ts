/** What a disk did between two looks, and whether it answers slowly. Pure: two looks in, figures out. */
import type { DiskStats } from "../../kernel/diskstats.ts";

export interface DiskRates {
  seconds: number;
  /** Reads and writes completed, a second. */
  iops: number;
  readBytesPerSecond: number;
  writeBytesPerSecond: number;
  /** Requests in flight, on average. */
  queueDepth: number;
  /** Of the time, that it had any. */
  busyPercent: number;
  /** Requests that it answered, of all kinds. */
  answered: number;
  /** How long one took; undefined where none was completed. */
  readAwaitMs: number | undefined;
  writeAwaitMs: number | undefined;
  awaitMs: number | undefined;
}

/** Undefined where a counter went backwards: another device has the name, or a counter of 32 bits ran over. */
export function ratesBetween(before: DiskStats, now: DiskStats, elapsedMs: number): DiskRates | undefined {
  const change = (pick: (stats: DiskStats) => number) => pick(now) - pick(before);
  const reads = change((stats) => stats.reads);
  const writes = change((stats) => stats.writes);
  const readMs = change((stats) => stats.readMs);
  const writeMs = change((stats) => stats.writeMs);
  const readBytes = change((stats) => stats.readBytes);
  const writeBytes = change((stats) => stats.writeBytes);
  const busyMs = change((stats) => stats.busyMs);
  const weightedMs = change((stats) => stats.weightedMs);
  const others = change((stats) => (stats.discards?.count ?? 0) + (stats.flushes?.count ?? 0));
  const changes = [reads, writes, readMs, writeMs, readBytes, writeBytes, busyMs, weightedMs, others];
  if (!(elapsedMs > 0) || changes.some((it) => it < 0)) return undefined;
  const seconds = elapsedMs / 1000;
  return {
    seconds,
    iops: (reads + writes) / seconds,
    readBytesPerSecond: readBytes / seconds,
    writeBytesPerSecond: writeBytes / seconds,
    queueDepth: weightedMs / elapsedMs,
    busyPercent: Math.min(100, (100 * busyMs) / elapsedMs),
    answered: reads + writes + others,
    readAwaitMs: forEach(readMs, reads),
    writeAwaitMs: forEach(writeMs, writes),
    awaitMs: forEach(readMs + writeMs, reads + writes),
  };
}

function forEach(ms: number, count: number): number | undefined {
  return count === 0 ? undefined : ms / count;
}

/** Far above what a busy disk of the kind takes for a request, its queue included. */
const SLOW_ROTATING_MS = 500;
const SLOW_FLASH_MS = 200;
const SLOW_INTERVALS = 2;
const SLOW_FOR_MS = 3500;
/** With a request on it and none answered for so long. */
const SILENT_MS = 2000;

/** Of one disk: how long it has been slow. */
export interface Slowness {
  intervals: number;
  slowMs: number;
  silentMs: number;
}

export const NOT_SLOW: Slowness = Object.freeze({ intervals: 0, slowMs: 0, silentMs: 0 });

export function slownessAfter(
  known: Slowness,
  { inFlight }: { inFlight: readonly [before: number, now: number] },
  rates: DiskRates,
  rotational: boolean | undefined,
): Slowness {
  const limitMs = rotational === false ? SLOW_FLASH_MS : SLOW_ROTATING_MS;
  const isSilent = rates.answered === 0 && inFlight[0] > 0 && inFlight[1] > 0;
  const elapsedMs = rates.seconds * 1000;
  if (isSilent) return { ...known, silentMs: known.silentMs + elapsedMs };
  const isSlow = rates.awaitMs !== undefined && rates.awaitMs >= limitMs;
  return isSlow ? { intervals: known.intervals + 1, slowMs: known.slowMs + elapsedMs, silentMs: 0 } : NOT_SLOW;
}

/** What was seen, where that is slow. */
export function slowWords(
  { intervals, slowMs, silentMs }: Slowness,
  rates: DiskRates,
  inFlight: number,
): string | undefined {
  if (silentMs >= SILENT_MS) {
    return `${inFlight} requests in flight, none answered for ${(silentMs / 1000).toFixed(1)} s`;
  }
  if (intervals < SLOW_INTERVALS || slowMs < SLOW_FOR_MS || rates.awaitMs === undefined) return undefined;
  return `a request took ${rates.awaitMs.toFixed(0)} ms on average over ${rates.seconds.toFixed(1)} s`;
}
