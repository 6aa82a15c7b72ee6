/** What can be wrong with a disk or a file system: the heads of its errors, and what each calls for. */
import type { AdviceKey } from "./cause.ts";

export const STORAGE_ERRORS = [
  "FS_FULL",
  "INODES_FULL",
  "FS_READ_ONLY",
  "FS_ERROR",
  "IO_ERROR",
  "RESET",
  "CONTROLLER_DEAD",
  "CONTROLLER_RESETTING",
  "SLOW",
  "HUNG_TASK",
  "DEGRADED",
  "OVERHEATED",
] as const;
export type StorageErrorHead = (typeof STORAGE_ERRORS)[number];

/** `FS_FULL:0 of …` → `FS_FULL`; undefined where it is none of these. */
export function storageErrorHead(value: string): StorageErrorHead | undefined {
  const [head] = value.split(":", 1);
  return STORAGE_ERRORS.find((each) => each === head);
}

/** What to do. Without a command it is nothing that one command does. */
export interface StorageStep {
  key: AdviceKey;
  command?: string;
  /** One that takes what failed: a mount point, or a disk's path. */
  commandFor?: (object: string) => string;
  disrupts?: boolean;
}

const LOOK_AT_LOG: StorageStep = { key: "look_at_kernel_log", command: "dmesg --level=err,warn" };
const LOOK_AT_DISK: StorageStep = { key: "look_at_disk", commandFor: (disk) => `sudo smartctl --all ${disk}` };
const CHECK: StorageStep = { key: "check_file_system", disrupts: true };
const LARGEST = "| sort -n | tail -n 20";

export const STORAGE_STEPS: Record<StorageErrorHead, readonly StorageStep[]> = {
  FS_FULL: [{ key: "free_space", commandFor: (place) => `sudo du -xm --max-depth=2 ${place} ${LARGEST}` }],
  INODES_FULL: [{ key: "free_inodes", commandFor: (place) => `sudo du -x --inodes --max-depth=2 ${place} ${LARGEST}` }],
  FS_READ_ONLY: [LOOK_AT_LOG, CHECK],
  FS_ERROR: [LOOK_AT_LOG, CHECK],
  IO_ERROR: [LOOK_AT_LOG, LOOK_AT_DISK],
  RESET: [LOOK_AT_LOG, LOOK_AT_DISK],
  CONTROLLER_DEAD: [LOOK_AT_LOG, LOOK_AT_DISK],
  CONTROLLER_RESETTING: [LOOK_AT_LOG, LOOK_AT_DISK],
  SLOW: [{ key: "look_at_storage", command: "cat /proc/pressure/io /proc/diskstats" }],
  HUNG_TASK: [LOOK_AT_LOG],
  DEGRADED: [{ key: "replace_disk", command: "cat /proc/mdstat" }],
  OVERHEATED: [LOOK_AT_DISK],
};
