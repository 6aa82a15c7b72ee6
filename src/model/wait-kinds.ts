/** What the kinds of wait mean by themselves, where nobody is known who would end them. */
import { isCauseKind, type CauseKind } from "./cause.ts";
import { entityKind } from "./entity.ts";
import type { WaitDetails } from "./nodes.ts";

/** Where a healthy server, event loop or thread pool rests until there is work. */
const IDLE_KINDS: ReadonlySet<string> = new Set([
  "tcp.accept",
  "unix.accept",
  "epoll",
  "poll",
  "select",
  "signal",
  "inotify",
  "eventfd",
  "signalfd",
  "timerfd",
  "udp.recv",
  "netlink.recv",
  "fuse.serve",
  "kernel.idle",
  "gpu.events",
]);

/** Locks that somebody holds while others cannot go on: who sleeps or idles with one is no harmless sleeper. */
const LOCK_KINDS: ReadonlySet<string> = new Set([
  "flock",
  "posix_lock",
  "ofd_lock",
  "lease",
  "futex",
  "mmap_lock",
  "inode_lock",
  "kernel_lock",
]);

export function isIdleKind(kind: string): boolean {
  return IDLE_KINDS.has(kind);
}

export function isLockKind(kind: string): boolean {
  return LOCK_KINDS.has(kind);
}

/** It wants to run: such a wait is no sleep, and a process with it is not at work either. */
export function isCpuKind(kind: string): boolean {
  return kind.startsWith("cpu.");
}

/** It has handed work to a GPU: that the GPU is at it makes no rest of the wait. */
export function isGpuKind(kind: string): boolean {
  return kind === "gpu.sync" || kind === "gpu.driver";
}

/** The cause that a wait amounts to when no process holds what it waits for. */
export function causeWithoutHolder(kind: string, entityId: string, { holder, cause }: WaitDetails): CauseKind {
  if (cause !== undefined && isCauseKind(cause)) return cause;
  if (kind === "sleep") return "process.sleeping";
  if (kind === "tty.read") return "input.terminal";
  if (isIdleKind(kind)) return "process.idle";
  if (holder === "hidden") return "unknown";
  if (holder === "gone" && isLockKind(kind)) return "lock.orphaned";
  const subject = kind.split(".", 1)[0] ?? kind;
  if (holder === "none" && (subject === "pipe" || subject === "fifo" || subject === "unix")) return "ipc.no_peer";
  if (subject === "tcp" && (holder === "remote" || holder === "none")) return networkCause(kind);
  if (kind.includes("IO_WAIT") && /^(?:tcp|udp)$/.test(entityKind(entityId))) return "network.peer_silent";
  if (kind.startsWith("STALL_") || kind === "transport.drop") return "network.loss";
  return "unknown";
}

function networkCause(kind: string): CauseKind {
  if (kind === "tcp.connect") return "network.unreachable";
  return kind === "tcp.send" ? "network.peer_not_reading" : "network.peer_silent";
}

/** The cause that an error on an entity amounts to: as its probe says, or by its type and what it is on. */
export function causeOfError(eventType: string, entityId: string, told?: string): CauseKind {
  if (told !== undefined && isCauseKind(told)) return told;
  if (eventType === "topo.link_down") return entityId.startsWith("gpu") ? "gpu.error" : "network.link_down";
  if (eventType === "error.net") return "network.loss";
  return /^(?:gpu|mig|nvlink|accel)/i.test(entityId) ? "gpu.error" : "storage.error";
}
