/**
 * The records of bpf/lifecycle.bpf.c, in the layout that stands there: processes that ended, signals and their senders,
 * victims of the OOM killer. Kept until taken, and bounded; what had no room is counted.
 */
import { BpfObject, KeptRecords } from "./bpf.ts";

export interface LifecycleRecord {
  kind: "exit" | "signal" | "oom_victim";
  pid: number;
  /** Its parent; of a signal the sender, 0 where the kernel sent it; of a victim, whose request could not be met. */
  other: number;
  /** Of an exit as wait(2) has it; of a signal its number. */
  code: number;
  /** Clock ticks since boot, as stat counts them. */
  startTicks: number;
  /** Milliseconds since boot. */
  atMs: number;
  comm: string;
  otherComm: string;
}

const KINDS = [undefined, "exit", "signal", "oom_victim"] as const;
/** Bytes of a record, and where its fields lie. */
const BYTES = 64;
const CODE = 12;
const AT_NS = 16;
const START_NS = 24;
const COMM = 32;
const OTHER_COMM = 48;
const COMM_BYTES = 16;

const TICK_NS = 10_000_000n;
const MS_NS = 1_000_000n;
/** Ten seconds of 5,000 short-lived processes each. */
const MAX_KEPT = 100_000;

export class BpfLifecycle {
  readonly #object: BpfObject;
  readonly #records: KeptRecords<LifecycleRecord>;

  private constructor(object: BpfObject) {
    this.#object = object;
    this.#records = new KeptRecords(object, { bytes: BYTES, most: MAX_KEPT, parse: parseLifecycle });
  }

  /** Throws an Error that says why this machine does not allow it. */
  static async open(): Promise<BpfLifecycle> {
    const optional = ["marked"];
    const programs = ["exited", "signalled"];
    // Before Linux 6.10 a victim comes in another form, and the kernel refuses the program that expects this one.
    const object = await BpfObject.load("lifecycle").catch(() => undefined);
    const loaded = object ?? (await BpfObject.load("lifecycle", { without: optional }));
    try {
      for (const program of object === undefined ? programs : [...programs, ...optional]) loaded.attach(program);
      return new BpfLifecycle(loaded);
    } catch (error) {
      loaded.close();
      throw error;
    }
  }

  /** What was told since the last time, oldest first. */
  take(): LifecycleRecord[] {
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
export function parseLifecycle(bytes: Buffer): LifecycleRecord | undefined {
  const kind = KINDS[bytes.readUInt32LE(0)];
  if (kind === undefined) return undefined;
  return {
    kind,
    pid: bytes.readUInt32LE(4),
    other: bytes.readUInt32LE(8),
    code: bytes.readUInt32LE(CODE),
    atMs: Number(bytes.readBigUInt64LE(AT_NS) / MS_NS),
    startTicks: Number(bytes.readBigUInt64LE(START_NS) / TICK_NS),
    comm: text(bytes, COMM),
    otherComm: text(bytes, OTHER_COMM),
  };
}

function text(bytes: Buffer, start: number): string {
  const end = bytes.indexOf(0, start);
  return bytes.toString("utf8", start, end < 0 || end > start + COMM_BYTES ? start + COMM_BYTES : end);
}
