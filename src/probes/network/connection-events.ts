/** How the connections are told: their troubles, who waits on them, and what goes over them. Pure. */
import type { TcpCounters } from "../../kernel/tcp-counters.ts";
import type { TcpSocket } from "../../kernel/tcp-info.ts";
import { tcpId } from "../../model/entity.ts";
import type { Attrs, Event } from "../../model/event.ts";
import type { Trouble as Standing } from "../standing.ts";
import type { Trouble } from "./connection-trouble.ts";

/** Every fact here is of it. */
const SOURCE = "sock_diag(7)";
const PAGE_BYTES = 4096;

/** Of a connection: what holds up whoever waits on it, at either end; of which process it is, is no matter of it. */
export type NetTrouble = Exclude<Trouble, { kind: "window full" }>;

export function entityOf({ state, local, remote }: TcpSocket): string {
  return state === "LISTEN" ? `listen:${local}` : tcpId(local, remote);
}

export function retransmitTrouble(socket: TcpSocket, trouble: NetTrouble): Standing {
  const isDead = trouble.kind === "unanswered";
  return {
    type: "error.net",
    entity: entityOf(socket),
    head: "RETRANSMIT",
    // Of a lossy connection it changes at each look.
    ...(isDead ? { more: String(trouble.retransmits) } : {}),
    severity: isDead ? "fault" : "warning",
    cause: isDead ? "network.unreachable" : "network.loss",
    source: SOURCE,
    observed: observedOf(socket, trouble),
  };
}

/**
 * It harms nobody who waits at the address itself: the others that listen there, and whoever waits for a request, are
 * well. Who cannot connect is held up by the process.
 */
export function queueFullTrouble(listener: TcpSocket, pid: number | undefined): Standing {
  const { local, rxQueue, txQueue } = listener;
  return {
    type: "error.net",
    entity: entityOf(listener),
    ...(pid === undefined ? {} : { pid }),
    head: "ACCEPT_QUEUE_FULL",
    severity: "warning",
    isHarmless: true,
    source: SOURCE,
    observed: `${local}: ${rxQueue} connections wait to be accepted, backlog ${txQueue}`,
  };
}

export type Stall = Extract<Trouble, { stalledMs: number }>;

/** Only of a process that is known to wait on the connection. `isSeen`: its other end is on this machine. */
export function stallOf(socket: TcpSocket, stall: Stall, pid: number, isSeen: boolean, nowMs: number): Event {
  const attrs: Attrs = { source: SOURCE, observed: observedOf(socket, stall), certainty: "derived", end: socket.local };
  if (stall.kind === "unanswered") attrs.cause = "network.unreachable";
  else if (isSeen) attrs.holder = "hidden";
  else attrs.cause = "network.peer_not_reading";
  const value = `STALL_${stall.stalledMs}ms`;
  return { ts: nowMs, event_type: "transport.drop", entity_id: entityOf(socket), pid, value, attrs };
}

/** It waits no longer, or the connection goes on. */
export function stallEnd(entity: string, pid: number, nowMs: number): Event {
  return { ts: nowMs, event_type: "transport.drop", entity_id: entity, pid, value: "0", attrs: { ended: true } };
}

/** No more figures come of it. */
export function trafficEnd(entity: string, pid: number, nowMs: number): Event {
  return { ts: nowMs, event_type: "transport.bw", entity_id: entity, pid, value: "0", attrs: { ended: true } };
}

/** `bytes`: acknowledged and received within `elapsedMs`. */
export function trafficOf(socket: TcpSocket, pid: number, bytes: number, elapsedMs: number, nowMs: number): Event {
  const { info, txQueue, rxQueue, state, local } = socket;
  const attrs: Attrs = { state, end: local, tx_queue_bytes: txQueue, rx_queue_bytes: rxQueue };
  if (info !== undefined) {
    Object.assign(attrs, {
      rtt_ms: info.rttMs,
      congestion_window_segments: info.congestionWindow,
      unacknowledged_segments: info.unacked,
      lost_segments: info.lost,
      retransmits: info.retransmits,
      retransmits_total: info.retransmitted,
      acknowledged_bytes_total: info.bytesAcked,
      received_bytes_total: info.bytesReceived,
      zero_window: info.sendWindow === 0,
    });
    if (info.unsentBytes !== undefined) attrs.unsent_bytes = info.unsentBytes;
    if (info.sendWindow !== undefined) attrs.send_window_bytes = info.sendWindow;
  }
  const value = elapsedMs > 0 ? megabits(bytes, elapsedMs) : "0";
  return { ts: nowMs, event_type: "transport.bw", entity_id: entityOf(socket), pid, value, attrs };
}

/** All of TCP: its value is how many segments a second are sent again. */
export function sumsOf(
  counters: TcpCounters,
  states: ReadonlyMap<TcpSocket["state"], number> | undefined,
  retransmitsPerSecond: number,
  nowMs: number,
): Event {
  const count = (...names: TcpSocket["state"][]) =>
    states && names.reduce((sum, name) => sum + (states.get(name) ?? 0), 0);
  const facts = {
    established: count("ESTABLISHED"),
    connecting: count("SYN_SENT"),
    closing: count("FIN_WAIT1", "FIN_WAIT2"),
    close_wait: count("CLOSE_WAIT"),
    listening: count("LISTEN"),
    time_wait: counters.timeWait,
    orphans: counters.orphans,
    buffer_bytes: counters.memoryPages === undefined ? undefined : counters.memoryPages * PAGE_BYTES,
    segments_sent_total: counters.segmentsSent,
    segments_received_total: counters.segmentsReceived,
    retransmits_total: counters.retransmitted,
    damaged_segments_total: counters.damaged,
    resets_sent_total: counters.resetsSent,
    failed_connects_total: counters.connectsFailed,
    reset_connections_total: counters.connectionsReset,
  };
  const attrs: Attrs = {};
  for (const [name, value] of Object.entries(facts)) if (value !== undefined) attrs[name] = value;
  const value = String(Number(retransmitsPerSecond.toFixed(2)));
  return { ts: nowMs, event_type: "transport.drop", entity_id: "tcp", value, attrs };
}

function observedOf(socket: TcpSocket, trouble: Trouble): string {
  const { local, remote, txQueue, info } = socket;
  const ends = `${local} → ${remote}`;
  switch (trouble.kind) {
    case "unanswered":
      return `${ends}: ${triesText(socket, trouble.retransmits)}, no answer for ${seconds(trouble.stalledMs)}`;
    case "lossy":
      return `${ends}: ${trouble.retransmits} segments sent again, ${info?.retransmitted ?? 0} in all`;
    case "window full":
      return `${ends}: the other end has had no room for ${seconds(trouble.stalledMs)}, ${txQueue} bytes wait`;
  }
}

function triesText({ state, timer, txQueue }: TcpSocket, tries: number): string {
  if (timer === "keepalive") return `asked ${tries} times whether it is there`;
  return `${state === "SYN_SENT" ? "SYN" : `${txQueue} bytes`} sent ${tries} times again`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

function megabits(bytes: number, elapsedMs: number): string {
  return String(Number(((bytes * 8) / 1000 / elapsedMs).toFixed(3)));
}
