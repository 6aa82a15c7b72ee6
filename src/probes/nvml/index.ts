/**
 * NVIDIA's GPUs, through its management library: figures, processes and their shares, what is wrong, XIDs. The library is
 * called in a process of its own (reader-process.ts), for any call may hang in the driver; the daemon never loads it.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { KmsgTail } from "../../kernel/kmsg-tail.ts";
import { XID_MARK } from "../../kernel/nvml-log.ts";
import type { Event } from "../../model/event.ts";
import { intervalFrom } from "../interval.ts";
import type { Probe, ProbeContext } from "../probe.ts";
import { DriverReader, type Answer, type Deadlines } from "./driver-reader.ts";
import { findLibrary } from "./library.ts";
import { NvmlWatch } from "./watch.ts";

export interface NvmlProbeOptions {
  /** Milliseconds between two looks. */
  intervalMs?: number;
  /** Where proc is mounted, and the kernel log. */
  proc?: string;
  kmsg?: string;
  deadlines?: Partial<Deadlines>;
}

export function nvmlProbe(options: NvmlProbeOptions = {}): Probe {
  const { proc = "/proc", kmsg = "/dev/kmsg", deadlines = {} } = options;
  const intervalMs = options.intervalMs ?? intervalFrom("XCTL_NVML_INTERVAL", 1000);
  // Which GPU is which, and what was told of it, outlives a failure of the library.
  const watch = new NvmlWatch(proc);

  async function* run({ signal, now }: ProbeContext): AsyncIterable<Event[]> {
    const reader = new DriverReader(deadlines);
    const log = new KmsgTail(proc, kmsg);
    let asked: Promise<Answer> | undefined;
    try {
      while (!signal.aborted) {
        const nextMs = performance.now() + intervalMs;
        asked ??= reader.read();
        // A driver that starts or hangs does not hold up what the log says.
        const late = sleep(intervalMs, undefined, { signal }).catch(() => undefined);
        const answer = (await Promise.race([asked, late])) ?? undefined;
        if (signal.aborted) return;
        if (answer !== undefined) asked = undefined;
        const events = eventsOf(watch, answer, now());
        events.push(...watch.log(log.take(XID_MARK), now()));
        if (events.length > 0) yield events;
        await sleep(Math.max(nextMs - performance.now(), 0), undefined, { signal }).catch(() => undefined);
      }
    } finally {
      reader.close();
      log.close();
    }
  }

  return {
    name: "nvml",
    summary: "NVIDIA GPUs: figures, processes, errors (NVML)",
    supported: () => findLibrary() !== undefined || unsupportedReason(),
    run,
  };
}

/** Throws where the library does not work, or a driver hangs of which no GPU is known: the host tries again later. */
function eventsOf(watch: NvmlWatch, answer: Answer | undefined, nowMs: number): Event[] {
  if (answer === undefined) return [];
  if (answer.kind === "failed") throw new Error(answer.reason);
  if (answer.kind === "reading") return watch.reading(answer.reading, nowMs);
  if (watch.isEmpty) throw new Error(`the NVIDIA driver does not answer: ${answer.hang.call}, ${answer.hang.where}`);
  return watch.hung(answer.hang, nowMs, performance.now());
}

function unsupportedReason(): string {
  return process.platform === "linux"
    ? "no NVIDIA driver: libnvidia-ml.so.1 is not installed"
    : `needs Linux; this is ${process.platform}`;
}
