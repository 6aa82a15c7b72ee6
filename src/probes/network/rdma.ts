/** The RDMA ports of the host over time: what goes over them, and what is wrong with them. */
import { rdmaPorts, readRdmaPort, type RdmaPort, type RdmaPortName } from "../../kernel/infiniband.ts";
import type { Read } from "../../kernel/net-class.ts";
import type { Attrs, Event } from "../../model/event.ts";
import type { Trouble } from "../standing.ts";
import { mbitS } from "./link-figures.ts";

/** All counters of a port are some sixty files, each a question to the firmware. */
const FULL_LOOK_MS = 10_000;
/** What grew within this time still goes on. */
const GOES_ON_MS = 30_000;
/** IBTA: port counters of data are in words of four bytes. */
const WORD_BYTES = 4;

/** Of a link that is about to fail, or was away; each names its counter and what its growth is called. */
const HARMFUL: readonly (readonly [counter: string, head: string])[] = [
  ["symbol_error", "SYMBOL_ERRORS"],
  ["local_link_integrity_errors", "LINK_INTEGRITY_ERRORS"],
  ["link_error_recovery", "LINK_RECOVERED"],
  ["link_downed", "LINK_DOWNED"],
  ["port_rcv_errors", "RECEIVE_ERRORS"],
  ["excessive_buffer_overrun_errors", "BUFFER_OVERRUNS"],
];
/** By the name under which they are told; of RoCE they stand in hw_counters. */
const TOLD: Readonly<Record<string, string>> = {
  symbol_errors_total: "symbol_error",
  link_downed_total: "link_downed",
  link_recoveries_total: "link_error_recovery",
  link_integrity_errors_total: "local_link_integrity_errors",
  receive_errors_total: "port_rcv_errors",
  transmit_discards_total: "port_xmit_discards",
  transmit_waits_total: "port_xmit_wait",
  buffer_overruns_total: "excessive_buffer_overrun_errors",
  out_of_sequence_total: "out_of_sequence",
  packet_sequence_errors_total: "packet_seq_err",
  ack_timeouts_total: "local_ack_timeout_err",
  receiver_not_ready_total: "rnr_nak_retry_err",
  congestion_notifications_sent_total: "np_cnp_sent",
  congestion_notifications_handled_total: "rp_cnp_handled",
  ecn_marked_packets_total: "np_ecn_marked_roce_packets",
  adaptive_retransmits_total: "roce_adp_retrans",
  slow_restarts_total: "roce_slow_restart",
};
const PAUSES_RECEIVED = /^rx_(?:prio\d_)?pause$|^pfc\d?_rx$|^rx_pfc/;
const PAUSES_SENT = /^tx_(?:prio\d_)?pause$|^pfc\d?_tx$|^tx_pfc/;

interface Known {
  port: RdmaPort;
  atMs: number;
  /** Of the counters that were read by the last full look. */
  all: Map<string, number>;
  wasActive: boolean;
  /** When each harmful counter grew last, and by how much. */
  grown: Map<string, { atMs: number; by: number }>;
}

export class Rdma {
  readonly #sys: string;
  readonly #read: Read;
  #names: RdmaPortName[] = [];
  #fullNotBeforeMs = Number.NEGATIVE_INFINITY;
  #known = new Map<string, Known>();

  constructor(sys: string, read: Read) {
    this.#sys = sys;
    this.#read = read;
  }

