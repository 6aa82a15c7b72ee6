/**
 * The kernel log, for what it says of storage: errors, resets and timeouts of a device, errors of its file system.
 * Documentation/ABI/testing/dev-kmsg. Read without blocking, a bounded part at a time; each record is seen once.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import { readUptimeMs } from "./procfs.ts";

export interface KernelMessage {
  /** 0 is an emergency, 3 an error, 4 a warning, 6 information. */
  level: number;
  /** Milliseconds since boot, of the clock that stands still while the machine sleeps. */
  atMs: number;
  text: string;
}

/** What befell a device, by the heads under which the storage probe tells it. */
export type StorageErrorKind = "IO_ERROR" | "RESET" | "FS_ERROR" | "FS_READ_ONLY" | "DEGRADED" | "HUNG_TASK";

export interface StorageError {
  kind: StorageErrorKind;
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
/** Errors of one call. */
const MAX_NEW = 1024;

export class KernelLog {
  readonly #path: string;
  readonly #proc: string;
  readonly #errors = new Map<string, StorageError>();
  #fd: number | undefined;
  #refused = false;
  #readBefore = false;

  constructor(proc = "/proc", path = "/dev/kmsg") {
    this.#proc = proc;
    this.#path = path;
  }

  /** What was logged since the last call; at the first, since so many milliseconds. */
  async newErrors(firstWithinMs: number): Promise<StorageError[]> {
    const found: StorageError[] = [];
    const isFirst = !this.#readBefore;
    await this.#readOn((error) => {
      // Of a storm the last ones tell the most.
      if (found.push(error) > MAX_NEW) found.shift();
    });
    if (!isFirst) return found;
    const uptimeMs = readUptimeMs(this.#proc) ?? 0;
    return found.filter(({ atMs }) => uptimeMs - atMs <= firstWithinMs);
  }

  /** The last failure of the device that was logged within so many milliseconds. */
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

  async #readOn(onError: (error: StorageError) => void = () => {}): Promise<void> {
    this.#readBefore = true;
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
      const error = errorIn(buffer.toString("utf8", 0, length));
      if (error === undefined) continue;
      if (error.kind !== "DEGRADED" && error.kind !== "HUNG_TASK") this.#remember(error);
      onError(error);
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

  #remember(error: StorageError): void {
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

function errorIn(record: string): StorageError | undefined {
  const message = parseKernelMessage(record);
  return message === undefined ? undefined : storageError(message);
}

/** By messages of 4.18 to 6.18. A group `device` each; the first that fits counts. */
const ERRORS: Record<StorageErrorKind, readonly RegExp[]> = {
  IO_ERROR: [
    /(?:I\/O|critical (?:target|medium|space allocation|nexus)|recovered|timeout|protection|transport) error, dev (?<device>[\w!-]+), sector/,
    /^Buffer I\/O error on dev(?:ice)? (?<device>[\w!-]+),/,
    /^EXT4-fs warning \(device (?<device>[\w!-]+)\): .*I\/O error/,
    /^(?:sd|sr) [\d:]+: \[(?<device>\w+)\] .*(?:FAILED|Unrecovered|timing out|Medium Error|Hardware Error)/,
  ],
  FS_READ_ONLY: [
    /^EXT4-fs \((?<device>[\w!-]+)\): Remounting filesystem read-only/,
    /^BTRFS info \(device (?<device>[\w!-]+)[^)]*\): forced readonly/,
    /^FAT-fs \((?<device>[\w!-]+)\): Filesystem has been set read-only/,
    /^XFS \((?<device>[\w!-]+)\): .*shut ?(?:down|ting down)/i,
  ],
  FS_ERROR: [
    /^(?:EXT4-fs|EXT3-fs|EXT2-fs) error \(device (?<device>[\w!-]+)\)/,
    /^XFS \((?<device>[\w!-]+)\): .*(?:error|corrupt)/i,
    /^BTRFS (?:error|critical) \(device (?<device>[\w!-]+)[^)]*\)/,
    /^FAT-fs \((?<device>[\w!-]+)\): error/,
    /^F2FS-fs \((?<device>[\w!-]+)\): .*(?:inconsistent|corrupt)/i,
    /^Aborting journal on device (?<device>[\w!-]+?)-\d+\./,
  ],
  RESET: [
    /^nvme (?<device>nvme\d+): (?:I\/O .*timeout|controller is down|resetting controller|Device not ready)/,
    /^sd [\d:]+: \[(?<device>\w+)\] .*(?:abort|device reset|bus reset)/i,
  ],
  DEGRADED: [/^md\/raid\w*:(?<device>md\w+): Disk failure on /],
  // Threads that write for everybody on the file system; who else hangs is told by its own wait.
  HUNG_TASK: [
    // A name has 15 letters at most: jbd2/nvme0n1p1-
    /^INFO: task jbd2\/(?<device>[\w!-]+)-\d*:\d+ blocked for more than \d+ seconds/,
    /^INFO: task xfsaild\/(?<device>[\w!-]+):\d+ blocked for more than \d+ seconds/,
  ],
};
const KINDS = Object.keys(ERRORS) as StorageErrorKind[];

/** What a record says of a device's failure; undefined where it says nothing of the kind. */
export function storageError({ text, atMs }: KernelMessage): StorageError | undefined {
  for (const kind of KINDS) {
    for (const pattern of ERRORS[kind]) {
      const device = pattern.exec(text)?.groups?.device;
      if (device !== undefined) return { kind, device: device.replaceAll("!", "/"), atMs, text };
    }
  }
  return undefined;
}
