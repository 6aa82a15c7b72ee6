/** What a file system's figures amount to: full, read-only by error, with new errors. Pure: no clock, no reading. */
import type { FileSystemUse } from "../../kernel/file-use.ts";
import type { FileSystemErrors } from "../../kernel/fs-health.ts";
import type { Mount } from "../../kernel/mounts.ts";
import type { Fault } from "./fault-book.ts";
import { isReadOnly, refusesWrites } from "./local-mounts.ts";

export interface Evidence {
  source: string;
  observed: string;
}

export interface FileSystemLook {
  mount: Mount;
  /** Undefined where statfs did not answer. */
  use: FileSystemUse | undefined;
  errors: FileSystemErrors | undefined;
  /** It had errors lately: where that stands, and what. */
  failure: Evidence | undefined;
  /** What the kernel log said of its having been made read-only, while it is mounted. */
  madeReadOnly: string | undefined;
}

/** A big file system with less than that left has no room for anything that a program would write. */
const NO_ROOM_BYTES = 64 << 10;
const BIG_BYTES = 16 << 20;
const MAX_PATH = 400;

/** `fs:/mnt`; an id has at most 512 bytes, and of a longer path the end tells the most. */
export function fileSystemId(mountPoint: string): string {
  const bytes = Buffer.from(mountPoint);
  if (bytes.length <= MAX_PATH) return `fs:${mountPoint}`;
  return `fs:…${bytes.subarray(-MAX_PATH).toString("utf8")}`;
}

export function faultsOf(look: FileSystemLook): Fault[] {
  return [full(look), readOnly(look), failing(look)].filter((fault) => fault !== undefined);
}

/** For ordinary users: what is kept back for root does not count. */
function full({ mount, use }: FileSystemLook): Fault | undefined {
  if (use === undefined || use.blocks === 0 || isReadOnly(mount.options)) return undefined;
  const source = `statfs ${mount.mountPoint}`;
  const leftBytes = use.availableBlocks * use.blockBytes;
  const sizeBytes = use.blocks * use.blockBytes;
  if (use.availableBlocks === 0 || (leftBytes < NO_ROOM_BYTES && sizeBytes >= BIG_BYTES)) {
    const observed = `${leftBytes} of ${sizeBytes} bytes available to ordinary users`;
    return { ...common(mount), head: "FS_FULL", words: observed, source, observed };
  }
  if (use.inodes > 0 && use.freeInodes === 0) {
    const observed = `0 of ${use.inodes} inodes free`;
    return { ...common(mount), head: "INODES_FULL", words: observed, source, observed };
  }
  return undefined;
}

/** Not by somebody's wish: it refuses to write because of an error, and says so itself, counts it, or it was logged. */
function readOnly({ mount, errors, madeReadOnly }: FileSystemLook): Fault | undefined {
  const says = refusesWrites(mount.options);
  const counted = errors !== undefined && errors.count > 0;
  if (!says && !(isReadOnly(mount.options) && (counted || madeReadOnly !== undefined))) return undefined;
  const observed = `${mount.type} ${mount.source} ${mount.options}`;
  const words = madeReadOnly ?? (counted ? countWords(errors) : "");
  return { ...common(mount), head: "FS_READ_ONLY", words, source: "/proc/self/mountinfo", observed };
}

function failing({ mount, failure }: FileSystemLook): Fault | undefined {
  return failure && { ...common(mount), head: "FS_ERROR", words: failure.observed, ...failure };
}

export function countWords({ count, last }: FileSystemErrors): string {
  return `${count} errors counted${last === undefined ? "" : `, the last in ${last}`}`;
}

function common({ mountPoint }: Mount): Pick<Fault, "entity" | "label" | "object"> {
  return { entity: fileSystemId(mountPoint), label: mountPoint, object: mountPoint };
}
