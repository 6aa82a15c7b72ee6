/**
 * What an eBPF program tells, as long as it can be read. Where that fails, it is done without from then on: the samples,
 * the waits and whatever other programs tell go on.
 */
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";

export class Tap<T> {
  readonly #source: { take(): T[] };
  readonly #log: Log;
  readonly #loss: string;
  #hasFailed = false;

  /** `loss` says what is not seen without it. */
  constructor(source: { take(): T[] }, log: Log, loss: string) {
    this.#source = source;
    this.#log = log;
    this.#loss = loss;
  }

  /** What was told since the last time, oldest first. Never throws. */
  take(): T[] {
    if (this.#hasFailed) return [];
    try {
      return this.#source.take();
    } catch (error) {
      this.#hasFailed = true;
      this.#log(`${this.#loss} any more: ${messageOf(error)}`);
      return [];
    }
  }
}
