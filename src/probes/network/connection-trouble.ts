/**
 * What two looks at a TCP connection show to be wrong with it. Pure: no clock, no look-up.
 *
 * A peer that is stopped, slow or at rest still acknowledges, for its kernel does that; so where nothing is
 * acknowledged, packets do not get through. A full window is the other process's doing, not the network's.
 */
import type { TcpInfo, TcpSocket } from "../../kernel/tcp-info.ts";

export type Trouble =
  /** Sent again and again, and nothing of it acknowledged; or asked whether it has room or is there. */
  | { kind: "unanswered"; retransmits: number; stalledMs: number }
  /** It lives, but much must be sent again. */
  | { kind: "lossy"; retransmits: number }
  /** The other end has no room: its process does not read. */
  | { kind: "window full"; stalledMs: number };

export interface Looks {
  now: TcpSocket;
  before?: TcpSocket | undefined;
  /** For how long it has been seen to retransmit without an answer. */
  unansweredMs?: number;
  /** The other end, and who listens there, where they are in the same table. */
  across?: TcpSocket | undefined;
  listener?: TcpSocket | undefined;
}

/** Each timeout takes twice as long as the one before, so three are at least 1.4 s. */
const UNANSWERED_RETRANSMITS = 3;
const UNANSWERED_MS = 2000;
/** A handshake's first timeout is a second (RFC 6298), and so may be its next ones. */
const HANDSHAKE_RETRANSMITS = 2;
const HANDSHAKE_TIMEOUT_MS = 1000;
const WINDOW_FULL_MS = 1000;
/** Between two looks. What the congestion control of a sound connection loses by design is far less. */
const LOSSY_SEGMENTS = 3;
const LOSSY_SHARE = 0.02;
/** One timeout may be a hiccup. */
const LOSSY_RETRANSMITS = 2;
/** A buffer so full has no room for another segment with all that the kernel keeps beside it. */
const FULL_SHARE = 0.75;

/** Cheap, for each of very many: whether `troubleOf` may find something. */
export function mayBeTroubled(now: TcpSocket, before: TcpSocket | undefined): boolean {
  const { info, timer } = now;
  if (info === undefined || now.inode === 0) return false;
  return timer === "persist" || triesOf(now) >= LOSSY_RETRANSMITS || sentAgain(info, before) >= LOSSY_SEGMENTS;
}

export function troubleOf({ now, before, unansweredMs = 0, across, listener }: Looks): Trouble | undefined {
  const { info, state, timer } = now;
  if (info === undefined || now.inode === 0) return undefined;
  // Who listens there has no room for the connection: that is a matter of its process.
  if (across === undefined && listener !== undefined && isQueueFull(listener)) return undefined;
  const stalledMs = Math.round(Math.max(stalledFor(now, info), unansweredMs));
  const tries = triesOf(now);
  if (state === "SYN_SENT") {
    return tries < HANDSHAKE_RETRANSMITS ? undefined : { kind: "unanswered", retransmits: tries, stalledMs };
  }
  const isReadersFault = hasNoRoom(across);
  if (tries >= UNANSWERED_RETRANSMITS && stalledMs >= UNANSWERED_MS && !isReadersFault) {
    return { kind: "unanswered", retransmits: tries, stalledMs };
  }
  if ((timer === "persist" && isWindowFull(now)) || (timer === "retransmit" && isReadersFault)) {
    return info.sentMs >= WINDOW_FULL_MS ? { kind: "window full", stalledMs: info.sentMs } : undefined;
  }
  if (timer === "retransmit" && tries >= LOSSY_RETRANSMITS) return { kind: "lossy", retransmits: tries };
  const again = sentAgain(info, before);
  const sent = (info.segmentsSent ?? 0) - (before?.info?.segmentsSent ?? 0);
  return again >= LOSSY_SEGMENTS && again >= LOSSY_SHARE * sent ? { kind: "lossy", retransmits: again } : undefined;
}

/**
 * How often in a row it has sent or asked without an answer. Of data that a firewall of its own host drops, the kernel
 * counts none as sent: it tries again by the timer that is meant for a full window.
 */
export function triesOf({ timer, info }: TcpSocket): number {
  if (info === undefined) return 0;
  if (timer === "retransmit") return info.unacked > 0 ? info.retransmits : 0;
  return timer === "persist" || timer === "keepalive" ? info.probes : 0;
}

/**
 * The other end has acknowledged or sent data. Before that it may be that its kernel keeps quiet because too many wait
 * there to be accepted, be it in another network namespace: who waits for that is told by where the other end is.
 */
export function hasAnswered({ info }: TcpSocket): boolean {
  // The handshake itself counts as one byte acknowledged (RFC 9293, 3.4).
  return info !== undefined && (info.bytesAcked > 1 || info.bytesReceived > 0);
}

/** sk_acceptq_is_full of include/net/sock.h: one more than the backlog may wait. */
export function isQueueFull({ state, rxQueue, txQueue }: TcpSocket): boolean {
  return state === "LISTEN" && rxQueue > txQueue;
}

/** Less than a segment fits. A kernel before 5.4 does not tell the window, but only asks whether it opened where it is full. */
function isWindowFull({ txQueue, info }: TcpSocket): boolean {
  return txQueue > 0 && (info?.sendWindow === undefined || info.sendWindow < info.mssBytes);
}

/** Many small segments fill a buffer before the window says so; the kernel then drops what comes. */
function hasNoRoom(across: TcpSocket | undefined): boolean {
  const buffer = across?.receiveBuffer;
  return (
    buffer !== undefined && across !== undefined && across.rxQueue > 0 && buffer.bytes >= FULL_SHARE * buffer.limit
  );
}

/** At least: since the first of the timeouts, each of which doubled the next, and not longer than since the last answer. */
function stalledFor({ state, timer }: TcpSocket, info: TcpInfo): number {
  const { retransmits, backoff, rtoMs, sentMs, acknowledgedMs } = info;
  // In a handshake nothing was acknowledged yet, and no data sent.
  if (state === "SYN_SENT") return retransmits * HANDSHAKE_TIMEOUT_MS;
  if (timer === "keepalive") return acknowledgedMs;
  // That of a retransmission is doubled in place; that of a probe is made of the plain one.
  const waitedMs = timer === "persist" ? rtoMs * (2 ** backoff - 1) : sentMs + rtoMs * (1 - 2 ** -backoff);
  return Math.min(acknowledgedMs, waitedMs);
}

/** Segments since the look before, without those that the other end had got. */
function sentAgain({ retransmitted, needless = 0 }: TcpInfo, before: TcpSocket | undefined): number {
  if (before?.info === undefined) return 0;
  return retransmitted - before.info.retransmitted - (needless - (before.info.needless ?? 0));
}
