/** Block devices as sysfs shows them: what is below one, and whether it is at work. sysfs attributes do not block. */
import { readdirSync, readlinkSync } from "node:fs";
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
  try {
    return readdirSync(`${folder}/slaves`).flatMap((name) => deviceNumber(name, sys) ?? []);
  } catch {
    return [];
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
