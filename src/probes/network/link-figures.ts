/** How much goes over each interface, and how much of it is lost: figures from the counters of two looks. */
import type { Attrs, Event } from "../../model/event.ts";
import type { LinkCounters } from "../../kernel/rtnetlink.ts";
import type { Interface } from "./links.ts";

const BITS_PER_MBIT = 1_000_000;

/** Nothing of one that is seen for the first time: a rate takes two looks. */
export function linkFigures(found: Interface, entity: string, nowMs: number): Event[] {
  const { link, before, wire } = found;
  if (before === undefined || nowMs <= before.atMs) return [];
  const seconds = (nowMs - before.atMs) / 1000;
  const was = before.link.counters;
  const { counters } = link;
  const rate = (key: "rxBytes" | "txBytes") => mbitS(grown(was, counters, [key]), seconds);
  const [rx, tx] = [rate("rxBytes"), rate("txBytes")];
  const traffic: Attrs = {
    rx_mbit_s: rx,
    tx_mbit_s: tx,
    rx_bytes_total: counters.rxBytes,
    tx_bytes_total: counters.txBytes,
    rx_packets_total: counters.rxPackets,
    tx_packets_total: counters.txPackets,
    mtu_bytes: link.mtu,
    up: link.isUp,
    carrier: link.hasCarrier,
    operstate: link.operstate,
  };
  if (link.carrierChanges !== undefined) traffic.carrier_changes_total = link.carrierChanges;
  if (link.kind !== undefined) traffic.kind = link.kind;
  if (wire.speedMbitS !== undefined) traffic.speed_mbit_s = wire.speedMbitS;
  if (wire.duplex !== undefined) traffic.duplex = wire.duplex;
  if (wire.driver !== undefined) traffic.driver = wire.driver;
  const losses: Attrs = {
    rx_dropped_total: counters.rxDropped,
    tx_dropped_total: counters.txDropped,
    rx_errors_total: counters.rxErrors,
    tx_errors_total: counters.txErrors,
    rx_crc_errors_total: counters.rxCrcErrors,
    rx_missed_total: counters.rxMissed,
    collisions_total: counters.collisions,
  };
  const lost = grown(was, counters, ["rxDropped", "txDropped", "rxErrors", "txErrors", "rxMissed"]);
  const common = { ts: nowMs, entity_id: entity };
  return [
    { ...common, event_type: "transport.bw", value: String(rounded(rx + tx)), attrs: traffic },
    { ...common, event_type: "transport.drop", value: String(lost), attrs: losses },
  ];
}

/** By how much these have grown together; a driver that starts anew counts from nought. */
function grown(was: LinkCounters, now: LinkCounters, keys: readonly (keyof LinkCounters)[]): number {
  return keys.reduce((sum, key) => sum + Math.max(0, now[key] - was[key]), 0);
}

export function mbitS(bytes: number, seconds: number): number {
  return rounded((bytes * 8) / BITS_PER_MBIT / seconds);
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
