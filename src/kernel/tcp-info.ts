/**
 * The TCP sockets of our own network namespace with what the kernel knows of each, by sock_diag(7): struct tcp_info of
 * linux/tcp.h, of which older kernels send less. No right is needed for it. Bytes only; netlink.ts exchanges them.
 * It must not know what is good or bad.
 */
import { endpointText } from "./endpoint.ts";
import { exchange } from "./netlink.ts";
import { records } from "./sock-diag.ts";
import { INET_STATES, INET_TIMERS, type InetState, type InetTimer } from "./sockets.ts";

export interface TcpSocket {
  /** Given to a socket once, as long as the machine runs. */
  cookie: number;
  /** 0 where no process has it open. */
  inode: number;
  state: InetState;
  local: string;
  remote: string;
  timer: InetTimer;
  /** Bytes not read; of a listening socket, connections that wait to be accepted. */
  rxQueue: number;
  /** Bytes not acknowledged; of a listening socket, how many connections may wait, which one more than that does. */
  txQueue: number;
  /** Not of a listening socket, and not where the kernel sends less than it has since Linux 4.1. */
  info?: TcpInfo;
  /** What lies in its receive buffer with all that the kernel keeps beside the data, and how much may. */
  receiveBuffer?: { bytes: number; limit: number };
}

export interface TcpInfo {
  /** How often in a row the oldest data was sent again without an answer. */
  retransmits: number;
  /** How often in a row the other end was asked without an answer: whether its window has opened, whether it is there. */
  probes: number;
  /** How often each timeout was doubled. */
  backoff: number;
  rtoMs: number;
  /** Of a segment. */
  mssBytes: number;
  /** Segments sent and not acknowledged, and those of them that are held for lost. */
  unacked: number;
  lost: number;
  /** How long ago; a retransmission counts as sent. Both of data count from the handshake where there was none. */
  sentMs: number;
  receivedMs: number;
  acknowledgedMs: number;
  rttMs: number;
  /** Segments. */
  congestionWindow: number;
  /** Segments, since the connection was made; also those that were not needed after all. */
  retransmitted: number;
  bytesAcked: number;
  bytesReceived: number;
  /** Of the rest a kernel before Linux 4.6, 4.19 or 5.4 does not tell. */
  segmentsSent?: number;
  /** Written by the process and not sent for the first time yet. */
  unsentBytes?: number;
  /** Segments sent again that the other end had got: it says so. */
  needless?: number;
  /** How much the other end says that it has room for, in bytes. */
  sendWindow?: number;
}

export interface TcpTable {
  sockets: TcpSocket[];
  /** False where there are more than were asked for. */
  complete: boolean;
}

