/**
 * The probe `ebpf-network`: TCP of every network namespace as the kernel itself sees it. It judges as the probe
 * `network` does and names things alike, so that what both tell is told once; it adds containers, whose each connection
 * is, why packets were thrown away, and how connections ended between two looks. Here is only its outside and its pace.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BpfNetwork } from "../../kernel/bpf-network.ts";
import { bpfObstacle } from "../../kernel/bpf-support.ts";
import type { Event } from "../../model/event.ts";
import { openBpfFiles } from "../ebpf-choice.ts";
import { intervalFrom } from "../interval.ts";
import { findLibrary } from "../nvml/library.ts";
import type { Probe, ProbeContext } from "../probe.ts";
import { Watch } from "./watch.ts";

const OWN_INTERVAL_MS = 2000;
const LIBRARY = "libbpf.so.1";

export interface EbpfNetworkProbeOptions {
  /** Where proc is mounted. */
  proc?: string;
}

export function ebpfNetworkProbe({ proc = "/proc" }: EbpfNetworkProbeOptions = {}): Probe {
  let running: BpfNetwork | undefined;

  async function* run({ signal, now, log }: ProbeContext): AsyncIterable<Event[]> {
    const interval = intervalFrom("XCTL_NETWORK_INTERVAL", OWN_INTERVAL_MS);
    const bpf = await BpfNetwork.open();
    const files = await openBpfFiles(proc, log);
    const watch = new Watch(proc, bpf, files);
    running = bpf;
    try {
      while (!signal.aborted) {
        const nextMs = performance.now() + interval;
        const events = await watch.look(now());
        if (signal.aborted) return;
        if (events.length > 0) yield events;
        await sleep(Math.max(nextMs - performance.now(), interval / 10), undefined, { signal }).catch(() => undefined);
      }
    } finally {
      if (running === bpf) running = undefined;
      files?.close();
      bpf.close();
    }
  }

  return {
    name: "ebpf-network",
    summary: "TCP connections of every network namespace, whose they are, and why packets of them are lost (eBPF)",
    supported: () => bpfObstacle(proc) ?? (findLibrary(undefined, undefined, LIBRARY) !== undefined || NO_LIBRARY),
    run,
    status: () => ({ lost: running?.lost }),
  };
}

const NO_LIBRARY = `${LIBRARY} is not installed`;
