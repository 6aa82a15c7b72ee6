/**
 * The words of the built-in probes by which others go: the heads of errors, the kinds of waits, the roles of holders,
 * each beside the folder or file that says it. vocabulary.test.ts holds them against the sources.
 */
import { xidEntry, xidOf } from "../../src/model/xid.ts";

export const HEADS: Readonly<Record<string, readonly string[]>> = {
  "src/probes/network": [
    "LINK_DOWN",
    "ADMIN_DOWN",
    "REMOVED",
    "SPEED_LOWERED",
    "HALF_DUPLEX",
    "MTU_MISMATCH",
    "INTERFACE_ERRORS",
    "BOND_DEGRADED",
    "CONNTRACK_FULL",
    "CONNTRACK_NEAR_FULL",
    "TCP_MEMORY_FULL",
    "TCP_MEMORY_PRESSURE",
    "SOFTNET_DROPS",
    "LISTEN_OVERFLOW",
    "RETRANSMIT",
    "ACCEPT_QUEUE_FULL",
    "SYMBOL_ERRORS",
    "LINK_INTEGRITY_ERRORS",
    "LINK_RECOVERED",
    "LINK_DOWNED",
    "RECEIVE_ERRORS",
    "BUFFER_OVERRUNS",
  ],
  "src/probes/ebpf-network": ["RESET_BY_PEER", "RESET_SENT", "GIVEN_UP"],
  "src/probes/storage": [
    "FS_FULL",
    "INODES_FULL",
    "FS_READ_ONLY",
    "FS_ERROR",
    "IO_ERROR",
    "CONTROLLER_DEAD",
    "CONTROLLER_RESETTING",
    "SLOW",
    "DEGRADED",
    "OVERHEATED",
  ],
  // The storage probe tells these under the names that they have here.
  "src/kernel/kmsg.ts": ["IO_ERROR", "RESET", "FS_ERROR", "FS_READ_ONLY", "DEGRADED", "HUNG_TASK"],
  "src/probes/nvml": [
    "GPU_LOST",
    "RESET_REQUIRED",
    "DRIVER_HANG",
    "THROTTLED",
    "PCIE_DEGRADED",
    "NVLINK_DOWN",
    "ECC_UNCORRECTED",
    "ROW_REMAP_FAILED",
    "ROW_REMAP_PENDING",
    "PAGE_RETIREMENT_PENDING",
  ],
  "src/probes/drm": [
    "GPU_LOST",
    "GPU_RESET",
    "WAS_RESET",
    "RESET_FAILED",
    "WEDGED",
    "GPU_HANG",
    "PAGE_FAULT",
    "PCIE_DEGRADED",
    "THROTTLED",
  ],
};

/** The heads that stand in no list, by how they are made: the pattern of what is made, the file, the words there. */
export const MADE_HEADS: readonly (readonly [RegExp, file: string, text: string])[] = [
  [/^XID_\d{1,3}$/, "src/probes/nvml/xid-book.ts", "`XID_${code}`"],
  [/^DROP_[A-Z_]+$/, "src/probes/ebpf-network/told.ts", "`DROP_${loss.reason}`"],
  [/^ECC_UNCORRECTED$/, "src/probes/drm/troubles.ts", "`ECC_UNCORRECTED:${"],
];

export const WAIT_KINDS: readonly string[] = [
  "block.io",
  "child",
  "cpu.quota",
  "cpu.runqueue",
  "epoll",
  "eventfd",
  "fifo.open",
  "flock",
  "fs.freeze",
  "fs.remote",
  "fuse.request",
  "fuse.serve",
  "futex",
  "gpu.driver",
  "gpu.events",
  "gpu.sync",
  "inode_lock",
  "inotify",
  "journal",
  "kernel_lock",
  "lease",
  "memory.oom",
  "memory.reclaim",
  "mmap_lock",
  "mqueue.recv",
  "mqueue.send",
  "ofd_lock",
  "pid_namespace",
  "pipe.read",
  "pipe.write",
  "poll",
  "posix_lock",
  "pty.read",
  "pty.write",
  "select",
  "signal",
  "signalfd",
  "sleep",
  "sysv.recv",
  "sysv.sem",
  "sysv.send",
  "tcp.accept",
  "tcp.connect",
  "tcp.recv",
  "tcp.send",
  "thread.join",
  "timerfd",
  "tty.read",
  "tty.write",
  "udp.recv",
  "udp.send",
  "unix.accept",
  "unix.connect",
  "unix.recv",
  "unix.send",
  "vfork",
];

export const MADE_WAIT_KINDS: readonly (readonly [RegExp, file: string, text: string])[] = [
  [/^syscall\.\w+$/, "src/probes/process/waits/kernel.ts", "`syscall.${task.syscall.name}`"],
  [/^kernel\.\w+$/, "src/probes/process/waits/kernel.ts", '`kernel.${task.wchan || "unknown"}`'],
  [/^STALL_\d+ms$/, "src/probes/network/connection-events.ts", "`STALL_${stall.stalledMs}ms`"],
];

export const ROLES: readonly string[] = ["owner", "writer", "reader", "peer", "server", "child", "tracer", "thread"];

/** What only programs of other people's tell: docs/events.md has it, and no built-in probe of what is real does. */
export const FOREIGN_WAIT_KINDS: readonly string[] = ["IO_WAIT"];

/** Whether a built-in probe can say that this failed. An XID must also be one that the catalogue has. */
export function isToldHead(head: string): boolean {
  const code = xidOf(head);
  if (code !== undefined) return xidEntry(code) !== undefined;
  return Object.values(HEADS).some((heads) => heads.includes(head)) || MADE_HEADS.some(([made]) => made.test(head));
}

export function isToldWaitKind(kind: string): boolean {
  return WAIT_KINDS.includes(kind) || MADE_WAIT_KINDS.some(([made]) => made.test(kind));
}
