/**
 * When data last went over each TCP connection of our own network namespace, by sock_diag(7): /proc/net/tcp does not
 * tell. Who has sent last and got nothing since waits for an answer. Bytes only; netlink.ts exchanges them.
 */
import { exchange } from "./netlink.ts";
import { records } from "./sock-diag.ts";

export interface TcpActivity {
  /** How long ago it last sent data, and last received some; both count from the handshake where there was none. */
  sentMs: number;
  receivedMs: number;
  /** Data that the other end has acknowledged, and data received. */
  bytesAcked: number;
  bytesReceived: number;
}

// linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
const NETLINK_SOCK_DIAG = 4;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST_DUMP = 0x301;
const IPPROTO_TCP = 6;
const HEADER_BYTES = 16;
const REQUEST_BYTES = 56;
const MESSAGE_BYTES = 72;
const INODE_OFFSET = 68;
const INET_DIAG_INFO = 2;
/** TCP_ESTABLISHED and TCP_CLOSE_WAIT; tcp_states.h. */
const OPEN_STATES = (1 << 1) | (1 << 8);
const FAMILIES = { 4: 2, 6: 10 } as const;

// struct tcp_info, linux/tcp.h; bytes_received has been its last field of use here since Linux 4.1.
const LAST_DATA_SENT = 44;
const LAST_DATA_RECEIVED = 52;
const BYTES_ACKED = 120;
const BYTES_RECEIVED = 128;
const INFO_BYTES = 136;

/** By inode; or why they cannot be told. */
export async function tcpActivity(deadlineMs = 500): Promise<Map<number, TcpActivity> | string> {
  const activity = new Map<number, TcpActivity>();
  try {
    for (const family of [4, 6] as const) {
      const refusal = await collect(family, deadlineMs, activity);
      if (refusal !== undefined) return refusal;
    }
    return activity;
  } catch (error) {
    return (error as Error).message;
  }
}

async function collect(family: 4 | 6, deadlineMs: number, into: Map<number, TcpActivity>): Promise<string | undefined> {
  for await (const datagram of exchange(NETLINK_SOCK_DIAG, buildTcpRequest(family), deadlineMs)) {
    const { sockets, done, errno } = parseTcpReply(datagram);
    if (errno !== undefined) return `the kernel has no tcp_diag: errno ${errno}`;
    for (const [inode, activity] of sockets) into.set(inode, activity);
    if (done) return undefined;
  }
  return "sock_diag ended early";
}

/** Asks for every open connection of the family. */
export function buildTcpRequest(family: 4 | 6): Buffer {
  const request = Buffer.alloc(HEADER_BYTES + REQUEST_BYTES);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  request.writeUInt16LE(NLM_F_REQUEST_DUMP, 6);
  request.writeUInt32LE(1, 8);
  request.writeUInt8(FAMILIES[family], HEADER_BYTES);
  request.writeUInt8(IPPROTO_TCP, HEADER_BYTES + 1);
  request.writeUInt8(1 << (INET_DIAG_INFO - 1), HEADER_BYTES + 2);
  request.writeUInt32LE(OPEN_STATES, HEADER_BYTES + 4);
  return request;
}

/** One datagram holds several messages. What is cut short or unknown is left out. */
export function parseTcpReply(datagram: Buffer): { sockets: [number, TcpActivity][]; done: boolean; errno?: number } {
  const sockets: [number, TcpActivity][] = [];
  for (const { type, body } of records(datagram, HEADER_BYTES, (at) => datagram.readUInt32LE(at), 4)) {
    if (type === NLMSG_DONE) return { sockets, done: true };
    if (type === NLMSG_ERROR && body.length >= 4) return { sockets, done: true, errno: -body.readInt32LE(0) };
    if (type !== SOCK_DIAG_BY_FAMILY || body.length < MESSAGE_BYTES) continue;
    const attributes = body.subarray(MESSAGE_BYTES);
    for (const { type: attribute, body: info } of records(attributes, 4, (at) => attributes.readUInt16LE(at), 2)) {
      if (attribute !== INET_DIAG_INFO || info.length < INFO_BYTES) continue;
      sockets.push([body.readUInt32LE(INODE_OFFSET), readInfo(info)]);
    }
  }
  return { sockets, done: false };
}

function readInfo(info: Buffer): TcpActivity {
  return {
    sentMs: info.readUInt32LE(LAST_DATA_SENT),
    receivedMs: info.readUInt32LE(LAST_DATA_RECEIVED),
    bytesAcked: Number(info.readBigUInt64LE(BYTES_ACKED)),
    bytesReceived: Number(info.readBigUInt64LE(BYTES_RECEIVED)),
  };
}

/**
 * It has sent data and received none since: an answer is due. Both times count in the kernel's ticks, so a quick
 * answer shows the same time; and what was sent together with the handshake was sent before anything was received.
 */
export function awaitsAnswer({ sentMs, receivedMs, bytesAcked, bytesReceived }: TcpActivity): boolean {
  // The handshake itself counts as one byte acknowledged (RFC 9293, 3.4).
  if (bytesReceived === 0) return bytesAcked > 1;
  return sentMs < receivedMs;
}
