/** What lies below a file system: its block device, and what that one is made of, down to disks or to another server. */
import { deviceNumber, readBlockDevice, type BlockDevice } from "../../../kernel/block.ts";
import { isFuse, isRemote, mountOf, type Mount } from "../../../kernel/mounts.ts";
import type { View } from "../view.ts";

export interface BlockStack {
  /** From the file system's own device downwards. */
  devices: BlockDevice[];
  /** The file below a loop device may lie on a file system that has a server. */
  served: { mount: Mount; file: string }[];
}

/** A loop on a file on a loop …; deeper is nobody's intention. */
const MAX_DEVICES = 16;

/** The block device that a mount's file system lies on; undefined where it has none (tmpfs, NFS, FUSE). */
export function blockDeviceOf(mount: Mount, view: View): string | undefined {
  if (isFuse(mount) || isRemote(mount)) return undefined;
  if (!mount.device.startsWith("0:")) return mount.device;
  // btrfs has a device number of its own.
  if (mount.source.startsWith("/dev/")) return deviceNumber(mount.source, view.storage.sys);
  return mount.type === "overlay" ? belowOverlay(mount, view) : undefined;
}

/** A container's root: its upper folder, else the first of the lower ones, is a path of whoever mounted it. */
function belowOverlay({ options }: Mount, view: View): string | undefined {
  const folder = /(?:^|,)upperdir=([^,]+)/.exec(options)?.[1] ?? /(?:^|,)lowerdir=([^,:]+)/.exec(options)?.[1];
  const mount = folder?.startsWith("/") ? mountOf(view.storage.mounts.of("self"), folder) : undefined;
  if (mount === undefined || mount.type === "overlay") return undefined;
  return blockDeviceOf(mount, view);
}

/** Everything below the device, itself first. */
export function blockStack(device: string, view: View): BlockStack {
  const stack: BlockStack = { devices: [], served: [] };
  const queue = [device];
  const seen = new Set(queue);
  for (const number of queue) {
    const found = seen.size > MAX_DEVICES ? undefined : readBlockDevice(number, view.storage.sys);
    if (found === undefined) continue;
    stack.devices.push(found);
    const below = [...found.slaves, ...(found.backingFile === undefined ? [] : belowLoop(found, stack, view))];
    for (const next of below) if (!seen.has(next)) queue.push(next);
    for (const next of below) seen.add(next);
  }
  return stack;
}

/**
 * The file's path is one of the mount namespace in which the loop device was set up, which the kernel does not name:
 * of ours and of those in which the device is mounted, the one that knows a mount nearest to the file.
 */
function belowLoop(loop: BlockDevice, stack: BlockStack, view: View): string[] {
  const file = loop.backingFile as string;
  let nearest: Mount | undefined;
  for (const mounts of view.storage.mounts.with(loop.device)) {
    const mount = mountOf(mounts, file);
    if (mount !== undefined && mount.mountPoint.length > (nearest?.mountPoint.length ?? 0)) nearest = mount;
  }
  if (nearest === undefined) return [];
  if (isFuse(nearest) || isRemote(nearest)) stack.served.push({ mount: nearest, file });
  const device = blockDeviceOf(nearest, view);
  return device === undefined ? [] : [device];
}
