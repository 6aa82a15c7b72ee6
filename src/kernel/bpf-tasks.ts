/**
 * The records of bpf/tasks.bpf.c: every thread of the machine in one read, and those that wait for a lock of the
 * kernel's, in the layout that stands there. Numbers come in the machine's byte order, which is little-endian wherever
 * xctl runs.
 */
import { createHash, randomBytes } from "node:crypto";
import { BpfObject, type BpfIterator } from "./bpf.ts";

/** A record as 32-bit words: how many, and which is which. Numbers of 64 bits have their lower half first. */
export const TASK_WORDS = 26;
export const TASK = {
  tid: 0,
  pid: 1,
  ppid: 2,
  pgrp: 3,
  state: 4,
  exitState: 5,
  flags: 6,
  tty: 7,
  startNs: 8,
  ranNs: 10,
  switches: 12,
  image: 14,
  comm: 22,
} as const;

const COMM_BYTES = 16;
const IMAGE_FIELDS = 4;

const BLOCKER_WORDS = 6;
const LOCK_KINDS = ["mutex", "semaphore", "rwsem"] as const;
/** A lock is told apart by where it lies, which is nobody's business. */
const SALT = randomBytes(16).toString("hex");

/** A lock of the kernel's that a thread waits for. */
export interface KernelLock {
  /** Who has it; of a semaphore, who took it last. */
  holder: { pid: number; tid: number };
  kind: (typeof LOCK_KINDS)[number];
  /** The same for all who wait for it. */
  id: string;
}

export class BpfTasks {
  readonly #object: BpfObject;
  readonly #tasks: BpfIterator;
  readonly #blockers: BpfIterator;

  private constructor(object: BpfObject) {
    this.#object = object;
    this.#tasks = object.iterator("tasks");
    this.#blockers = object.iterator("blockers");
  }

  /** Throws an Error that says why this machine does not allow it. */
  static async open(): Promise<BpfTasks> {
    return new BpfTasks(await BpfObject.load("tasks"));
  }

  /** One pass: whole records, some at a time; each part is overwritten by the next. */
  *read(): Generator<Uint32Array> {
    for (const part of this.#tasks.read()) yield wordsOf(part);
  }

  /** By waiting thread. Linux keeps it since 6.16, where it looks out for hung tasks; empty where it does not. */
  async kernelLocks(): Promise<Map<number, KernelLock>> {
    const locks = new Map<number, KernelLock>();
    for await (const part of this.#blockers.readInPool()) {
      const record = wordsOf(part);
      for (let at = 0; at + BLOCKER_WORDS <= record.length; at += BLOCKER_WORDS) {
        const [tid, holderTid, holderPid, kind, low, high] = record.subarray(at, at + BLOCKER_WORDS);
        if (!tid || !holderTid || !holderPid) continue;
        const id = createHash("sha256").update(`${SALT} ${high} ${low}`).digest("hex").slice(0, 12);
        locks.set(tid, { holder: { pid: holderPid, tid: holderTid }, kind: LOCK_KINDS[kind ?? 0] ?? "rwsem", id });
      }
    }
    return locks;
  }

  close(): void {
    this.#object.close();
  }
}

function wordsOf(part: Buffer): Uint32Array {
  return new Uint32Array(part.buffer, part.byteOffset, part.length / 4);
}

/** The number of 64 bits that starts with this word, as exactly as a number can be. */
export function wide(words: Uint32Array, at: number): number {
  return (words[at] as number) + (words[at + 1] as number) * 2 ** 32;
}

/** As parseStat has it: where its code, stack and arguments lie; empty without an address space. */
export function imageOf(words: Uint32Array, at: number): string {
  const fields = Array.from({ length: IMAGE_FIELDS }, (_, field) => address(words, at + TASK.image + 2 * field));
  return fields[0] === "0" ? "" : fields.join(" ");
}

function address(words: Uint32Array, at: number): string {
  return String((BigInt(words[at + 1] as number) << 32n) | BigInt(words[at] as number));
}

/** Up to the first zero byte. */
export function commOf(words: Uint32Array, at: number): string {
  const bytes = Buffer.from(words.buffer, words.byteOffset + 4 * (at + TASK.comm), COMM_BYTES);
  const end = bytes.indexOf(0);
  return bytes.toString("utf8", 0, end < 0 ? COMM_BYTES : end);
}

/** include/linux/sched.h, the states from the lowest bit up; fs/proc/array.c prints them as these letters. */
const LETTERS = "RSDTtXZP";
const TASK_REPORT = 0x7f;
const TASK_IDLE = 0x402;
const TASK_RTLOCK_WAIT = 0x1000;
const TASK_FROZEN = 0x8000;

/** One letter, as proc_pid_stat(5) has it: `__task_state_index` of the kernel. */
export function stateLetter(state: number, exitState: number): string {
  // Both are shown as what they look like from outside.
  if ((state & (TASK_RTLOCK_WAIT | TASK_FROZEN)) !== 0) return "D";
  if ((state & TASK_IDLE) === TASK_IDLE) return "I";
  return LETTERS[32 - Math.clz32((state | exitState) & TASK_REPORT)] ?? "R";
}
