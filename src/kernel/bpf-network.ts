/**
 * The records of bpf/network.bpf.c, in the layouts that stand there: TCP connections of every network namespace with
 * who uses them and what they lost, and how some ended. Both are bounded; what had no room is counted.
 */
import { BpfObject, type BpfIterator, type BpfRing } from "./bpf.ts";
import { kernelEnum } from "./btf.ts";
import { dropReasons } from "./drop-reasons.ts";
import { endpointText } from "./endpoint.ts";
import { INET_STATES, INET_TIMERS } from "./sockets.ts";
import type { TcpSocket } from "./tcp-info.ts";

export interface Drops {
  /** Since the kernel remembers. */
  count: number;
  /** The last one's, by the running kernel's name: `NETFILTER_DROP`. */
  reason: string;
}

/** Its `cookie` is a number of our own. */
export interface BpfConnection extends TcpSocket {
  /** Inode of its network namespace. */
  netns: number;
  /** The process that connected it; 0 where that was not seen, as of one that was accepted, or is not of our pid namespace. */
  pid: number;
  /** Packets of the last ten seconds that it sent, and that were meant for it. */
  dropped: { sent?: Drops; received?: Drops };
}

export interface ConnectionEnd {
  kind: "reset received" | "reset sent" | "given up";
  /** As of a connection. */
  pid: number;
  inode: number;
  /** Of a reset that was sent by the kernel's name, of one given up the error's; empty where it is not known. */
  reason: string;
  /** Segments that it had sent again. */
  retransmitted: number;
  local: string;
  remote: string;
}

type Names = ReadonlyMap<number, string>;

export const CONNECTION_BYTES = 184;
export const END_BYTES = 56;
const MAX_REASONS = 256;
const MAX_CONNECTIONS = 20_000;
const MAX_ENDS = 4096;
/** The event loop is let in after so many milliseconds. */
const SLICE_MS = 4;

const PROGRAMS = ["retransmitted", "reset_received", "state_changed"] as const;
/** By the Linux they need, the newest first: 6.10, 5.17. */
const OPTIONAL = [["reset_sent"], ["dropped"]] as const;

export class BpfNetwork {
  readonly #object: BpfObject;
  readonly #connections: BpfIterator;
  readonly #ring: BpfRing;
  readonly #dropNames: Names;
  #ends: ConnectionEnd[] = [];
  #unkept = 0;

