/** What the kernel counts of every block device since it came: /proc/diskstats. Documentation/admin-guide/iostats.rst. */
import { readText } from "./procfs.ts";

export interface DiskStats {
  /** `major:minor`. */
  device: string;
  name: string;
  reads: number;
  readBytes: number;
  /** Time that requests took, each counted, so it may grow faster than the clock. */
  readMs: number;
  writes: number;
  writeBytes: number;
  writeMs: number;
  /** Requests that the device has taken and not answered. */
  inFlight: number;
  /** Time in which it had any. */
  busyMs: number;
  /** The requests in flight, times how long they were. */
  weightedMs: number;
  /** Since Linux 4.18. */
  discards?: { count: number; bytes: number; ms: number };
  /** Since Linux 5.5. */
  flushes?: { count: number; ms: number };
}

/** Sectors are of 512 bytes there, whatever the device's are. */
const SECTOR_BYTES = 512;
/** A machine with thousands of disks; a line has about 100 bytes. */
const DISKSTATS_BYTES = 4 << 20;
const FIELDS_BEFORE_DISCARDS = 14;
const FIELDS_BEFORE_FLUSHES = 18;

/** Empty where the kernel does not tell. */
export function readDiskStats(proc: string): DiskStats[] {
  return parseDiskStats(readText(`${proc}/diskstats`, DISKSTATS_BYTES) ?? "");
}

/** Disks and partitions, in the kernel's order. A line that is none is left out. */
export function parseDiskStats(text: string): DiskStats[] {
  const disks: DiskStats[] = [];
  // A last line without its end was cut off, and so may be its last number.
  for (const line of text.split("\n").slice(0, -1)) {
    const disk = parseLine(line.trim().split(/\s+/));
    if (disk !== undefined) disks.push(disk);
  }
  return disks;
}

function parseLine(fields: readonly string[]): DiskStats | undefined {
  const [major, minor, name] = fields;
  if (name === undefined || fields.length < FIELDS_BEFORE_DISCARDS) return undefined;
  if (!fields.every((field, place) => place === 2 || /^\d+$/.test(field))) return undefined;
  const at = (place: number) => Number(fields[place]);
  const disk: DiskStats = {
    device: `${major}:${minor}`,
    name: name.replaceAll("!", "/"),
    reads: at(3),
    readBytes: at(5) * SECTOR_BYTES,
    readMs: at(6),
    writes: at(7),
    writeBytes: at(9) * SECTOR_BYTES,
    writeMs: at(10),
    inFlight: at(11),
    busyMs: at(12),
    weightedMs: at(13),
  };
  if (fields.length >= FIELDS_BEFORE_FLUSHES) {
    disk.discards = { count: at(14), bytes: at(16) * SECTOR_BYTES, ms: at(17) };
  }
  if (fields.length >= FIELDS_BEFORE_FLUSHES + 2) disk.flushes = { count: at(18), ms: at(19) };
  return disk;
}
