/**
 * The records of bpf/stalls.bpf.c, in the layout that stands there: long waits for locks inside the kernel, and threads
 * that the kernel calls hung. Kept until taken, and bounded; what had no room is counted.
 */
import { BpfObject, KeptRecords } from "./bpf.ts";

export interface StallRecord {
  kind: "lock_contention" | "hung_task";
  pid: number;
  tid: number;
  comm: string;
  lock: "mutex" | "rwsem" | "percpu_rwsem" | "rt_mutex" | "semaphore";
  /** Who had the lock when the wait began; undefined where the kernel does not know. */
  holder: { pid: number; tid: number } | undefined;
  /** Of a hung task 0: the kernel does not say. */
  waitedMs: number;
}

const KINDS = [undefined, "lock_contention", "hung_task"] as const;
/** Bytes of a record, and where its fields lie. */
const BYTES = 56;
const TID = 8;
const FLAGS = 12;
const HOLDER_PID = 16;
const HOLDER_TID = 20;
const WAITED_NS = 32;
const COMM = 40;

/** include/trace/events/lock.h */
const FLAG_READ_OR_WRITE = 2 | 4;
const FLAG_REALTIME = 8;
const FLAG_PERCPU = 16;
const FLAG_MUTEX = 32;

const MS_NS = 1_000_000n;
const MAX_KEPT = 4096;

export class BpfStalls {
  readonly #object: BpfObject;
  readonly #records: KeptRecords<StallRecord>;

  private constructor(object: BpfObject) {
    this.#object = object;
    this.#records = new KeptRecords(object, { bytes: BYTES, most: MAX_KEPT, parse: parseStall });
  }

  /** Throws an Error that says why this machine does not allow it. */
  static async open(): Promise<BpfStalls> {
    const contention = ["began", "ended"];
    const hang = ["hung"];
    // A kernel may have been built without the one (before Linux 5.19) or the other (CONFIG_DETECT_HUNG_TASK).
    let refusal: unknown;
    for (const without of [[], hang, contention]) {
      let object: BpfObject | undefined;
      try {
        object = await BpfObject.load("stalls", { without });
        for (const program of [...contention, ...hang]) if (!without.includes(program)) object.attach(program);
        return new BpfStalls(object);
      } catch (error) {
        object?.close();
        refusal ??= error;
      }
    }
    throw refusal;
  }

  /** What was told since the last time, oldest first. */
  take(): StallRecord[] {
    return this.#records.take();
  }

  /** Records that were lost since the start: in the kernel's ring, or here. */
  get lost(): number {
    return this.#records.lost;
  }

  close(): void {
    this.#object.close();
  }
}

/** Undefined for a kind that is not known. */
export function parseStall(bytes: Buffer): StallRecord | undefined {
  const kind = KINDS[bytes.readUInt32LE(0)];
  if (kind === undefined) return undefined;
  const holder = { pid: bytes.readUInt32LE(HOLDER_PID), tid: bytes.readUInt32LE(HOLDER_TID) };
  return {
    kind,
    pid: bytes.readUInt32LE(4),
    tid: bytes.readUInt32LE(TID),
    comm: textOf(bytes.subarray(COMM, BYTES)),
    lock: lockOf(bytes.readUInt32LE(FLAGS)),
    holder: holder.pid === 0 || holder.tid === 0 ? undefined : holder,
    waitedMs: Number(bytes.readBigUInt64LE(WAITED_NS) / MS_NS),
  };
}

function lockOf(flags: number): StallRecord["lock"] {
  if ((flags & FLAG_MUTEX) !== 0) return "mutex";
  if ((flags & FLAG_PERCPU) !== 0) return "percpu_rwsem";
  if ((flags & FLAG_REALTIME) !== 0) return "rt_mutex";
  return (flags & FLAG_READ_OR_WRITE) !== 0 ? "rwsem" : "semaphore";
}

function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? bytes.length : end);
}
