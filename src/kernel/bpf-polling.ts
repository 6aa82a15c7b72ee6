/**
 * What threads ask of the kernel in a short while, by bpf/polling.bpf.c, in the layout that stands there. Every system
 * call of the machine passes the program while it is attached, so it is attached for as long as that only.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BpfObject } from "./bpf.ts";

/** System calls of a thread but sched_yield(2), by which one may wait for others as well as for its own process's threads. */
export interface CallCounts {
  calls: number;
  /** Of these, those that look whether something has come. */
  polls: number;
}

const MAP = "watched";
const COUNTS_BYTES = 16;
const POLLS = 8;
/** As many as the map has room for. */
export const MAX_WATCHED = 1024;

export class BpfPolling {
  readonly #object: BpfObject;
  readonly #end = new AbortController();
  /** One at a time: the map is everybody's. */
  #last: Promise<unknown> = Promise.resolve();

  private constructor(object: BpfObject) {
    this.#object = object;
  }

  /** Throws an Error that says why this machine does not allow it. */
  static async open(): Promise<BpfPolling> {
    const polling = new BpfPolling(await BpfObject.load("polling"));
    try {
      await polling.count([], 0);
      return polling;
    } catch (error) {
      polling.close();
      throw error;
    }
  }

  /**
   * By thread, for so long from now on; of more than there is room for, the first ones. Empty where the signal or the end
   * of this object came first. Throws where it cannot be seen.
   */
  count(tids: readonly number[], forMs: number, signal?: AbortSignal): Promise<Map<number, CallCounts>> {
    const counted = this.#last.then(() => this.#count(tids.slice(0, MAX_WATCHED), forMs, signal));
    this.#last = counted.catch(() => undefined);
    return counted;
  }

  async #count(tids: readonly number[], forMs: number, given?: AbortSignal): Promise<Map<number, CallCounts>> {
    const signal = given === undefined ? this.#end.signal : AbortSignal.any([given, this.#end.signal]);
    if (signal.aborted) return new Map();
    try {
      for (const tid of tids) this.#object.setValue(MAP, keyOf(tid), Buffer.alloc(COUNTS_BYTES));
      const detach = this.#object.attach("entered");
      await sleep(forMs, undefined, { signal }).catch(() => undefined);
      detach();
      return signal.aborted ? new Map() : new Map(tids.flatMap((tid) => this.#countsOf(tid)));
    } finally {
      if (!this.#end.signal.aborted) for (const tid of tids) this.#object.deleteValue(MAP, keyOf(tid));
    }
  }

  #countsOf(tid: number): [number, CallCounts][] {
    const counts = this.#object.value(MAP, keyOf(tid), COUNTS_BYTES);
    if (counts === undefined) return [];
    return [[tid, { calls: Number(counts.readBigUInt64LE(0)), polls: Number(counts.readBigUInt64LE(POLLS)) }]];
  }

  close(): void {
    this.#end.abort();
    this.#object.close();
  }
}

function keyOf(tid: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(tid);
  return key;
}
