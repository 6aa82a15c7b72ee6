/**
 * What a process has open: the names of its fds, and what fdinfo says of one.
 * A name is read, never followed: stat on what an fd names can hang on a dead file system.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { readText } from "./procfs.ts";
import { parseLock } from "./locks.ts";
import type { Lock } from "./locks.ts";

export interface OpenFd {
  fd: number;
  /** `pipe:[123]`, `socket:[123]`, `anon_inode:[eventpoll]`, or a path as its opener sees it. */
  target: string;
}

export interface Fdinfo {
  /** open(2) flags. */
  flags: number;
  /** Since Linux 5.14. */
  ino?: number;
  mntId?: number;
  /** Locks taken through this open file, by whichever process. */
  locks: Lock[];
  /** What an epoll set watches. */
  tfds: WatchedFd[];
  /** The process that a pidfd stands for; -1 once it is reaped. */
  pidfd?: number;
  /** Of the master of a pseudo-terminal: N of its slave /dev/pts/N. */
  ttyIndex?: number;
  /** Which eventfd it is: several fds of several processes may be the same one. Since Linux 5.2. */
  eventfd?: number;
}

/** A row of an epoll set. */
interface WatchedFd {
  /** Its number when it was added; it may be closed by now, and the number another file's. */
  fd: number;
  events: number;
  /** Since Linux 4.14. */
  ino?: number;
}

export function readFd(proc: string, pid: number, fd: number): string | undefined {
  try {
    return readlinkSync(`${proc}/${pid}/fd/${fd}`);
  } catch {
    return undefined;
  }
}

/** The path of its working folder, read like an fd's. */
export function readWorkingFolder(proc: string, pid: number): string | undefined {
  try {
    return readlinkSync(`${proc}/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

/**
 * Undefined where the process is gone or we may not look. An fd closed meanwhile is left out. Fds of our own uid can
 * be listed without the right to trace their process, but then no name can be read.
 */
export function listFds(proc: string, pid: number): OpenFd[] | undefined {
  const folder = `${proc}/${pid}/fd`;
  const open: OpenFd[] = [];
  try {
    for (const name of readdirSync(folder)) {
      const target = readlinkUnlessClosed(`${folder}/${name}`);
      if (target !== undefined) open.push({ fd: Number(name), target });
    }
  } catch {
    return undefined;
  }
  return open;
}

function readlinkUnlessClosed(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

export function readFdinfo(proc: string, pid: number, fd: number): Fdinfo | undefined {
  const text = readText(`${proc}/${pid}/fdinfo/${fd}`);
  return text === undefined ? undefined : parseFdinfo(text);
}

/** proc_pid_fdinfo(5). Undefined where the text has no flags, which every fdinfo has. */
export function parseFdinfo(text: string): Fdinfo | undefined {
  let flags: number | undefined;
  const info: Omit<Fdinfo, "flags"> = { locks: [], tfds: [] };
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    const value = line.slice(colon + 1).trim();
    switch (line.slice(0, colon)) {
      case "flags":
        if (/^[0-7]+$/.test(value)) flags = Number.parseInt(value, 8);
        break;
      case "ino":
        if (/^\d+$/.test(value)) info.ino = Number(value);
        break;
      case "mnt_id":
        if (/^\d+$/.test(value)) info.mntId = Number(value);
        break;
      case "Pid":
        if (/^-?\d+$/.test(value)) info.pidfd = Number(value);
        break;
      case "eventfd-id":
        if (/^\d+$/.test(value)) info.eventfd = Number(value);
        break;
      case "tty-index":
        if (/^\d+$/.test(value)) info.ttyIndex = Number(value);
        break;
      case "lock": {
        const lock = parseLock(value);
        if (lock !== undefined) info.locks.push(lock);
        break;
      }
      case "tfd": {
        const watch = parseWatchedFd(value);
        if (watch !== undefined) info.tfds.push(watch);
        break;
      }
    }
  }
  return flags === undefined ? undefined : { flags, ...info };
}

/** `        6 events:       1d data:                6  pos:0 ino:6f sdev:9`; the numbers after the first are hexadecimal. */
function parseWatchedFd(text: string): WatchedFd | undefined {
  const [, fd, events] = /^(\d+) events:\s*([0-9a-f]+)/.exec(text) ?? [];
  if (fd === undefined || events === undefined) return undefined;
  const ino = /\bino:([0-9a-f]+)/.exec(text)?.[1];
  const watch = { fd: Number(fd), events: Number.parseInt(events, 16) };
  return ino === undefined ? watch : { ...watch, ino: Number.parseInt(ino, 16) };
}

/** O_ACCMODE: the two lowest bits, the same on every architecture. O_PATH opens neither way and reads as `read`. */
export function accessOf(flags: number): "read" | "write" | "both" {
  const mode = flags & 3;
  return mode === 1 ? "write" : mode === 2 ? "both" : "read";
}
