/**
 * The ports of RDMA devices (InfiniBand, RoCE, Omni-Path, EFA) from sysfs. Documentation/ABI/stable/sysfs-class-infiniband.
 * State and counters are asked of the device's firmware, so whoever reads them waits for a device that hangs: `read` is
 * to have a deadline.
 */
import { readdirSync } from "node:fs";
import type { Read } from "./net-class.ts";

export interface RdmaPort {
  device: string;
  port: number;
  /** `ACTIVE`, `DOWN`, `INIT`, `ARMED` … */
  state: string;
  /** `LinkUp`, `Polling`, `Disabled` … */
  physical: string;
  /** `InfiniBand` or `Ethernet`. */
  linkLayer: string;
  /** Undefined where it is not told. */
  rateMbitS?: number;
  /** `counters/` and `hw_counters/` by their names; of the second, those of the device where the port has none. */
  counters: Map<string, number>;
}

export interface RdmaPortName {
  device: string;
  port: number;
}

const MAX_PORTS = 64;
const MAX_COUNTERS = 256;
/** In four-byte words: InfiniBand's PortXmitData and PortRcvData. */
const TRAFFIC = ["port_rcv_data", "port_xmit_data"] as const;

/** Empty where there are none. */
export function rdmaPorts(sys = "/sys"): RdmaPortName[] {
  const root = `${sys}/class/infiniband`;
  const ports = namesIn(root).flatMap((device) =>
    namesIn(`${root}/${device}/ports`)
      .filter((port) => /^\d{1,3}$/.test(port))
      .map((port) => ({ device, port: Number(port) })),
  );
  return ports.slice(0, MAX_PORTS);
}

/** With all counters, or only those of the traffic. Undefined where it is gone, or does not answer. */
export async function readRdmaPort(
  { device, port }: RdmaPortName,
  read: Read,
  what: "all" | "traffic",
  sys = "/sys",
): Promise<RdmaPort | undefined> {
  const folder = `${sys}/class/infiniband/${device}`;
  const at = `${folder}/ports/${port}`;
  const state = parseState((await read(`${at}/state`)) ?? "");
  if (state === undefined) return undefined;
  const rateMbitS = parseRate((await read(`${at}/rate`)) ?? "");
  const found: RdmaPort = {
    device,
    port,
    state,
    physical: parseState((await read(`${at}/phys_state`)) ?? "") ?? "",
    linkLayer: (await read(`${at}/link_layer`))?.trim() ?? "",
    counters: await countersIn(`${at}/counters`, read, what === "all" ? undefined : TRAFFIC),
  };
  if (rateMbitS !== undefined) found.rateMbitS = rateMbitS;
  if (what === "traffic") return found;
  // EFA and others keep them for the device.
  const own = await countersIn(`${at}/hw_counters`, read);
  const hardware = own.size > 0 ? own : await countersIn(`${folder}/hw_counters`, read);
  for (const [name, value] of hardware) found.counters.set(name, value);
  return found;
}

/** `4: ACTIVE` → `ACTIVE`. */
export function parseState(text: string): string | undefined {
  return /^\d+: (\S+)\s*$/.exec(text)?.[1];
}

/** `100 Gb/sec (4X EDR)` → 100000. */
export function parseRate(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) Gb\/sec/.exec(text);
  const rate = match === null ? 0 : Number(match[1]) * 1000;
  return rate > 0 ? rate : undefined;
}

/** Of these names, or all. What is no number (`N/A (no PMA)`) is left out, and `lifespan`, which is a setting. */
async function countersIn(folder: string, read: Read, wanted?: readonly string[]): Promise<Map<string, number>> {
  const counters = new Map<string, number>();
  for (const name of wanted ?? namesIn(folder).slice(0, MAX_COUNTERS)) {
    if (name === "lifespan") continue;
    const text = (await read(`${folder}/${name}`))?.trim() ?? "";
    if (/^\d+$/.test(text)) counters.set(name, Number(text));
  }
  return counters;
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
