/**
 * I/O limits of cgroups: `blkio.throttle.*` (v1) and `io.max` (v2) of a process's cgroup or of one above it.
 * Documentation/admin-guide/cgroup-v1/blkio-controller.rst, cgroup-v2.rst.
 */
import { readdirSync } from "node:fs";
import { cgroupFor, cgroupMounts, lineage, readCgroupValue, type Cgroup } from "../../../kernel/cgroup-files.ts";
import { isSliceOver, letOthersIn } from "../pace.ts";
import type { View } from "../view.ts";

export interface IoLimit {
  /** The control file. */
  file: string;
  /** `major:minor` */
  device: string;
  /** As it stands there. */
  text: string;
  /** What to write into the file to lift it. */
  lift: string;
}

export type Direction = "read" | "write";

const V1_FILES: Record<Direction, readonly string[]> = {
  read: ["blkio.throttle.read_bps_device", "blkio.throttle.read_iops_device"],
  write: ["blkio.throttle.write_bps_device", "blkio.throttle.write_iops_device"],
};

/** The nearest limit that the process is under for one of the devices; `direction`: only one of that kind. */
export function limitOf(
  pid: number,
  devices: readonly string[],
  direction: Direction | undefined,
  view: View,
): IoLimit | undefined {
  for (const controller of ["blkio", "io"]) {
    const cgroup = cgroupFor(view.proc, pid, controller);
    for (const at of cgroup === undefined ? [] : lineage(view.proc, cgroup)) {
      const limit = limitAt(at, devices, direction);
      if (limit !== undefined) return limit;
    }
  }
  return undefined;
}

function limitAt(cgroup: Cgroup, devices: readonly string[], direction: Direction | undefined): IoLimit | undefined {
  const directions: readonly Direction[] = direction === undefined ? ["read", "write"] : [direction];
  if (cgroup.version === 2) {
    const lines = parseIoMax(readCgroupValue(cgroup, "io.max") ?? "");
    const line = lines.find((it) => devices.includes(it.device) && directions.some((wanted) => it.limits.has(wanted)));
    if (line === undefined) return undefined;
    const lift = `${line.device} rbps=max wbps=max riops=max wiops=max`;
    return { file: `${cgroup.folder}/io.max`, device: line.device, text: line.text, lift };
  }
  for (const name of directions.flatMap((wanted) => V1_FILES[wanted])) {
    const line = parseThrottle(readCgroupValue(cgroup, name) ?? "").find((it) => devices.includes(it.device));
    if (line !== undefined) return { file: `${cgroup.folder}/${name}`, ...line, lift: `${line.device} 0` };
  }
  return undefined;
}

/** `7:0 1024` a line, of v1. */
export function parseThrottle(text: string): { device: string; text: string }[] {
  return text.split("\n").flatMap((line) => {
    const device = /^(\d+:\d+) [1-9]\d*$/.exec(line)?.[1];
    return device === undefined ? [] : [{ device, text: line }];
  });
}

/** `7:0 rbps=max wbps=1024 riops=max wiops=max` a line, of v2: which directions are limited. */
export function parseIoMax(text: string): { device: string; text: string; limits: Set<Direction> }[] {
  return text.split("\n").flatMap((line) => {
    const device = /^(\d+:\d+) /.exec(line)?.[1];
    if (device === undefined) return [];
    const limits = new Set<Direction>();
    for (const [, letter] of line.matchAll(/ ([rw])(?:bps|iops)=\d+/g)) limits.add(letter === "r" ? "read" : "write");
    return [{ device, text: line, limits }];
  });
}

/** cgroups that are searched for a limit; a machine may have many thousands. */
const MAX_SEARCHED = 2048;

/**
 * The only limit for the device that any cgroup has: what others wrote may be held back by it, and who waits for the
 * whole file system to be written waits for that too. Undefined where there is none, or more than one.
 */
export async function onlyLimitOn(devices: readonly string[], view: View): Promise<IoLimit | undefined> {
  const limits: IoLimit[] = [];
  let left = MAX_SEARCHED;
  for (const mount of cgroupMounts(view.proc)) {
    if (mount.version === 1 && !mount.controllers.includes("blkio")) continue;
    const queue: Cgroup[] = [{ version: mount.version, path: mount.root, folder: mount.mountPoint }];
    for (const cgroup of queue) {
      if (left-- <= 0) return undefined;
      if (isSliceOver()) await letOthersIn();
      const limit = limitAt(cgroup, devices, undefined);
      if (limit !== undefined) limits.push(limit);
      for (const name of foldersIn(cgroup.folder)) {
        queue.push({ version: cgroup.version, path: `${cgroup.path}/${name}`, folder: `${cgroup.folder}/${name}` });
      }
    }
  }
  return limits.length === 1 ? limits[0] : undefined;
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
}
