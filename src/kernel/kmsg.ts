/**
 * The kernel log, for what it says of storage: I/O errors, resets and timeouts of a device, errors of its file system.
 * Documentation/ABI/testing/dev-kmsg. Read without blocking, a bounded part at a time; each record is seen once.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { readText } from "./procfs.ts";

export interface KernelMessage {
  /** 0 is an emergency, 3 an error, 4 a warning, 6 information. */
  level: number;
  /** Milliseconds since boot, of the clock that stands still while the machine sleeps. */
  atMs: number;
  text: string;
}

export interface StorageError {
  /** `sda`, `nvme0n1`, `dm-0`, a file system's device. */
  device: string;
  atMs: number;
  text: string;
}

/** Longer than any record (LOG_LINE_MAX and its continuation lines): a shorter buffer makes read fail. */
const RECORD_BYTES = 8192;
/** For one question; a log that grows faster is read further with the next one. */
const MAX_RECORDS = 16_384;
/** The event loop is let in after so many: about two milliseconds. */
const RECORDS_PER_SLICE = 512;
/** Devices of which the last error is kept. */
const MAX_DEVICES = 256;

export class KernelLog {
  readonly #path: string;
  readonly #proc: string;
  readonly #errors = new Map<string, StorageError>();
  #fd: number | undefined;
  #refused = false;

  constructor(proc = "/proc", path = "/dev/kmsg") {
    this.#proc = proc;
    this.#path = path;
  }

  /** The last error of the device that was logged within so many milliseconds. */
  async recentError(device: string, withinMs: number): Promise<StorageError | undefined> {
    await this.#readOn();
    // Resets and timeouts of an NVMe namespace (nvme0n1) are told of its controller (nvme0).
    const controller = /^nvme\d+/.exec(device)?.[0] ?? device;
    const error = this.#errors.get(device) ?? this.#errors.get(controller);
    const uptimeMs = readUptimeMs(this.#proc);
    return error !== undefined && uptimeMs !== undefined && uptimeMs - error.atMs <= withinMs ? error : undefined;
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
    this.#refused = true;
  }

  async #readOn(): Promise<void> {
    const buffer = Buffer.allocUnsafe(RECORD_BYTES);
    for (let count = 1; count <= MAX_RECORDS; count++) {
      if (count % RECORDS_PER_SLICE === 0) await new Promise(setImmediate);
      // It may have been closed meanwhile.
      const fd = this.#open();
      if (fd === undefined) return;
      let length: number;
      try {
        length = readSync(fd, buffer, 0, RECORD_BYTES, null);
      } catch (error) {
        // EPIPE: records were overwritten before they were read; the next read goes on behind them.
        if ((error as NodeJS.ErrnoException).code === "EPIPE") continue;
        return;
      }
      if (length === 0) return;
      this.#take(buffer.toString("utf8", 0, length));
    }
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

  #take(record: string): void {
    const message = parseKernelMessage(record);
    const error = message === undefined ? undefined : storageError(message);
    if (error === undefined) return;
    this.#errors.delete(error.device);
    this.#errors.set(error.device, error);
    const oldest = this.#errors.keys().next().value;
    if (this.#errors.size > MAX_DEVICES && oldest !== undefined) this.#errors.delete(oldest);
  }
}

/** `3,1234,98765,-;I/O error, …`, then lines ` KEY=value`. */
export function parseKernelMessage(record: string): KernelMessage | undefined {
  const match = /^(\d+),\d+,(\d+),[^;]*;([^\n]*)/.exec(record);
  if (match === null) return undefined;
  // Above the level stands the facility: 0 is the kernel. What a program wrote there is no word of the kernel's.
  const priority = Number(match[1]);
  if (priority >> 3 !== 0) return undefined;
  return { level: priority & 7, atMs: Number(match[2]) / 1000, text: match[3] as string };
}

/** By messages of 4.18 to 6.18. A group `device` each. */
const ERRORS: readonly RegExp[] = [
  /(?:I\/O|critical (?:target|medium|space allocation|nexus)|recovered|timeout|protection|transport) error, dev (?<device>[\w!-]+), sector/,
  /^Buffer I\/O error on dev(?:ice)? (?<device>[\w!-]+),/,
  /^(?:EXT4-fs|EXT3-fs|EXT2-fs) error \(device (?<device>[\w!-]+)\)/,
  /^EXT4-fs warning \(device (?<device>[\w!-]+)\): .*I\/O error/,
  /^XFS \((?<device>[\w!-]+)\): .*(?:error|shut ?down|corrupt)/i,
  /^BTRFS (?:error|critical) \(device (?<device>[\w!-]+)[^)]*\)/,
  /^nvme (?<device>nvme\d+): (?:I\/O .*timeout|controller is down|Device not ready)/,
  /^(?:sd|sr) [\d:]+: \[(?<device>\w+)\] .*(?:FAILED|Unrecovered|timing out|Medium Error|Hardware Error)/,
  /^Aborting journal on device (?<device>[\w!-]+?)-\d+\./,
];

/** What a record says of a device's failure; undefined where it says nothing of the kind. */
export function storageError({ text, atMs }: KernelMessage): StorageError | undefined {
  for (const pattern of ERRORS) {
    const device = pattern.exec(text)?.groups?.device;
    if (device !== undefined) return { device: device.replaceAll("!", "/"), atMs, text };
  }
  return undefined;
}

function readUptimeMs(proc: string): number | undefined {
  const seconds = /^(\d+\.\d+)/.exec(readText(`${proc}/uptime`) ?? "")?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
