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

export interface ProcessProbeOptions {
  /** Where proc is mounted. */
  proc?: string;
}

export function processProbe({ proc = "/proc" }: ProcessProbeOptions = {}): Probe {
  let running: { watch: Watch; intervalMs: number; source: BestSource; ebpf: Ebpf } | undefined;

  async function* run(context: ProbeContext): AsyncIterable<Event[]> {
    const { signal, interval } = context;
    const source = await BestSource.open(proc, context.log);
    const reader = new BlockingReader(proc);
    const ebpf = await Ebpf.open(proc, { isAllowed: source.backend === "bpf", log: context.log });
    const watch = new Watch({ proc, source, reader, ebpf, now: () => context.now() });
    running = { watch, intervalMs: interval, source, ebpf };
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
      if (running?.watch === watch) running = undefined;
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
    inspect: async (pids) => (await running?.watch.inspect(pids)) ?? [],
    status: () => ({ sampler: samplerStatus(), lost: running?.ebpf.lost }),
  };

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
