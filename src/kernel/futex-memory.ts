/**
 * What lies mapped where a futex is: /proc/PID/maps, of which the shared mappings tell which processes mean the same
 * futex. Text in, objects out; reading the file may block for ever, and is not done here. proc_pid_maps(5).
 */

export interface SharedPlace {
  /** The file or the piece of shared memory: device and inode. */
  file: string;
  /** Where in it. */
  offset: bigint;
  path: string;
}

const LINE = /^([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) ([0-9a-f]+:[0-9a-f]+) (\d+) *(.*)$/gm;

/** Where the address lies in memory that other processes may have as well; undefined where nothing is mapped there. */
export function placeIn(maps: string, address: bigint): SharedPlace | "private" | undefined {
  for (const { start, end, offset, file, path, shared } of mappings(maps)) {
    if (address < start || address >= end) continue;
    return shared ? { file, offset: offset + (address - start), path } : "private";
  }
  return undefined;
}

/** Whether the process has that place mapped, shared, wherever. */
export function mapsPlace(maps: string, place: SharedPlace): boolean {
  for (const { start, end, offset, file, shared } of mappings(maps)) {
    if (shared && file === place.file && place.offset >= offset && place.offset < offset + (end - start)) return true;
  }
  return false;
}

interface Mapping {
  start: bigint;
  end: bigint;
  offset: bigint;
  file: string;
  path: string;
  shared: boolean;
}

function* mappings(maps: string): Iterable<Mapping> {
  for (const [, start, end, permissions = "", offset, device, inode, path = ""] of maps.matchAll(LINE)) {
    yield {
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      offset: BigInt(`0x${offset}`),
      file: `${device}:${inode}`,
      path,
      shared: permissions.endsWith("s"),
    };
  }
}
