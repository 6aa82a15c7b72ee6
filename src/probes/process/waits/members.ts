/**
 * What an event loop watches, sorted by what it means for the question whom the process waits for: its own wake-ups
 * mean nothing, what anybody may come in by makes it a server, and links lead to somebody in particular.
 */
import type { FdHolder } from "../../../kernel/fd-index.ts";
import { accessOf, readFd, readFdinfo } from "../../../kernel/fds.ts";
import { int32, type BlockedTask } from "../blocked-task.ts";
import { watchedBy } from "../file-use.ts";
import { EPOLL_CALLS, epollSet, type Watched, type WatchSet } from "../poll-set.ts";
import type { View } from "../view.ts";
import { inodeOfSocket } from "./socket-holders.ts";
import { wakeUpKind } from "./wake-up.ts";

export interface Link {
  watched: Watched;
  target: string;
}

export interface Members {
  links: Link[];
  /** Something that anybody may come in by: a listening socket, a device, messages of the kernel. */
  serves: boolean;
  /** False where there is more than was looked at. */
  complete: boolean;
}

const EPOLL_FILE = "anon_inode:[eventpoll]";
/** An epoll set within another one, as some runtimes nest them; deeper ones are left. */
const MAX_DEPTH = 2;
const MAX_LINKS = 128;

/** Undefined where the set cannot be read. */
export async function membersOf(task: BlockedTask, view: View): Promise<Members | undefined> {
  const set = await watchSetOf(task, view);
  if (set === undefined) return undefined;
  const members: Members = { links: [], serves: false, complete: set.complete };
  await sort(set.watched, task, view, members, 1);
  return members;
}

/** The files that it waits for several of at once; undefined where it does not, or they cannot be read. */
export async function watchSetOf(task: BlockedTask, view: View): Promise<WatchSet | undefined> {
  const { name, args } = task.syscall as NonNullable<BlockedTask["syscall"]>;
  if (!EPOLL_CALLS.has(name)) return watchedBy({ name, args }, (at, length) => view.memory(task.pid, at, length));
  const info = readFdinfo(view.proc, task.pid, int32(args[0] ?? -1n));
  return info === undefined ? undefined : epollSet(info);
}

async function sort(set: readonly Watched[], task: BlockedTask, view: View, into: Members, depth: number) {
  for (const watched of set) {
    const target = readFd(view.proc, task.pid, watched.fd);
    if (target === undefined || isOther(target, watched)) {
      // Closed under this number, but still watched by way of a copy: what it is cannot be told.
      into.complete = false;
    } else if (target === EPOLL_FILE && depth < MAX_DEPTH) {
      const inner = readFdinfo(view.proc, task.pid, watched.fd);
      if (inner !== undefined) await sort(epollSet(inner).watched, task, view, into, depth + 1);
    } else if (wakeUpKind(target) === undefined) {
      const found = await sortOf(target, watched, task, view);
      if (found === "serves") into.serves = true;
      if (found === "link" && into.links.length < MAX_LINKS) into.links.push({ watched, target });
      else if (found === "link") into.complete = false;
    }
  }
}

/** The number that it was watched by is another file's now. */
function isOther(target: string, { ino }: Watched): boolean {
  const shown = /^(?:socket|pipe):\[(\d+)\]$/.exec(target)?.[1];
  return ino !== undefined && shown !== undefined && Number(shown) !== ino;
}

async function sortOf(
  target: string,
  watched: Watched,
  task: BlockedTask,
  view: View,
): Promise<"own" | "serves" | "link"> {
  const socket = inodeOfSocket(target);
  if (socket !== undefined) return sortOfSocket(socket, task, view);
  if (target.startsWith("pipe:[")) return (await isOwnPipe(target, watched, task, view)) ? "own" : "link";
  if (/^\/dev\/(pts\/|tty|console)/.test(target)) return "link";
  // Of the files with a path, only FIFOs and devices make a poll wait.
  return target.startsWith("/") && !/^\/(dev|proc|sys)\//.test(target) ? "link" : "serves";
}

/**
 * Both ends are this process's: threads wake each other by it, or a signal handler its loop. Where others wait at the
 * same end, what comes is not for this one in particular: such a pipe only tells, by its end, that somebody has died.
 */
async function isOwnPipe(target: string, watched: Watched, { pid }: BlockedTask, view: View): Promise<boolean> {
  const end = watched.reads ? "read" : "write";
  let others = false;
  const wanted = (holder: FdHolder) => holder.pid !== pid;
  for (const holder of (await view.holders(target, { wanted })).holders) {
    others = true;
    const access = accessOf(readFdinfo(view.proc, holder.pid, holder.fd)?.flags ?? 0);
    if (watched.reads && access === end) return true;
  }
  return !others;
}

async function sortOfSocket(inode: number, task: BlockedTask, view: View): Promise<"own" | "serves" | "link"> {
  const inet = (await view.inet(task.pid, inode))?.find((socket) => socket.inode === inode);
  if (inet !== undefined) {
    if (inet.state === "LISTEN") return "serves";
    return inet.protocol === "udp" && inet.state !== "ESTABLISHED" ? "serves" : "link";
  }
  const table = await view.unix(inode, task.pid);
  const unix = typeof table === "string" ? undefined : table.get(inode);
  if (unix === undefined || unix.listening) return "serves";
  if (unix.peer === 0) return unix.path === undefined ? "link" : "serves";
  const across = (await view.holders(`socket:[${unix.peer}]`)).holders;
  return across.length > 0 && across.every(({ pid }) => pid === task.pid) ? "own" : "link";
}
