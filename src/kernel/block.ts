/** Block devices as sysfs shows them: what is below one, and whether it is at work. sysfs attributes do not block. */
import { readlinkSync } from "node:fs";
import { namesIn } from "./folders.ts";
import { readText } from "./procfs.ts";

export interface BlockDevice {
  /** `major:minor`. */
  device: string;
  /** `vda1`. */
  name: string;
  /** The disk, of a partition: limits and figures are the disk's. */
  disk: string;
  diskDevice: string;
  /** Of a loop device: the path of the file below it, as seen from the root of the file's mount namespace. */
  backingFile: string | undefined;
  /** Of a device mapper or RAID device: those it is made of, as `major:minor`. */
  slaves: string[];
  /** Requests that the device has taken and not answered; undefined where not told. */
  inFlight: { reads: number; writes: number } | undefined;
}

/** Sizes are told in sectors of 512 bytes, whatever the device's are. */
const SECTOR_BYTES = 512;
/** Devices that one may be made of. */
const MAX_BELOW = 64;

/** By `major:minor`; undefined where there is none such. */
export function readBlockDevice(device: string, sys = "/sys"): BlockDevice | undefined {
  const link = linkOf(`${sys}/dev/block/${device}`);
  const name = link?.split("/").at(-1);
  if (link === undefined || name === undefined) return undefined;
  const folder = `${sys}/dev/block/${device}`;
  const isPartition = readText(`${folder}/partition`) !== undefined;
  const disk = isPartition ? (link.split("/").at(-2) ?? name) : name;
  const diskFolder = `${sys}/class/block/${disk}`;
  return {
    device,
    name,
    disk,
    diskDevice: isPartition ? (readText(`${diskFolder}/dev`)?.trim() ?? device) : device,
    // A newline in the file's name is escaped, so the last one is the attribute's own.
    backingFile: readText(`${diskFolder}/loop/backing_file`)?.replace(/\n$/, ""),
    slaves: slavesOf(sys, diskFolder),
    inFlight: parseInFlight(readText(`${diskFolder}/inflight`)),
  };
}

/** What does not change while the device is in use. */
export interface DiskFacts {
  isPartition: boolean;
  sizeBytes: number;
  /** Undefined where not told. What a virtual machine's disk says of itself is rarely true. */
  rotational: boolean | undefined;
  backingFile: string | undefined;
  model: string | undefined;
  /** Of a RAID: devices that it lacks. */
  missing: number;
}

/** By its name; undefined where there is none such. */
export function readDiskFacts(name: string, sys = "/sys"): DiskFacts | undefined {
  const folder = `${sys}/class/block/${name.replaceAll("/", "!")}`;
  const sectors = readText(`${folder}/size`)?.trim();
  if (sectors === undefined || !/^\d+$/.test(sectors)) return undefined;
  const rotational = readText(`${folder}/queue/rotational`)?.trim();
  return {
    isPartition: readText(`${folder}/partition`) !== undefined,
    sizeBytes: Number(sectors) * SECTOR_BYTES,
    rotational: rotational === undefined ? undefined : rotational === "1",
    backingFile: readText(`${folder}/loop/backing_file`)?.replace(/\n$/, ""),
    model: readText(`${folder}/device/model`)?.trim(),
    missing: Number.parseInt(readText(`${folder}/md/degraded`) ?? "0", 10) || 0,
  };
}

/** The names by which the kernel may speak of the device: its own, its disk's, those of the devices it is made of. */
export function namesBelow(device: string, sys = "/sys"): Set<string> {
  const names = new Set<string>();
  const queue = [device];
  for (const number of queue) {
    const found = queue.length > MAX_BELOW ? undefined : readBlockDevice(number, sys);
    if (found === undefined) continue;
    names.add(found.name).add(found.disk);
    for (const slave of found.slaves) if (!queue.includes(slave)) queue.push(slave);
  }
  return names;
}

/** It, or a partition of it, is one of several that another device or a btrfs is made of. */
export function isPartOfAnother(name: string, sys = "/sys"): boolean {
  const folder = `${sys}/class/block/${name.replaceAll("/", "!")}`;
  const partitions = namesIn(folder).filter((each) => readText(`${folder}/${each}/partition`) !== undefined);
  if (
    [folder, ...partitions.map((each) => `${folder}/${each}`)].some((each) => namesIn(`${each}/holders`).length > 0)
  ) {
    return true;
  }
  return namesIn(`${sys}/fs/btrfs`).some((id) => {
    const devices = namesIn(`${sys}/fs/btrfs/${id}/devices`);
    return devices.length > 1 && devices.some((each) => each === name || partitions.includes(each));
  });
}

/** By name: `vda1`, or a path: `/dev/vda1`, `/dev/mapper/root`. */
export function deviceNumber(source: string, sys = "/sys"): string | undefined {
  // Device mapper's names are links: ../dm-0.
  const path = source.startsWith("/dev/mapper/") ? (linkOf(source)?.replace(/^\.\.\//, "/dev/") ?? source) : source;
  const name = path.startsWith("/dev/") ? path.slice("/dev/".length) : path;
  if (name === "" || name.includes("..")) return undefined;
  // `cciss/c0d0` is `cciss!c0d0` there.
  const number = readText(`${sys}/class/block/${name.replaceAll("/", "!")}/dev`)?.trim();
  return number !== undefined && /^\d+:\d+$/.test(number) ? number : undefined;
}

/** `       1        0`: reads and writes; Documentation/block/stat.rst. */
export function parseInFlight(text: string | undefined): BlockDevice["inFlight"] {
  const match = /^\s*(\d+)\s+(\d+)\s*$/.exec(text ?? "");
  return match === null ? undefined : { reads: Number(match[1]), writes: Number(match[2]) };
}

function slavesOf(sys: string, folder: string): string[] {
  return namesIn(`${folder}/slaves`).flatMap((name) => deviceNumber(name, sys) ?? []);
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
