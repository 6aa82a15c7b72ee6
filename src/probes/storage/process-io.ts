/** What every process has read and written, looked at twice: who called meanwhile. One file a process, no more. */
import { readIoAccounting, type IoAccounting } from "../../kernel/io-accounting.ts";
import { listPids } from "../../kernel/procfs.ts";
import { changeBetween, readsFromDeviceInVain, writesInVain, type IoChange } from "./evidence.ts";

export interface IoSample {
  io: ReadonlyMap<number, IoAccounting>;
  /** What it cost; on a busy machine it may have taken far longer. */
  cpuMs: number;
}

export interface Active {
  pid: number;
  change: IoChange;
}

const MAX_PROCESSES = 4096;
const MAX_ACTIVE = 64;
/** The event loop is let in after so many milliseconds. */
const SLICE_MS = 3;

/** Of those processes that we may trace. */
export async function sampleIo(proc: string): Promise<IoSample> {
  const io = new Map<number, IoAccounting>();
  const pids = (await listPids(proc)).slice(0, MAX_PROCESSES);
  let cpuMs = 0;
  let sliceCpuMs = threadCpuMs();
  let sliceEnd = performance.now() + SLICE_MS;
  for (const pid of pids) {
    const accounting = readIoAccounting(proc, pid);
    if (accounting !== undefined) io.set(pid, accounting);
    if (performance.now() < sliceEnd) continue;
    cpuMs += threadCpuMs() - sliceCpuMs;
    await new Promise(setImmediate);
    sliceCpuMs = threadCpuMs();
    sliceEnd = performance.now() + SLICE_MS;
  }
  return { io, cpuMs: cpuMs + threadCpuMs() - sliceCpuMs };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

/** Those that did what is asked for; first those whose calls came to nothing. */
export function activeBetween(before: IoSample, now: IoSample, wanted: (change: IoChange) => boolean): Active[] {
  const active: Active[] = [];
  for (const [pid, accounting] of now.io) {
    const known = before.io.get(pid);
    const change = known && changeBetween(known, accounting);
    if (change !== undefined && wanted(change)) active.push({ pid, change });
  }
  return active.sort((a, b) => Number(isInVain(b)) - Number(isInVain(a))).slice(0, MAX_ACTIVE);
}

function isInVain({ change }: Active): boolean {
  return writesInVain(change) || readsFromDeviceInVain(change);
}
