/**
 * The interfaces of a network namespace from files that take no lock of the kernel's: /proc/net/dev for the counters,
 * /sys/class/net for the state. What there is where rtnetlink is refused or hangs; addresses are not told here.
 */
import { readText } from "./procfs.ts";
import type { Link, LinkCounters, LinkTable } from "./rtnetlink.ts";

/** A machine with thousands of containers has as many interfaces. */
const TABLE_BYTES = 4 << 20;
const IFF_UP = 1;
const IFF_LOOPBACK = 8;
/** include/linux/netdevice.h, operstate: with these, nothing goes over an interface that is up. */
const WITHOUT_CARRIER: ReadonlySet<string> = new Set(["down", "lowerlayerdown", "notpresent"]);

/** Those that sysfs shows as well; undefined where there is no such file. */
export function readLinkFiles(proc = "/proc", sys = "/sys"): LinkTable | undefined {
  const text = readText(`${proc}/net/dev`, TABLE_BYTES);
  if (text === undefined) return undefined;
  const links = [...parseNetDev(text)].flatMap(([name, counters]) => linkIn(sys, name, counters) ?? []);
  return { links, isComplete: true };
}

function linkIn(sys: string, name: string, counters: LinkCounters): Link | undefined {
  const folder = `${sys}/class/net/${name}`;
  const index = numberAt(`${folder}/ifindex`);
  const flags = Number(readText(`${folder}/flags`)?.trim());
  // sysfs is of the namespace it was mounted in, and one of a container may lack the interface.
  if (index === undefined || !Number.isSafeInteger(flags)) return undefined;
  const operstate = readText(`${folder}/operstate`)?.trim() ?? "unknown";
  const isUp = (flags & IFF_UP) !== 0;
  const carrierChanges = numberAt(`${folder}/carrier_changes`);
  const carrierUps = numberAt(`${folder}/carrier_up_count`);
  return {
    index,
    name,
    hardware: numberAt(`${folder}/type`) ?? 0,
    isLoopback: (flags & IFF_LOOPBACK) !== 0,
    isUp,
    hasCarrier: isUp && !WITHOUT_CARRIER.has(operstate),
    operstate,
    mtu: numberAt(`${folder}/mtu`) ?? 0,
    isLowerElsewhere: false,
    ...(carrierChanges === undefined ? {} : { carrierChanges }),
    ...(carrierUps === undefined ? {} : { carrierUps }),
    counters,
  };
}

/** By the interface's name. proc_pid_net(5), net/core/net-procfs.c: dev_seq_printf_stats. Other lines are left out. */
export function parseNetDev(text: string): Map<string, LinkCounters> {
  const interfaces = new Map<string, LinkCounters>();
  for (const line of text.split("\n")) {
    // A name may hold a colon; the counters do not.
    const colon = line.lastIndexOf(":");
    const name = line.slice(0, Math.max(0, colon)).trim();
    const fields = line.slice(colon + 1).trim().split(/\s+/).map(Number); // prettier-ignore
    if (name === "" || fields.length < 16 || !fields.every(Number.isFinite)) continue;
    const at = (index: number) => fields[index] as number;
    interfaces.set(name, {
      rxBytes: at(0),
      rxPackets: at(1),
      rxErrors: at(2),
      rxDropped: at(3),
      rxCrcErrors: 0,
      // It is in `drop` already.
      rxMissed: 0,
      txBytes: at(8),
      txPackets: at(9),
      txErrors: at(10),
      txDropped: at(11),
      collisions: at(13),
    });
  }
  return interfaces;
}

function numberAt(path: string): number | undefined {
  const text = readText(path)?.trim() ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
