/**
 * The errors that file systems count of themselves: ext4 and btrfs under /sys/fs. The attributes do not block.
 * Documentation/ABI/testing/sysfs-fs-ext4, fs/btrfs/sysfs.c.
 */
import { namesIn } from "./folders.ts";
import { readText } from "./procfs.ts";

export interface FileSystemErrors {
  /** Since the file system was last checked, or its counters reset. */
  count: number;
  /** The file it was read from. */
  source: string;
  /** Milliseconds since the Unix epoch. */
  lastMs?: number;
  /** Where in the kernel: `ext4_find_entry`; or of what sort. */
  last?: string;
}

/** `name` is the block device's: `vda1`, `dm-0`. Undefined for a type that counts nothing. */
export function readFileSystemErrors(type: string, name: string, sys = "/sys"): FileSystemErrors | undefined {
  if (/^ext[234]$/.test(type)) return ext4Errors(`${sys}/fs/ext4/${name.replaceAll("/", "!")}`);
  return type === "btrfs" ? btrfsErrors(sys, name) : undefined;
}

function ext4Errors(folder: string): FileSystemErrors | undefined {
  const source = `${folder}/errors_count`;
  const count = numberIn(source);
  if (count === undefined) return undefined;
  if (count === 0) return { count, source };
  const seconds = numberIn(`${folder}/last_error_time`);
  const last = readText(`${folder}/last_error_func`)?.trim();
  return {
    count,
    source,
    ...(seconds === undefined || seconds === 0 ? {} : { lastMs: seconds * 1000 }),
    ...(last === undefined || last === "" ? {} : { last }),
  };
}

/** Of all its devices together. */
function btrfsErrors(sys: string, name: string): FileSystemErrors | undefined {
  const volume = namesIn(`${sys}/fs/btrfs`).find((uuid) => namesIn(`${sys}/fs/btrfs/${uuid}/devices`).includes(name));
  if (volume === undefined) return undefined;
  const folder = `${sys}/fs/btrfs/${volume}/devinfo`;
  let found: FileSystemErrors | undefined;
  for (const device of namesIn(folder)) {
    const source = `${folder}/${device}/error_stats`;
    for (const [, sort, digits] of (readText(source) ?? "").matchAll(/^(\w+)_errs (\d+)$/gm)) {
      found ??= { count: 0, source };
      found.count += Number(digits);
      if (digits !== "0") Object.assign(found, { source, last: sort });
    }
  }
  return found;
}

function numberIn(file: string): number | undefined {
  const text = readText(file)?.trim() ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
