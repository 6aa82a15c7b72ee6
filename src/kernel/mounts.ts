/**
 * What a process has mounted: /proc/PID/mountinfo. It is read, and the mounts are never touched: a stat or statfs on
 * the mount of a dead server does not return.
 */
import { readText } from "./procfs.ts";

export interface Mount {
  /** As `mnt_id` of fdinfo names it. */
  id: number;
  /** `major:minor` in decimal; major 0 is no block device (FUSE, NFS, btrfs, overlay, tmpfs). */
  device: string;
  /** The folder of the file system that is seen at the mount point. */
  root: string;
  /** As the process sees it. */
  mountPoint: string;
  /** `ext4`, `fuse.sshfs`, `nfs4`. */
  type: string;
  /** A block device's path, a server's address, whatever the type makes of it. */
  source: string;
  /** Of the file system, not of this mount of it. */
  options: string;
}

/** A machine with thousands of containers has as many mounts. */
const MOUNTINFO_BYTES = 4 << 20;

/** Undefined where we may not see them, or the process is gone. */
export function readMounts(proc: string, pid: number | "self"): Mount[] | undefined {
  const text = readText(`${proc}/${pid}/mountinfo`, MOUNTINFO_BYTES);
  return text === undefined ? undefined : parseMountinfo(text);
}

/** proc_pid_mountinfo(5). What comes between the options and ` - ` varies in number. */
export function parseMountinfo(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split("\n")) {
    const dash = line.indexOf(" - ");
    if (dash < 0) continue;
    const [id, , device, root, mountPoint] = line.slice(0, dash).split(" ");
    const [type, source = "", options = ""] = line.slice(dash + 3).split(" ");
    if (mountPoint === undefined || root === undefined || device === undefined || type === undefined) continue;
    mounts.push({
      id: Number(id),
      device,
      root: unescaped(root),
      mountPoint: unescaped(mountPoint),
      type: unescaped(type),
      source: unescaped(source),
      options,
    });
  }
  return mounts;
}

/** The mount that an absolute path without links, `.` and `..` leads to: the deepest; of several at one place the last. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | undefined {
  let best: Mount | undefined;
  for (const mount of mounts) {
    if (!lies(path, mount.mountPoint)) continue;
    if (best === undefined || mount.mountPoint.length >= best.mountPoint.length) best = mount;
  }
  return best;
}

/** Served by a process of this machine through /dev/fuse. virtiofs is FUSE as well, but its server is the host. */
export function isFuse({ type }: Mount): boolean {
  return type === "fuse" || type === "fuseblk" || type.startsWith("fuse.");
}

const NETWORK_TYPES: ReadonlySet<string> = new Set([
  "nfs",
  "nfs4",
  "cifs",
  "smb3",
  "ceph",
  "9p",
  "afs",
  "lustre",
  "beegfs",
  "gpfs",
  "ocfs2",
  "gfs2",
  "virtiofs",
]);

/** Served from outside of this kernel. */
export function isRemote({ type }: Mount): boolean {
  return NETWORK_TYPES.has(type);
}

/** `10.0.0.5`: `addr=` of NFS and SMB, the source's host otherwise; undefined where neither tells. */
export function serverOf({ source, options }: Mount): string | undefined {
  const address = /(?:^|,)addr=([^,]+)/.exec(options)?.[1];
  if (address !== undefined) return address;
  const share = /^\/\/([^/]+)\//.exec(source)?.[1];
  return share ?? /^(\[[^\]]+\]|[^:/]+(?::\d+)?(?:,[^:/]+(?::\d+)?)*):\//.exec(source)?.[1];
}

/** Without `.`, `..` and doubled slashes; links are left as they are. */
export function normalised(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}

function lies(path: string, folder: string): boolean {
  return folder === "/" || path === folder || path.startsWith(`${folder}/`);
}

/** Space, tab, newline and backslash are octal there. */
function unescaped(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