  private constructor(object: BpfObject, dropNames: Names, resetNames: Names) {
    this.#object = object;
    this.#dropNames = dropNames;
    this.#connections = object.iterator("connections", "sockets");
    this.#ring = object.ring("records", (bytes) => {
      const end = parseEnd(bytes, resetNames);
      if (end === undefined) return;
      if (this.#ends.length < MAX_ENDS) this.#ends.push(end);
      else this.#unkept += 1;
    });
  }

  /** Throws an Error that says why this machine does not allow it. */
  static async open(): Promise<BpfNetwork> {
    const dropNames = await dropReasons();
    const resetNames = await kernelEnum("sk_rst_reason", "SK_RST_REASON_");
    const { object, programs } = await load(constantsOf(dropNames));
    try {
      const network = new BpfNetwork(object, dropNames, resetNames);
      for (const program of programs) object.attach(program);
      return network;
    } catch (error) {
      object.close();
      throw error;
    }
  }

  /** Those over which something went since the last time, or waits, or was lost. Throws where the kernel does not go on. */
  async connections(): Promise<BpfConnection[]> {
    const found: BpfConnection[] = [];
    let sliceEnd = performance.now() + SLICE_MS;
    for (const part of this.#connections.read()) {
      for (let at = 0; at + CONNECTION_BYTES <= part.length; at += CONNECTION_BYTES) {
        if (found.length === MAX_CONNECTIONS) return found;
        found.push(parseConnection(part.subarray(at, at + CONNECTION_BYTES), this.#dropNames));
      }
      if (performance.now() < sliceEnd) continue;
      await new Promise(setImmediate);
      sliceEnd = performance.now() + SLICE_MS;
    }
    return found;
  }

  /** Connections that ended unasked since the last time. */
  ends(): ConnectionEnd[] {
    this.#ring.empty();
    const taken = this.#ends;
    this.#ends = [];
    return taken;
  }

  /** Ends that were lost since the start: in the kernel's ring, or here. */
  get lost(): number {
    const lost = this.#object.value(".bss", Buffer.alloc(4), 16);
    return this.#unkept + Number(lost?.readBigUInt64LE() ?? 0n);
  }

  close(): void {
    this.#object.close();
  }
}

/** With as many programs as this kernel takes. */
async function load(constants: Buffer): Promise<{ object: BpfObject; programs: string[] }> {
  for (let missing = 0; ; missing++) {
    const without = OPTIONAL.slice(0, missing).flat();
    try {
      const object = await BpfObject.load("network", { constants, without });
      return { object, programs: [...PROGRAMS, ...OPTIONAL.slice(missing).flat()] };
    } catch (error) {
      if (missing === OPTIONAL.length) throw error;
    }
  }
}

function constantsOf(dropNames: Names): Buffer {
  const constants = Buffer.alloc(MAX_REASONS);
  for (const reason of dropNames.keys()) if (reason < MAX_REASONS) constants[reason] = 1;
  return constants;
}

export function parseConnection(record: Buffer, dropNames: Names): BpfConnection {
  const word = (at: number) => record.readUInt32LE(at);
  const long = (at: number) => Number(record.readBigUInt64LE(at));
  const tickMs = 1000 / ticksPerSecond(long(24), long(32));
  const ticksMs = (at: number) => Math.round(word(at) * tickMs);
  const connection: BpfConnection = {
    cookie: long(0),
    ...endsAt(record, 40),
    netns: word(76),
    pid: word(80),
    inode: word(84),
    state: INET_STATES[record.readUInt8(88)] ?? "UNKNOWN",
    timer: INET_TIMERS[record.readUInt8(89)] ?? "none",
    // A FIN that came counts as a byte that nobody reads.
    rxQueue: Math.max(0, record.readInt32LE(152)),
    txQueue: Math.max(0, record.readInt32LE(156)),
    receiveBuffer: { bytes: word(160), limit: word(164) },
    info: {
      retransmits: record.readUInt8(90),
      probes: record.readUInt8(91),
      backoff: record.readUInt8(92),
      rtoMs: ticksMs(96),
      sentMs: ticksMs(100),
      receivedMs: ticksMs(104),
      acknowledgedMs: ticksMs(108),
      rttMs: word(112) / 1000,
      mssBytes: word(116),
      unacked: word(120),
      lost: word(124),
      congestionWindow: word(128),
      retransmitted: word(132),
      segmentsSent: word(136),
      needless: word(140),
      unsentBytes: Math.max(0, record.readInt32LE(144)),
      sendWindow: word(148),
      bytesAcked: long(8),
      bytesReceived: long(16),
    },
    dropped: {},
  };
  for (const [way, at] of [
    ["sent", 168],
    ["received", 172],
  ] as const) {
    const reason = dropNames.get(word(at + 8));
    if (word(at) > 0 && reason !== undefined) connection.dropped[way] = { count: word(at), reason };
  }
  return connection;
}

const ENDS = [undefined, "reset received", "reset sent", "given up"] as const;
// asm-generic/errno.h
const ERRORS: Names = new Map([[101, "ENETUNREACH"], [110, "ETIMEDOUT"], [113, "EHOSTUNREACH"]]); // prettier-ignore

/** Undefined for a kind that is not known, or a record cut short. */
export function parseEnd(record: Buffer, resetNames: Names): ConnectionEnd | undefined {
  const kind = record.length < END_BYTES ? undefined : ENDS[record.readUInt32LE(0)];
  if (kind === undefined) return undefined;
  const reason = record.readUInt32LE(8);
  const names = kind === "given up" ? ERRORS : resetNames;
  return {
    kind,
    pid: record.readUInt32LE(4),
    reason: kind === "reset received" ? "" : (names.get(reason) ?? ""),
    retransmitted: record.readUInt32LE(12),
    ...endsAt(record, 16),
    inode: record.readUInt32LE(52),
  };
}

function endsAt(record: Buffer, at: number): { local: string; remote: string } {
  return {
    local: endpointText(record.subarray(at, at + 16), record.readUInt16LE(at + 32)),
    remote: endpointText(record.subarray(at + 16, at + 32), record.readUInt16LE(at + 34)),
  };
}

/** CONFIG_HZ as distributions set it. */
const RATES = [100, 250, 300, 1000] as const;

/**
 * The kernel does not tell how many jiffies a second has. They begin five minutes before they leave 32 bits
 * (INITIAL_JIFFIES of linux/jiffies.h), and run like the monotonic clock, so only one rate brings both together.
 */
export function ticksPerSecond(jiffies: number, monotonicNs: number): number {
  const seconds = monotonicNs / 1e9 - 300;
  const misses = RATES.map((rate) => ({ rate, miss: Math.abs(jiffies - 2 ** 32 - rate * seconds) }));
  return misses.reduce((best, each) => (each.miss < best.miss ? each : best)).rate;
}
