/** The files that a process has open, with what tells one that gets on from one that does not. */
import { accessOf, listFds, parseFdinfo } from "./fds.ts";
import { readText } from "./procfs.ts";

export interface OpenFile {
  fd: number;
  /** As readlink prints it: a path as its opener sees it, `pipe:[1]`, `socket:[2]`. */
  target: string;
  mountId: number | undefined;
  canRead: boolean;
  canWrite: boolean;
  /** Each write goes to the end (O_APPEND). */
  appends: boolean;
  /** Where it cannot go on at once, a call fails and is tried again (O_NONBLOCK). */
  nonBlocking: boolean;
  /** Where the next read or write begins. */
  position: number;
}

/** include/uapi/asm-generic/fcntl.h; Node runs on no architecture that has others. */
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;
const MAX_FILES = 256;

/** At most the first 256; undefined where the process is gone or we may not look. */
export function listOpenFiles(proc: string, pid: number): OpenFile[] | undefined {
  return listFds(proc, pid)
    ?.slice(0, MAX_FILES)
    .flatMap(({ fd, target }) => {
      const text = readText(`${proc}/${pid}/fdinfo/${fd}`);
      return text === undefined ? [] : (openFile(fd, target, text) ?? []);
    });
}

export function openFile(fd: number, target: string, fdinfo: string): OpenFile | undefined {
  const info = parseFdinfo(fdinfo);
  if (info === undefined) return undefined;
  const access = accessOf(info.flags);
  return {
    fd,
    target,
    mountId: info.mntId,
    canRead: access !== "write",
    canWrite: access !== "read",
    appends: (info.flags & O_APPEND) !== 0,
    nonBlocking: (info.flags & O_NONBLOCK) !== 0,
    position: Number(/^pos:\s*(\d+)$/m.exec(fdinfo)?.[1] ?? 0),
  };
}

/** What may refuse a write for a moment, without any fault: nobody has read yet what was written before. */
export function isStream({ target }: OpenFile): boolean {
  return target.startsWith("pipe:[") || target.startsWith("socket:[") || /^\/dev\/(?:tty|pts\/|console)/.test(target);
}
