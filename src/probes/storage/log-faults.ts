/** What the kernel log said of devices lately, as faults that last for a minute after the last record. Knows no clock. */
import type { StorageError, StorageErrorKind } from "../../kernel/kmsg.ts";
import type { Fault } from "./fault-book.ts";

const LASTS_MS = 60_000;
const MAX_KEPT = 256;

export class LogFaults {
  readonly #kept = new Map<string, { error: StorageError; seenMs: number }>();

  note(fresh: readonly StorageError[], nowMs: number): void {
    for (const error of fresh) {
      const key = `${error.kind} ${error.device}`;
      this.#kept.delete(key);
      this.#kept.set(key, { error, seenMs: nowMs });
      const [oldest] = this.#kept.keys();
      if (this.#kept.size > MAX_KEPT) this.#kept.delete(oldest as string);
    }
    for (const [key, { seenMs }] of this.#kept) if (nowMs - seenMs >= LASTS_MS) this.#kept.delete(key);
  }

  /** Another device has the name now. */
  forget(device: string): void {
    for (const [key, { error }] of this.#kept) if (error.device === device) this.#kept.delete(key);
  }

  /** `disksOf`: those of a controller, where the log names that. */
  faults(disksOf: (controller: string) => readonly string[]): Fault[] {
    return [...this.#kept.values()].flatMap(({ error }) => {
      if (OF_FILE_SYSTEMS.has(error.kind)) return [];
      const disks = disksOf(error.device);
      return disks.length === 0 ? faultOf(error, error.device) : disks.map((disk) => faultOf(error, disk));
    });
  }

  /** Devices on which a request failed within so many milliseconds. */
  failedWithin(ms: number, nowMs: number): StorageError[] {
    const recent = [...this.#kept.values()].filter(({ seenMs }) => nowMs - seenMs <= ms);
    return recent.flatMap(({ error }) => (error.kind === "IO_ERROR" ? error : []));
  }
}

/** Disks that can be asked for their health. */
const HAS_SMART = /^(?:sd|nvme)/;
/** Told of the mount, as long as it is one (file-systems.ts). */
const OF_FILE_SYSTEMS: ReadonlySet<StorageErrorKind> = new Set(["FS_ERROR", "FS_READ_ONLY"]);
/** A thread of the file system's that hangs, or a RAID that lacks a disk, has not failed. */
const WARNINGS: ReadonlySet<StorageErrorKind> = new Set(["HUNG_TASK", "DEGRADED"]);

export function faultOf({ kind, text }: StorageError, device: string): Fault {
  return {
    entity: device,
    head: kind,
    words: text,
    label: `/dev/${device}`,
    ...(HAS_SMART.test(device) ? { object: `/dev/${device}` } : {}),
    source: "/dev/kmsg",
    observed: text,
    ...(WARNINGS.has(kind) ? { isWarning: true, cause: "storage.slow" } : {}),
  };
}
