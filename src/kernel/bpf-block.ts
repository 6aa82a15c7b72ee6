/**
 * The records of bpf/block.bpf.c, in the layouts that stand there: how long disks took since the last reading, for whom,
 * and which requests failed. Failures are kept until taken, and bounded; what had no room is counted.
 */
import { BpfObject, type BpfIterator, KeptRecords } from "./bpf.ts";

export interface DiskLatency {
  /** `major:minor` of the whole disk. */
  device: string;
  /** Requests that were answered. */
  count: number;
  sumMs: number;
  maxMs: number;
  /** How many took at least 2^n µs, and less than twice that, by n; the first also has those that took less. */
  buckets: number[];
}

/** What one process asked of one disk. Who asked through the page cache and did not wait is not told. */
export interface DiskUse {
  pid: number;
  /** Clock ticks since boot. */
  startTicks: number;
  device: string;
  count: number;
  bytes: number;
  sumMs: number;
  maxMs: number;
}

export interface FailedRequest {
  device: string;
  /** Who asked for it; undefined where the kernel itself did. */
  asker: { pid: number; startTicks: number } | undefined;
  operation: string;
  /** The kernel read it in case it would be wanted. */
  isReadAhead: boolean;
  /** `EIO`, or as the kernel numbers it. */
  error: string;
  sector: number;
  bytes: number;
}

export interface BlockReading {
  disks: DiskLatency[];
  uses: DiskUse[];
  failures: FailedRequest[];
}

const BUCKETS = 32;
const DISK_BYTES = 8 + 24 + 4 * BUCKETS;
const USE_BYTES = 48;
const FAILURE_BYTES = 40;
const MAX_FAILURES = 1024;

const NS_PER_MS = 1e6;
const TICK_NS = 10_000_000n;
/** include/linux/kdev_t.h */
const MINOR_BITS = 20;

/** include/linux/blk_types.h: enum req_op, and the flag in its place. */
const OPERATIONS = ["read", "write", "flush", "discard", undefined, "secure erase"];
const OPERATION_BITS = 0xff;
const READ_AHEAD = 1 << 19;
/** block/blk-core.c: blk_errors. */
const ERRORS: Record<number, string> = {
  1: "EOPNOTSUPP",
  2: "ETIMEDOUT",
  3: "ENOSPC",
  4: "ENOLINK",
  5: "EREMOTEIO",
  6: "EBADE",
  7: "ENODATA",
  8: "EILSEQ",
  9: "ENOMEM",
  10: "EIO",
};
/** The disk does not know such a request: an answer like another. */
const NOT_SUPPORTED = 1;

export class BpfBlock {
  readonly #object: BpfObject;
  readonly #disks: BpfIterator;
  readonly #uses: BpfIterator;
  readonly #failures: KeptRecords<FailedRequest>;

  private constructor(object: BpfObject) {
    this.#object = object;
    this.#disks = object.iterator("read_disks", "disks");
    this.#uses = object.iterator("read_uses", "uses");
    this.#failures = new KeptRecords(object, { bytes: FAILURE_BYTES, most: MAX_FAILURES, parse: parseFailure });
  }

  /** Throws an Error that says why this machine does not allow it. */
  static async open(): Promise<BpfBlock> {
    const optional = ["asked_for"];
    const programs = ["issued", "answered"];
    // Before Linux 6.5 who asks is told when the request is issued: the same process, or a worker of the kernel's.
    const whole = await BpfObject.load("block").catch(() => undefined);
    const object = whole ?? (await BpfObject.load("block", { without: optional }));
    try {
      for (const program of whole === undefined ? programs : [...optional, ...programs]) object.attach(program);
      return new BpfBlock(object);
    } catch (error) {
      object.close();
      throw error;
    }
  }

  /** Since the last time. */
  take(): BlockReading {
    const failures = this.#failures.take();
    return {
      disks: recordsOf(this.#disks, DISK_BYTES, parseDisk),
      uses: recordsOf(this.#uses, USE_BYTES, parseUse),
      failures,
    };
  }

  /** Failures that were lost since the start: in the kernel's ring, or here. */
  get lost(): number {
    return this.#failures.lost;
  }

  close(): void {
    this.#object.close();
  }
}

function recordsOf<T>(iterator: BpfIterator, bytes: number, parse: (record: Buffer) => T): T[] {
  const records: T[] = [];
  for (const part of iterator.read()) {
    for (let at = 0; at + bytes <= part.length; at += bytes) records.push(parse(part.subarray(at, at + bytes)));
  }
  return records;
}

function parseDisk(record: Buffer): DiskLatency {
  return {
    device: deviceOf(record.readUInt32LE(0)),
    count: Number(record.readBigUInt64LE(8)),
    sumMs: milliseconds(record, 16),
    maxMs: milliseconds(record, 24),
    buckets: Array.from({ length: BUCKETS }, (_, bucket) => record.readUInt32LE(32 + 4 * bucket)),
  };
}

function parseUse(record: Buffer): DiskUse {
  return {
    pid: record.readUInt32LE(0),
    device: deviceOf(record.readUInt32LE(4)),
    startTicks: ticks(record, 8),
    count: Number(record.readBigUInt64LE(16)),
    bytes: Number(record.readBigUInt64LE(24)),
    sumMs: milliseconds(record, 32),
    maxMs: milliseconds(record, 40),
  };
}

/** Undefined where nothing has failed. */
export function parseFailure(record: Buffer): FailedRequest | undefined {
  const pid = record.readUInt32LE(4);
  const status = record.readUInt32LE(8);
  const flags = record.readUInt32LE(12);
  if (status === NOT_SUPPORTED) return undefined;
  const operation = flags & OPERATION_BITS;
  return {
    device: deviceOf(record.readUInt32LE(0)),
    asker: pid === 0 ? undefined : { pid, startTicks: ticks(record, 24) },
    operation: OPERATIONS[operation] ?? `operation ${operation}`,
    isReadAhead: (flags & READ_AHEAD) !== 0,
    error: ERRORS[status] ?? `status ${status}`,
    sector: Number(record.readBigUInt64LE(16)),
    bytes: record.readUInt32LE(32),
  };
}

function deviceOf(number: number): string {
  return `${number >>> MINOR_BITS}:${number & ((1 << MINOR_BITS) - 1)}`;
}

function milliseconds(record: Buffer, at: number): number {
  return Number(record.readBigUInt64LE(at)) / NS_PER_MS;
}

function ticks(record: Buffer, at: number): number {
  return Number(record.readBigUInt64LE(at) / TICK_NS);
}
