/** What xctl says of disks and file systems, in English. zh-storage.ts says the same. */
import type { StorageErrorHead } from "../../model/storage-errors.ts";

/** `thing` is a device or a mount point; `who` is hit by it. */
export const storageErrors = {
  FS_FULL: (thing: string, who: string) => `The file system ${thing} is full, so what ${who} writes there fails.`,
  INODES_FULL: (thing: string, who: string) =>
    `The file system ${thing} has no free inode, so ${who} can make no file there.`,
  FS_READ_ONLY: (thing: string, who: string) =>
    `The file system ${thing} takes no writes since it had an error, so what ${who} writes there fails.`,
  FS_ERROR: (thing: string, who: string) => `The file system ${thing} has errors, and they hold up ${who}.`,
  IO_ERROR: (thing: string, who: string) =>
    `Requests of ${who} to ${thing} fail: the device reports input/output errors.`,
  RESET: (thing: string, who: string) => `${who} waits for ${thing}, which did not answer and is being reset.`,
  CONTROLLER_DEAD: (thing: string, who: string) => `${who} waits for ${thing}, whose controller is dead.`,
  CONTROLLER_RESETTING: (thing: string, who: string) => `${who} waits for ${thing}, whose controller is being reset.`,
  SLOW: (thing: string, who: string) => `${who} waits for ${thing}, which answers slowly.`,
  HUNG_TASK: (thing: string, who: string) =>
    `${who} waits for ${thing}, and the kernel's own writes to it have hung for minutes.`,
  DEGRADED: (thing: string, who: string) => `${who} waits for ${thing}, an array that lacks a disk.`,
  OVERHEATED: (thing: string, who: string) => `${who} waits for ${thing}, which is too hot.`,
} satisfies Record<StorageErrorHead, (thing: string, who: string) => string>;
