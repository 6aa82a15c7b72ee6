/**
 * The process probe: every process's coming, going and state, what its blocked threads wait for, and who has that.
 * Here is only its outside; watch.ts does the work.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BlockingReader } from "../../kernel/blocking.ts";
import { readPids } from "../../kernel/procfs.ts";
import type { Event } from "../../model/event.ts";
import type { Probe, ProbeContext } from "../probe.ts";
import { BestSource } from "./best-source.ts";
import { Ebpf } from "./ebpf.ts";
import { Watch } from "./watch.ts";

interface Running {
  watch: Watch;
  intervalMs: number;
  source: BestSource;
  reader: BlockingReader;
  ebpf: Ebpf;
}

export interface ProcessProbeOptions {
  /** Where proc is mounted. */
  proc?: string;
}

export function processProbe({ proc = "/proc" }: ProcessProbeOptions = {}): Probe {
  let running: Running | undefined;
  /** Loading eBPF programs takes a while, and questions come as soon as the daemon listens. */
  let opening: Promise<Running> | undefined;

  async function open(context: ProbeContext): Promise<Running> {
    const source = await BestSource.open(proc, context.log);
    const reader = new BlockingReader(proc);
    const ebpf = await Ebpf.open(proc, { isAllowed: source.backend === "bpf", log: context.log });
    const watch = new Watch({ proc, source, reader, ebpf, now: () => context.now() });
    return { watch, intervalMs: context.interval, source, reader, ebpf };
  }

  async function* run(context: ProbeContext): AsyncIterable<Event[]> {
    const { signal, interval } = context;
    opening = open(context);
    let own: Running;
    try {
      own = running = await opening;
    } finally {
      opening = undefined;
    }
    const { watch, source, reader, ebpf } = own;
    try {
      while (!signal.aborted) {
        const nextMs = performance.now() + interval;
        for await (const events of watch.pass()) {
          if (signal.aborted) return;
          if (events.length > 0) yield events;
        }
        await sleep(Math.max(nextMs - performance.now(), interval / 10), undefined, { signal }).catch(() => undefined);
      }
    } finally {
      if (running === own) running = undefined;
      watch.close();
      source.close();
      ebpf.close();
      reader.close();
    }
  }

  return {
    name: "process",
    summary: "processes, their states, what blocked threads wait for and who holds that (Linux)",
    supported: () => readPids(proc).length > 0 || unsupportedReason(proc),
    run,
    inspect: async (pids, { signal }) => (await (running ?? (await opening))?.watch.inspect(pids, signal)) ?? [],
    status: () => ({ sampler: samplerStatus(), sampled: isSampled(), lost: running?.ebpf.lost }),
  };

  function isSampled(): boolean {
    return running === undefined ? opening === undefined : running.watch.lastPassMs > 0;
  }

  function samplerStatus() {
    if (running === undefined) return undefined;
    const { watch, intervalMs, source } = running;
    const { backend, reason } = source;
    return { backend, reason, interval_ms: intervalMs, tasks: watch.tasks, last_ms: watch.lastPassMs };
  }
}

function unsupportedReason(proc: string): string {
  return process.platform === "linux" ? `${proc} is not mounted` : `needs Linux's /proc; this is ${process.platform}`;
}