  /** One look, at `nowMs`. Never throws. */
  async look(nowMs: number): Promise<{ figures: Event[]; troubles: Trouble[] }> {
    const isFull = nowMs >= this.#fullNotBeforeMs;
    if (isFull) {
      this.#names = rdmaPorts(this.#sys);
      this.#fullNotBeforeMs = nowMs + FULL_LOOK_MS;
    }
    const figures: Event[] = [];
    const troubles: Trouble[] = [];
    const present = new Map<string, Known>();
    for (const name of this.#names) {
      const entity = `${name.device}/${name.port}`;
      const port = await readRdmaPort(name, this.#read, isFull ? "all" : "traffic", this.#sys);
      const before = this.#known.get(entity);
      const known = port === undefined ? before : noted(port, before, isFull, nowMs);
      if (known === undefined) continue;
      present.set(entity, known);
      if (port !== undefined) figures.push(...figuresOf(entity, known, before, nowMs));
      troubles.push(...this.#troublesOf(entity, known, nowMs));
    }
    this.#known = present;
    return { figures, troubles };
  }

  #troublesOf(entity: string, { port, wasActive, grown }: Known, nowMs: number): Trouble[] {
    const folder = `${this.#sys}/class/infiniband/${port.device}/ports/${port.port}`;
    const troubles: Trouble[] = [];
    if (wasActive && port.state !== "ACTIVE") {
      troubles.push({
        type: "topo.link_down",
        entity,
        head: "LINK_DOWN",
        more: `${port.state} ${port.physical}`.trim(),
        severity: "fault",
        source: `${folder}/state`,
        observed: `${port.state}, physical state ${port.physical}, was ACTIVE`,
        object: port.device,
      });
    }
    for (const [counter, head] of HARMFUL) {
      const growth = grown.get(counter);
      if (growth === undefined || nowMs - growth.atMs > GOES_ON_MS) continue;
      troubles.push({
        type: "error.net",
        entity,
        head,
        severity: "warning",
        isHarmless: true,
        source: `${folder}/counters/${counter}`,
        observed: `${port.counters.get(counter) ?? "?"}, grew by ${growth.by}`,
        object: port.device,
      });
    }
    return troubles;
  }
}

function noted(port: RdmaPort, before: Known | undefined, isFull: boolean, nowMs: number): Known {
  const all = isFull ? port.counters : new Map([...(before?.all ?? []), ...port.counters]);
  const grown = new Map(before?.grown);
  for (const [counter] of HARMFUL) {
    const by = (all.get(counter) ?? 0) - (before?.all.get(counter) ?? all.get(counter) ?? 0);
    if (by > 0) grown.set(counter, { atMs: nowMs, by });
  }
  return {
    port: { ...port, counters: all },
    atMs: nowMs,
    all,
    wasActive: port.state === "ACTIVE" || before?.wasActive === true,
    grown,
  };
}

/** A rate takes two looks. */
function figuresOf(entity: string, { port, all }: Known, before: Known | undefined, nowMs: number): Event[] {
  if (before === undefined || nowMs <= before.atMs) return [];
  const seconds = (nowMs - before.atMs) / 1000;
  const grown = (counter: string) => Math.max(0, (all.get(counter) ?? 0) - (before.all.get(counter) ?? 0));
  const rx = mbitS(grown("port_rcv_data") * WORD_BYTES, seconds);
  const tx = mbitS(grown("port_xmit_data") * WORD_BYTES, seconds);
  const traffic: Attrs = {
    rx_mbit_s: rx,
    tx_mbit_s: tx,
    carrier: port.state === "ACTIVE",
    state: port.state,
    physical_state: port.physical,
    link_layer: port.linkLayer,
  };
  const received = all.get("port_rcv_data");
  const sent = all.get("port_xmit_data");
  if (received !== undefined) traffic.rx_bytes_total = received * WORD_BYTES;
  if (sent !== undefined) traffic.tx_bytes_total = sent * WORD_BYTES;
  if (port.rateMbitS !== undefined) traffic.speed_mbit_s = port.rateMbitS;
  const losses: Attrs = {};
  for (const [name, counter] of Object.entries(TOLD)) {
    const value = all.get(counter);
    if (value !== undefined) losses[name] = value;
  }
  for (const [name, pattern] of [
    ["pauses_received_total", PAUSES_RECEIVED],
    ["pauses_sent_total", PAUSES_SENT],
  ] as const) {
    const pauses = [...all].filter(([counter]) => pattern.test(counter));
    if (pauses.length > 0) losses[name] = pauses.reduce((sum, [, count]) => sum + count, 0);
  }
  const lost = grown("port_rcv_errors") + grown("port_xmit_discards");
  const common = { ts: nowMs, entity_id: entity };
  return [
    { ...common, event_type: "transport.bw", value: String(Math.round((rx + tx) * 1000) / 1000), attrs: traffic },
    { ...common, event_type: "transport.drop", value: String(lost), attrs: losses },
  ];
}
