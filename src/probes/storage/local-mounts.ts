/** Which mounted file systems are this machine's own and hold data: once each, wherever they are mounted. Pure. */
import type { Mount } from "../../kernel/mounts.ts";

/**
 * That take writes and can be full. Those made read-only (squashfs, iso9660) always are, and those without data (proc,
 * sysfs, cgroup) never. What has a server, network or FUSE, is left out: it may not answer.
 */
const TYPES: ReadonlySet<string> = new Set([
  ...["ext2", "ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "jfs", "nilfs2", "ufs", "reiserfs"],
  ...["vfat", "msdos", "exfat", "ntfs3", "hfsplus", "tmpfs", "overlay"],
]);
const MAX_FILE_SYSTEMS = 64;

/** The most telling mount of each, those on block devices first. */
export function localMounts(mounts: readonly Mount[]): Mount[] {
  const places = new Map(mounts.map((mount) => [mount.mountPoint, mount]));
  const best = new Map<string, Mount>();
  for (const mount of mounts) {
    // Of several at one place only the last is to be reached.
    if (!isLocal(mount) || places.get(mount.mountPoint) !== mount) continue;
    const known = best.get(mount.device);
    if (known === undefined || isBetter(mount, known)) best.set(mount.device, mount);
  }
  const found = [...best.values()].sort((a, b) => Number(isOnDisk(b)) - Number(isOnDisk(a)));
  return found.slice(0, MAX_FILE_SYSTEMS);
}

function isLocal({ type, mountPoint, options }: Mount): boolean {
  if (!TYPES.has(type)) return false;
  // A container's layers lie on a file system of the machine's; seen from inside they are all there is.
  if (type === "overlay") return mountPoint === "/";
  return type !== "tmpfs" || (!isReadOnly(options) && !/^\/(?:sys|proc)\//.test(mountPoint));
}

/** The whole of it, not a folder bound elsewhere; then the shortest path. */
function isBetter(a: Mount, b: Mount): boolean {
  if ((a.root === "/") !== (b.root === "/")) return a.root === "/";
  return a.mountPoint.length < b.mountPoint.length;
}

function isOnDisk({ source }: Mount): boolean {
  return source.startsWith("/dev/");
}

/** Of the file system, whatever the mount says. */
export function isReadOnly(options: string): boolean {
  return /(?:^|,)ro(?:,|$)/.test(options);
}

/** ext4 since Linux 6.15 says that it takes no more writes after an error, though it is not mounted read-only. */
export function refusesWrites(options: string): boolean {
  return /(?:^|,)(?:emergency_ro|shutdown)(?:,|$)/.test(options);
}
