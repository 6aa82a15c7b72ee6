/** FUSE connections: who serves one, and how many requests it owes. Documentation/filesystems/fuse.rst. */
import { readText } from "./procfs.ts";

/** The device that a server reads requests from. */
export const FUSE_DEVICE = "/dev/fuse";

const MINOR_BITS = 20;

/** A connection's number is its mount's device number as the kernel keeps it; the major is 0, but for fuseblk. */
export function connectionOf(device: string): number | undefined {
  const match = /^(\d+):(\d+)$/.exec(device);
  return match === null ? undefined : Number(match[1]) * 2 ** MINOR_BITS + Number(match[2]);
}

/** fdinfo of /dev/fuse names the connection since Linux 6.10. */
export function parseConnection(fdinfo: string): number | undefined {
  const number = /^fuse_connection:\s*(\d+)$/m.exec(fdinfo)?.[1];
  return number === undefined ? undefined : Number(number);
}

/** Of a process's open /dev/fuse; undefined where the kernel does not tell. */
export function readConnection(proc: string, pid: number, fd: number): number | undefined {
  const text = readText(`${proc}/${pid}/fdinfo/${fd}`);
  return text === undefined ? undefined : parseConnection(text);
}

/** The folder with the control files `abort` and `waiting`. */
export function controlFolder(connection: number, sys = "/sys"): string {
  return `${sys}/fs/fuse/connections/${connection}`;
}

/** Requests that are not answered yet; undefined where fusectl is not mounted, or it is another user's mount. */
export function readWaiting(connection: number, sys = "/sys"): number | undefined {
  const text = readText(`${controlFolder(connection, sys)}/waiting`)?.trim() ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
