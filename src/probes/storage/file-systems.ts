/** The file systems that hold this machine's data: how full they are, and which are in trouble. */
import type { BlockingReader } from "../../kernel/blocking.ts";
import { deviceNumber, readBlockDevice } from "../../kernel/block.ts";
import type { FileSystemUse } from "../../kernel/file-use.ts";
import { readFileSystemErrors, type FileSystemErrors } from "../../kernel/fs-health.ts";
import type { StorageError } from "../../kernel/kmsg.ts";
import type { Mount } from "../../kernel/mounts.ts";
import type { Attrs, Event } from "../../model/event.ts";
import type { Fault } from "./fault-book.ts";
import { countWords, faultsOf, fileSystemId, type Evidence } from "./fs-state.ts";
import { isReadOnly, localMounts, refusesWrites } from "./local-mounts.ts";

export interface FileSystem {
  mount: Mount;
  /** The block device's number and name, where it has one of its own. */
  device: string | undefined;
  name: string | undefined;
  use: FileSystemUse | undefined;
  faults: Fault[];
}

/** What was seen of one while it is mounted. */
interface Known {
  errorCount: number | undefined;
  failedMs: number;
  failure: Evidence | undefined;
  madeReadOnly: string | undefined;
}

/** So long after its last error a file system is said to be failing. */
const FAILING_MS = 60_000;

export class FileSystems {
  readonly #sys: string;
  readonly #reader: BlockingReader;
  readonly #known = new Map<string, Known>();

  constructor(sys: string, reader: BlockingReader) {
    this.#sys = sys;
    this.#reader = reader;
  }

  /** `logged`: what the kernel log said since the last look. */
  async look(mounts: readonly Mount[], logged: readonly StorageError[], nowMs: number): Promise<FileSystem[]> {
    const own = localMounts(mounts);
    const uses = await Promise.all(own.map(({ mountPoint }) => this.#reader.fileSystemUse(mountPoint)));
    const present = new Set<string>();
    const found = own.map((mount, place): FileSystem => {
      const device = this.#deviceOf(mount);
      const name = device === undefined ? undefined : readBlockDevice(device, this.#sys)?.name;
      const use = uses[place];
      const key = `${mount.id} ${mount.device}`;
      present.add(key);
      const errors = name === undefined ? undefined : readFileSystemErrors(mount.type, name, this.#sys);
      const known = this.#note(
        key,
        mount,
        errors,
        logged.filter((error) => error.device === name),
        nowMs,
      );
      const failure = nowMs - known.failedMs < FAILING_MS ? known.failure : undefined;
      const faults = faultsOf({ mount, use, errors, failure, madeReadOnly: known.madeReadOnly });
      return { mount, device, name, use, faults };
    });
    for (const key of this.#known.keys()) if (!present.has(key)) this.#known.delete(key);
    return found;
  }

  #deviceOf({ device, source }: Mount): string | undefined {
    if (!device.startsWith("0:")) return device;
    // btrfs has a device number of its own.
    return source.startsWith("/dev/") ? deviceNumber(source, this.#sys) : undefined;
  }

  #note(
    key: string,
    { options }: Mount,
    errors: FileSystemErrors | undefined,
    logged: readonly StorageError[],
    nowMs: number,
  ): Known {
    const known = this.#known.get(key) ?? { ...NOTHING_KNOWN };
    this.#known.set(key, known);
    const line = logged.findLast(({ kind }) => kind === "FS_ERROR")?.text;
    if (line !== undefined) Object.assign(known, { failedMs: nowMs, failure: { source: "/dev/kmsg", observed: line } });
    if (errors !== undefined && errors.count > (known.errorCount ?? 0)) {
      // Those counted before we came are as old as the last of them.
      known.failedMs = known.errorCount === undefined ? Math.min(errors.lastMs ?? 0, nowMs) : nowMs;
      known.failure = { source: errors.source, observed: countWords(errors) };
    }
    known.errorCount = errors?.count;
    const refusal = logged.findLast(({ kind }) => kind === "FS_READ_ONLY")?.text;
    if (refusal !== undefined) known.madeReadOnly = refusal;
    else if (!isReadOnly(options) && !refusesWrites(options)) known.madeReadOnly = undefined;
    return known;
  }
}

const NOTHING_KNOWN: Readonly<Known> = {
  errorCount: undefined,
  failedMs: Number.NEGATIVE_INFINITY,
  failure: undefined,
  madeReadOnly: undefined,
};

/** A file system's own rate is that of the partition or disk that it lies on; one in memory asks no device. */
export function fileSystemFigures({ mount, device, use }: FileSystem, iops: number | undefined, ts: number): Event[] {
  if (device !== undefined && iops === undefined) return [];
  const attrs: Attrs = {
    type: mount.type,
    device: mount.source.slice(0, 128).toWellFormed(),
    read_only: isReadOnly(mount.options) || refusesWrites(mount.options),
  };
  if (use !== undefined) {
    attrs.size_bytes = use.blocks * use.blockBytes;
    attrs.used_bytes = (use.blocks - use.freeBlocks) * use.blockBytes;
    attrs.available_bytes = use.availableBlocks * use.blockBytes;
    if (use.inodes > 0) {
      attrs.inodes = use.inodes;
      attrs.inodes_free = use.freeInodes;
    }
  }
  const value = String(Math.round((iops ?? 0) * 100) / 100);
  return [{ ts, event_type: "storage.iops", entity_id: fileSystemId(mount.mountPoint), value, attrs }];
}
