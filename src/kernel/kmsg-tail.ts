/**
 * The kernel log from where it was last read: Documentation/ABI/testing/dev-kmsg. Read without blocking, a bounded part
 * at a time; what a program wrote there is left out (parseKernelMessage). It must not know what is looked for.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { parseKernelMessage, type KernelMessage } from "./kmsg.ts";
import { readUptimeMs } from "./procfs.ts";

/** Longer than any record (LOG_LINE_MAX and its continuation lines): a shorter buffer makes read fail. */
const RECORD_BYTES = 8192;
/** For one look; a log that grows faster is read further with the next one. */
const MAX_RECORDS = 1024;

export interface TimedMessage extends KernelMessage {
  /** How long ago it was logged. */
  ageMs: number;
}

export class KmsgTail {
  readonly #path: string;
  readonly #proc: string;
  #fd: number | undefined;
  #refused = false;

  constructor(proc = "/proc", path = "/dev/kmsg") {
    this.#proc = proc;
    this.#path = path;
  }

  /** What was logged since the last look and has one of these texts in it; with the first look all that there is. */
  take(...texts: readonly string[]): TimedMessage[] {
    const found: TimedMessage[] = [];
    const buffer = Buffer.allocUnsafe(RECORD_BYTES);
    const wanted = texts.map((text) => Buffer.from(text));
    for (let count = 0; count < MAX_RECORDS; count++) {
      const length = this.#read(buffer);
      if (length === 0) break;
      const record = buffer.subarray(0, Math.max(length, 0));
      const isWanted = wanted.some((text) => record.includes(text));
      if (isWanted) found.push(...this.#messages(record.toString("utf8"), texts));
    }
    return found;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#refused = true;
  }

  /** Bytes of the next record; 0 where there is none, below 0 where some were lost. */
  #read(buffer: Buffer): number {
    const fd = this.#open();
    if (fd === undefined) return 0;
    try {
      return readSync(fd, buffer, 0, buffer.length, null);
    } catch (error) {
      // Records were overwritten before they were read; the next read goes on behind them.
      return (error as NodeJS.ErrnoException).code === "EPIPE" ? -1 : 0;
    }
  }

  /** A device hands out one record a read, a file as many as there is room for; a line with a blank goes on its record. */
  #messages(records: string, texts: readonly string[]): TimedMessage[] {
    const uptimeMs = readUptimeMs(this.#proc);
    return records.split("\n").flatMap((line) => {
      const message = texts.some((text) => line.includes(text)) ? parseKernelMessage(line) : undefined;
      if (message === undefined) return [];
      return [{ ...message, ageMs: Math.max(0, (uptimeMs ?? message.atMs) - message.atMs) }];
    });
  }

  #open(): number | undefined {
    if (this.#fd !== undefined || this.#refused) return this.#fd;
    try {
      this.#fd = openSync(this.#path, constants.O_RDONLY | constants.O_NONBLOCK);
    } catch {
      this.#refused = true;
    }
    return this.#fd;
  }
}