interface TcpRequest {
  family: 4 | 6;
  states: readonly InetState[];
  /** Of INET_DIAG_*: 2 is tcp_info, 7 the socket's memory. */
  extensions: readonly number[];
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
const ADDRESS_OFFSET = 8;
const REMOTE_ADDRESS_OFFSET = 24;
const COOKIE_OFFSET = 44;
const QUEUES_OFFSET = 56;
const INODE_OFFSET = 68;
const INET_DIAG_INFO = 2;
const INET_DIAG_SKMEMINFO = 7;
const FAMILIES = { 4: 2, 6: 10 } as const;

/** Not those that only the kernel still knows, as TIME_WAIT. */
const STATES_OF_PROCESSES = [
  "ESTABLISHED", "SYN_SENT", "FIN_WAIT1", "FIN_WAIT2", "CLOSE_WAIT", "LISTEN",
] as const; // prettier-ignore
const ALL_FAMILIES = [4, 6] as const;

/** At most so many sockets; or the reason why they cannot be told. */
export async function readTcpTable(maxSockets: number, deadlineMs = 500): Promise<TcpTable | string> {
  const table: TcpTable = { sockets: [], complete: true };
  const extensions = [INET_DIAG_INFO, INET_DIAG_SKMEMINFO];
  for (const family of ALL_FAMILIES) {
    const refusal = await tcpSockets({ family, states: STATES_OF_PROCESSES, extensions }, deadlineMs, (socket) => {
      table.complete = table.sockets.length < maxSockets;
      if (table.complete) table.sockets.push(socket);
      return table.complete;
    });
    if (refusal !== undefined) return refusal;
  }
  return table;
}

/** Each connection that both may still send over; undefined, or the reason why they cannot be told. */
export async function openConnections(
  deadlineMs: number,
  take: (socket: TcpSocket) => void,
): Promise<string | undefined> {
  for (const family of ALL_FAMILIES) {
    const request = { family, states: ["ESTABLISHED", "CLOSE_WAIT"], extensions: [INET_DIAG_INFO] } as const;
    const refusal = await tcpSockets(request, deadlineMs, (socket) => {
      take(socket);
      return true;
    });
    if (refusal !== undefined) return refusal;
  }
  return undefined;
}

/** Hands over one after the other, as long as `take` says so. */
async function tcpSockets(
  request: TcpRequest,
  deadlineMs: number,
  take: (socket: TcpSocket) => boolean,
): Promise<string | undefined> {
  try {
    for await (const datagram of exchange(NETLINK_SOCK_DIAG, buildTcpRequest(request), deadlineMs)) {
      const { sockets, done, errno } = parseTcpReply(datagram);
      if (errno !== undefined) return `the kernel has no tcp_diag: errno ${errno}`;
      for (const socket of sockets) if (!take(socket)) return undefined;
      if (done) return undefined;
    }
    return "sock_diag ended early";
  } catch (error) {
    return (error as Error).message;
  }
}

export function buildTcpRequest({ family, states, extensions }: TcpRequest): Buffer {
  const request = Buffer.alloc(HEADER_BYTES + REQUEST_BYTES);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  request.writeUInt16LE(NLM_F_REQUEST_DUMP, 6);
  request.writeUInt32LE(1, 8);
  request.writeUInt8(FAMILIES[family], HEADER_BYTES);
  request.writeUInt8(IPPROTO_TCP, HEADER_BYTES + 1);
  const wanted = extensions.reduce((bits, extension) => bits | (1 << (extension - 1)), 0);
  request.writeUInt8(wanted, HEADER_BYTES + 2);
  const mask = states.reduce((bits, state) => bits | (1 << INET_STATES.indexOf(state)), 0);
  request.writeUInt32LE(mask, HEADER_BYTES + 4);
  return request;
}

/** One datagram holds several messages. What is cut short or unknown is left out. */
export function parseTcpReply(datagram: Buffer): { sockets: TcpSocket[]; done: boolean; errno?: number } {
  const sockets: TcpSocket[] = [];
  for (const { type, body } of records(datagram, HEADER_BYTES, (at) => datagram.readUInt32LE(at), 4)) {
    if (type === NLMSG_DONE) return { sockets, done: true };
    if (type === NLMSG_ERROR && body.length >= 4) return { sockets, done: true, errno: -body.readInt32LE(0) };
    if (type === SOCK_DIAG_BY_FAMILY && body.length >= MESSAGE_BYTES) sockets.push(readSocket(body));
  }
  return { sockets, done: false };
}

function readSocket(body: Buffer): TcpSocket {
  const addressBytes = body.readUInt8(0) === FAMILIES[6] ? 16 : 4;
  const end = (at: number, port: number) => endpointText(body.subarray(at, at + addressBytes), port);
  const state = INET_STATES[body.readUInt8(1)] ?? "UNKNOWN";
  const socket: TcpSocket = {
    cookie: body.readUInt32LE(COOKIE_OFFSET) + body.readUInt32LE(COOKIE_OFFSET + 4) * 2 ** 32,
    inode: body.readUInt32LE(INODE_OFFSET),
    state,
    local: end(ADDRESS_OFFSET, body.readUInt16BE(4)),
    remote: end(REMOTE_ADDRESS_OFFSET, body.readUInt16BE(6)),
    timer: INET_TIMERS[body.readUInt8(2)] ?? "none",
    rxQueue: body.readUInt32LE(QUEUES_OFFSET),
    txQueue: body.readUInt32LE(QUEUES_OFFSET + 4),
  };
  const attributes = body.subarray(MESSAGE_BYTES);
  for (const { type, body: value } of records(attributes, 4, (at) => attributes.readUInt16LE(at), 2)) {
    if (type === INET_DIAG_INFO && value.length >= INFO_BYTES && state !== "LISTEN") socket.info = readInfo(value);
    // linux/sock_diag.h: SK_MEMINFO_RMEM_ALLOC, SK_MEMINFO_RCVBUF.
    if (type === INET_DIAG_SKMEMINFO && value.length >= 8) {
      socket.receiveBuffer = { bytes: value.readUInt32LE(0), limit: value.readUInt32LE(4) };
    }
  }
  return socket;
}

/** Up to tcpi_bytes_received, which came with Linux 4.1. */
const INFO_BYTES = 136;

/** The offsets are those of struct tcp_info, which has grown at its end only. */
function readInfo(info: Buffer): TcpInfo {
  const later = (at: number) => (info.length >= at + 4 ? info.readUInt32LE(at) : undefined);
  const known: TcpInfo = {
    retransmits: info.readUInt8(2),
    probes: info.readUInt8(3),
    backoff: info.readUInt8(4),
    rtoMs: info.readUInt32LE(8) / 1000,
    mssBytes: info.readUInt32LE(16),
    unacked: info.readUInt32LE(24),
    lost: info.readUInt32LE(32),
    sentMs: info.readUInt32LE(44),
    receivedMs: info.readUInt32LE(52),
    acknowledgedMs: info.readUInt32LE(56),
    rttMs: info.readUInt32LE(68) / 1000,
    congestionWindow: info.readUInt32LE(80),
    retransmitted: info.readUInt32LE(100),
    bytesAcked: Number(info.readBigUInt64LE(120)),
    bytesReceived: Number(info.readBigUInt64LE(128)),
  };
  const segmentsSent = later(136);
  const unsentBytes = later(144);
  const needless = later(216);
  const sendWindow = later(228);
  if (segmentsSent !== undefined) known.segmentsSent = segmentsSent;
  if (unsentBytes !== undefined) known.unsentBytes = unsentBytes;
  if (needless !== undefined) known.needless = needless;
  if (sendWindow !== undefined) known.sendWindow = sendWindow;
  return known;
}
