/**
 * The storage probe: disks, file systems, what the kernel log says of them, and whom their troubles hit. It needs no
 * rights for the figures; root for the kernel log and for what other users' processes do. Here is only its outside.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { readText } from "../../kernel/procfs.ts";
import type { Event } from "../../model/event.ts";
import { intervalFrom } from "../interval.ts";
import type { Probe, ProbeContext } from "../probe.ts";
import { BlockIo } from "./block-io.ts";
import { rootOf, StorageWatch } from "./watch.ts";

const OWN_INTERVAL_MS = 2000;

export interface StorageProbeOptions {
  /** Where proc is mounted. */
  proc?: string;
}

export function storageProbe({ proc = "/proc" }: StorageProbeOptions = {}): Probe {
  const interval = intervalFrom("XCTL_STORAGE_INTERVAL", OWN_INTERVAL_MS);
  let blockIo: BlockIo | undefined;

  async function* run({ signal, now, log }: ProbeContext): AsyncIterable<Event[]> {
    const opened = await BlockIo.open(proc, `${rootOf(proc)}/sys`, log);
    const watch = new StorageWatch(proc, now, opened);
    blockIo = opened;
    try {
      while (!signal.aborted) {
        const startedMs = performance.now();
        const events = await watch.look();
        if (signal.aborted) return;
        if (events.length > 0) yield events;
        const nextMs = startedMs + (watch.isInHaste ? interval / 2 : interval);
        await sleep(Math.max(nextMs - performance.now(), interval / 10), undefined, { signal }).catch(() => undefined);
      }
    } finally {
      watch.close();
      opened?.close();
      if (blockIo === opened) blockIo = undefined;
    }
  }

  return {
    name: "storage",
    summary: "disks and file systems: load, latency, errors, what is full, and whom that hits (Linux)",
    supported: () => readText(`${proc}/diskstats`) !== undefined || unsupportedReason(proc),
    run,
    status: () => ({ lost: blockIo?.lost }),
  };
}

function unsupportedReason(proc: string): string {
  return process.platform === "linux" ? `${proc} is not mounted` : `needs Linux's /proc; this is ${process.platform}`;
}
