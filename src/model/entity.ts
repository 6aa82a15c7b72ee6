/**
 * The names of things: how an id is made and read. Nothing here looks anything up.
 * Two probes on two hosts must make the same id for the same thing, so an id holds only what both can see.
 */

export function processId(pid: number, node?: string): string {
  return node === undefined ? `pid-${pid}` : `${node}/pid-${pid}`;
}

/** A thread that is not the main one; the main thread is the process itself. */
export function threadId(process: string, tid: number): string {
  return `${process}/tid-${tid}`;
}

export function pipeId(inode: string | number): string {
  return `pipe:${inode}`;
}

export function unixId(inode: number, peerInode: number): string {
  return `unix:${Math.min(inode, peerInode)}-${Math.max(inode, peerInode)}`;
}

/** `tcp:<addr>:<port>-<addr>:<port>`, its two ends sorted, so that both ends name the same connection. */
export function tcpId(end: string, otherEnd: string): string {
  return end < otherEnd ? `tcp:${end}-${otherEnd}` : `tcp:${otherEnd}-${end}`;
}

/** `device` as /proc/locks writes it: hexadecimal `major:minor`. */
export function lockId(device: string, inode: string | number): string {
  return `lock:${device}:${inode}`;
}

/** The table of connections that the machine's firewall keeps track of. */
export const CONNTRACK = "conntrack";

/** `gpu-00` by NVML's index, `gpu-card0` by the kernel's name of a card. */
export function gpuId(which: number | string): string {
  return `gpu-${typeof which === "number" ? String(which).padStart(2, "0") : which}`;
}

/** `gpu-03/mig-1` → `gpu-03`; undefined where it is no part of a GPU. */
export function gpuOfPart(id: string): string | undefined {
  const end = id.lastIndexOf("/mig-");
  return end > 0 ? id.slice(0, end) : undefined;
}

/** An id has at most 512 bytes, a cgroup's path may have more; its end, of at most 3 bytes a unit, tells the most. */
const MAX_CGROUP_PATH = 160;

/** `cgroup:/system.slice/nginx.service` */
export function cgroupId(path: string): string {
  return `cgroup:${path.length <= MAX_CGROUP_PATH ? path : `…${path.slice(-MAX_CGROUP_PATH)}`}`;
}

const PROCESS = /^(?:(?<node>.+)\/)?pid-(?<pid>[1-9]\d{0,9})(?:\/tid-(?<tid>[1-9]\d{0,9}))?$/;

/** `pid-10`, `host/pid-10` or `pid-10/tid-12` → its parts; undefined where the id is no process's. */
export function readProcessId(id: string): { pid: number; tid?: number; node?: string } | undefined {
  if (!id.includes("pid-")) return undefined;
  const groups = PROCESS.exec(id)?.groups;
  if (groups === undefined) return undefined;
  return {
    pid: Number(groups.pid),
    ...(groups.tid === undefined ? {} : { tid: Number(groups.tid) }),
    ...(groups.node === undefined ? {} : { node: groups.node }),
  };
}

/** The part before the first colon says what kind of thing it is: `pipe`, `tcp`, `lock`, …; else the whole id. */
export function entityKind(id: string): string {
  const colon = id.indexOf(":");
  return colon < 0 ? id : id.slice(0, colon);
}
