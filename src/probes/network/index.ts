/**
 * The network probe: the interfaces of the daemon's network namespace, its TCP connections, RDMA ports, and what all of
 * them share. It needs no right. Here is only its outside and its pace.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BlockingReader } from "../../kernel/blocking.ts";
import { readText } from "../../kernel/procfs.ts";
import type { Event } from "../../model/event.ts";
import { openBpfFiles } from "../ebpf-choice.ts";
import { intervalFrom } from "../interval.ts";
import type { Probe, ProbeContext } from "../probe.ts";
import { Connections } from "./connections.ts";
import { Interfaces } from "./interfaces.ts";
import { OtherNamespaces } from "./other-namespaces.ts";
import { Rdma } from "./rdma.ts";
import { Stack } from "./stack.ts";
import { Standing } from "../standing.ts";

export interface NetworkProbeOptions {
  /** Where proc and sysfs are mounted. */
  proc?: string;
  sys?: string;
}

const OWN_INTERVAL_MS = 2000;
/** A rate takes two looks: the first figures shall not wait for a whole interval. */
const FIRST_MS = 250;
const READ_BYTES = 4096;

export function networkProbe({ proc = "/proc", sys = "/sys" }: NetworkProbeOptions = {}): Probe {
  const interval = intervalFrom("XCTL_NETWORK_INTERVAL", OWN_INTERVAL_MS);
  let inspector: OtherNamespaces | undefined;

  async function* run({ signal, now, log }: ProbeContext): AsyncIterable<Event[]> {
    const reader = new BlockingReader(proc);
    const read = (path: string) => reader.readFrom(path, READ_BYTES);
    const interfaces = new Interfaces({ proc, sys, reader });
    const rdma = new Rdma(sys, read);
    const stack = new Stack(proc);
    const standing = new Standing();
    const files = await openBpfFiles(proc, log);
    const connections = new Connections({ proc, files, now });
    const own = new OtherNamespaces(proc, reader);
    inspector = own;
    try {
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        const nextMs = performance.now() + (isFirst ? Math.min(FIRST_MS, interval) : interval);
        const nowMs = now();
        yield await interfaces.look(nowMs);
        if (signal.aborted) return;
        const shared = stack.look(nowMs);
        const ports = await rdma.look(nowMs);
        const troubles = standing.update([...shared.troubles, ...ports.troubles], nowMs);
        const elsewhere = own.lookAtNoted(nowMs);
        yield [...shared.figures, ...ports.figures, ...troubles, ...elsewhere, ...(await connections.look(nowMs))];
        await sleep(Math.max(nextMs - performance.now(), interval / 10), undefined, { signal }).catch(() => undefined);
      }
    } finally {
      if (inspector === own) inspector = undefined;
      connections.close();
      files?.close();
      reader.close();
    }
  }

  return {
    name: "network",
    summary:
      "interfaces, TCP connections, RDMA ports and what they share: traffic, losses, links that are down (Linux)",
    supported: () => readText(`${proc}/net/dev`) !== undefined || unsupportedReason(proc),
    run,
    inspect: async (pids, { now }) => (await inspector?.look(pids, now())) ?? [],
  };
}

function unsupportedReason(proc: string): string {
  return process.platform === "linux" ? `no ${proc}/net/dev` : `needs Linux's /proc; this is ${process.platform}`;
}
