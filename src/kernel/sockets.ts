/**
 * Sockets and their other ends. TCP and UDP ends are matched by address, from /proc/PID/net, which shows the network
 * namespace of that process; the ends of a unix socket only by sock_diag, which names the peer's inode.
 */
import { readEndpoint } from "./endpoint.ts";
import { exchange } from "./netlink.ts";
import { readRows } from "./rows.ts";
import { buildUnixRequest, parseUnixReply } from "./sock-diag.ts";
import type { UnixDiag } from "./sock-diag.ts";

export interface InetSocket {
  protocol: "tcp" | "udp";
  /** `10.0.0.1:80`, `[fe80::1]:80`. */
  local: string;
  /** `0.0.0.0:0` or `[::]:0` where there is none. */
  remote: string;
  state: InetState;
  /** Bytes sent and not acknowledged. */
  txQueue: number;
  /** Bytes received and not read; for a listening socket, connections that wait to be accepted. */
  rxQueue: number;
  /** `persist`: the peer's window is full, and it is asked whether it has opened. */
  timer: InetTimer;
  /** How often in a row it sent again, or asked whether the other end has room or is there, without an answer. */
  retransmits: number;
  uid: number;
  /** 0 where no process has it open any more. */
  inode: number;
}

export interface UnixSocket {
  inode: number;
  type: "stream" | "dgram" | "seqpacket" | "unknown";
  state: "listening" | "free" | "unconnected" | "connecting" | "connected" | "disconnecting" | "unknown";
  /** `@name` for an abstract one. */
  path: string | undefined;
}

export type UnixPeer = Omit<UnixDiag, "inode">;

// include/net/tcp_states.h; udp uses ESTABLISHED (connected) and CLOSE (not connected).
export const INET_STATES = [
  "UNKNOWN", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
  "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV",
] as const; // prettier-ignore
export type InetState = (typeof INET_STATES)[number];

// net/ipv4/tcp_ipv4.c, get_tcp4_sock
export const INET_TIMERS = ["none", "retransmit", "keepalive", "timewait", "persist"] as const;
export type InetTimer = (typeof INET_TIMERS)[number];

const UNIX_TYPES: Record<number, UnixSocket["type"]> = { 1: "stream", 2: "dgram", 5: "seqpacket" };
const UNIX_STATES = ["free", "unconnected", "connecting", "connected", "disconnecting"] as const;
/** __SO_ACCEPTCON */
const LISTENING_FLAG = 0x10000;

const NETLINK_SOCK_DIAG = 4;
/** About 200,000 sockets: a larger table takes the kernel seconds to print. */
const TABLE_BYTES = 32 << 20;

/**
 * Every TCP and UDP socket of the network namespace that the process is in. Undefined where the tables cannot be read
 * or are too large: then nothing may be said about peers. The kernel prints a table in pieces, so one that changes
 * meanwhile may lack a row; who concludes from an absence looks twice.
 */
export async function readInet(proc: string, pid: number): Promise<InetSocket[] | undefined> {
  const sockets: InetSocket[] = [];
  for (const protocol of ["tcp", "udp"] as const) {
    for (const family of [4, 6] as const) {
      const path = `${proc}/${pid}/net/${protocol}${family === 4 ? "" : "6"}`;
      const read = await readRows(path, TABLE_BYTES, (rows) => sockets.push(...parseInet(rows, family, protocol)));
      // A kernel without IPv6 has no tcp6; without tcp the process is gone.
      if (read === "too large" || (read === "absent" && family === 4)) return undefined;
    }
  }
  return sockets;
}

/** Rows of /proc/net/{tcp,tcp6,udp,udp6}; proc_pid_net(5). The heading and whatever is no row are left out. */
export function parseInet(text: string, family: 4 | 6, protocol: "tcp" | "udp" = "tcp"): InetSocket[] {
  return text.split("\n").flatMap((line) => {
    const [slot, localHex, remoteHex, state, queues, timer, retransmits, uid, probes, inode] = line.trim().split(/\s+/);
    if (inode === undefined || !/^\d+:$/.test(slot as string)) return [];
    const local = readEndpoint(localHex as string, family);
    const remote = readEndpoint(remoteHex as string, family);
    const [txQueue, rxQueue] = (queues as string).split(":").map((word) => Number.parseInt(word, 16));
    const numbers = [
      txQueue,
      rxQueue,
      Number(uid),
      Number(inode),
      Number.parseInt(retransmits as string, 16),
      Number(probes),
    ];
    if (local === undefined || remote === undefined || !numbers.every(Number.isSafeInteger)) return [];
    return {
      protocol,
      local,
      remote,
      state: INET_STATES[Number.parseInt(state as string, 16)] ?? "UNKNOWN",
      txQueue: txQueue as number,
      rxQueue: rxQueue as number,
      timer: INET_TIMERS[Number.parseInt(timer as string, 16)] ?? "none",
      retransmits: Math.max(numbers[4] as number, numbers[5] as number),
      uid: Number(uid),
      inode: Number(inode),
    };
  });
}

/**
 * Every unix socket of our own network namespace, by inode; or why they cannot be told. Without it only
 * /proc/net/unix is left, which does not name peers.
 */
export async function unixPeers(deadlineMs = 500): Promise<Map<number, UnixPeer> | string> {
  const peers = new Map<number, UnixPeer>();
  try {
    for await (const datagram of exchange(NETLINK_SOCK_DIAG, buildUnixRequest(), deadlineMs)) {
      const { sockets, done, errno } = parseUnixReply(datagram);
      if (errno !== undefined) return `the kernel has no unix_diag: errno ${errno}`;
      for (const { inode, ...peer } of sockets) peers.set(inode, peer);
      if (done) return peers;
    }
    return "sock_diag ended early";
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Rows of /proc/net/unix. A path is printed as it is, line breaks included, so it can feign rows: where it matters
 * whose path it is, ask sock_diag.
 */
export function parseUnix(text: string): UnixSocket[] {
  return text.split("\n").flatMap((line) => {
    const match = /^[0-9a-f]+: [0-9a-f]+ [0-9a-f]+ ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) +(\d+)(?: (.*))?$/i.exec(line);
    if (match === null) return [];
    const [, flags, type, state, inode, path] = match as unknown as [string, string, string, string, string, string?];
    const listening = (Number.parseInt(flags, 16) & LISTENING_FLAG) !== 0;
    return {
      inode: Number(inode),
      type: UNIX_TYPES[Number.parseInt(type, 16)] ?? "unknown",
      state: listening ? "listening" : (UNIX_STATES[Number.parseInt(state, 16)] ?? "unknown"),
      path,
    };
  });
}
