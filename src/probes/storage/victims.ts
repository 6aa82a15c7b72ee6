/**
 * Which processes are hit by a file system or device in trouble. Looked at only while there is one: each look reads what
 * every process has read and written since the last, and the open files of those few that called at all.
 */
import { namesBelow } from "../../kernel/block.ts";
import type { BlockingReader } from "../../kernel/blocking.ts";
import type { StorageError } from "../../kernel/kmsg.ts";
import type { Mount } from "../../kernel/mounts.ts";
import { listOpenFiles, type OpenFile } from "../../kernel/open-files.ts";
import {
  didNotGrow,
  mayBeRefused,
  readsFromDeviceInVain,
  wasWrittenTo,
  writesInVain,
  writesToDeviceInVain,
  type FileLook,
  type IoChange,
} from "./evidence.ts";
import type { Fault } from "./fault-book.ts";
import type { FileSystem } from "./file-systems.ts";
import { faultOf } from "./log-faults.ts";
import { MountPlaces } from "./mount-places.ts";
import { activeBetween, sampleIo, type Active, type IoSample } from "./process-io.ts";

export interface Trouble {
  fileSystems: readonly FileSystem[];
  /** Devices on which requests failed just now. */
  failed: readonly StorageError[];
  /** Our own mounts. */
  mounts: readonly Mount[];
}

export interface VictimsOptions {
  proc: string;
  sys: string;
  reader: BlockingReader;
  /** A look at very many processes is followed by a rest of so many times the CPU time it took. */
  restAfter?: number;
}

interface Sample {
  /** Of the clock that file times are of. */
  atMs: number;
  sample: IoSample;
  /** By pid and fd: files open for writing on a file system that is full. */
  files: Map<string, FileLook>;
}

/** A process that calls. */
interface Suspect extends Active {
  files: readonly OpenFile[];
  seconds: number;
}

interface Hit {
  fault: Fault;
  /** The file that it is known by, where others may have it open as well. */
  file?: string;
}

/** One that tries again every so often is hit all the while. */
const LASTS_MS = 30_000;
const MAX_HIT = 256;
const LOOKS_NEEDED = 3;
/** So that it takes a hundredth of a CPU at most. */
const REST_AFTER = 100;
/** Files of one process that are looked at. */
const MAX_FILES = 16;

export class Victims {
  readonly #proc: string;
  readonly #sys: string;
  readonly #reader: BlockingReader;
  readonly #restAfter: number;
  readonly #hit = new Map<string, { fault: Fault; seenMs: number }>();
  #before: Sample | undefined;
  #notBefore = Number.NEGATIVE_INFINITY;
  #looks = 0;
  #troubles: ReadonlySet<string> = new Set();

  constructor({ proc, sys, reader, restAfter = REST_AFTER }: VictimsOptions) {
    this.#proc = proc;
    this.#sys = sys;
    this.#reader = reader;
    this.#restAfter = restAfter;
  }

  /** A trouble has begun, and it takes three looks to tell of all whom it hits. */
  get isSearching(): boolean {
    return this.#looks > 0 && this.#looks < LOOKS_NEEDED;
  }

  /**
   * The fault of each process that is hit. `wallMs`: of the clock that file times are of. Of a file system without free
   * inodes nobody is: files that are there can be written to, and one that could not be made leaves no trace of who
   * tried, neither in io nor in fd.
   */
  async look({ fileSystems, failed, mounts }: Trouble, wallMs: number): Promise<Fault[]> {
    const full = withFault(fileSystems, "FS_FULL");
    const readOnly = withFault(fileSystems, "FS_READ_ONLY");
    if (full.length + readOnly.length + failed.length === 0) {
      this.#before = undefined;
      this.#hit.clear();
      this.#looks = 0;
      this.#troubles = new Set();
      return [];
    }
    this.#countLooks([...full, ...readOnly], failed);
    if (performance.now() >= this.#notBefore) {
      const places = new MountPlaces(this.#proc, mounts);
      this.#note(await this.#search({ full, readOnly, failed, places }, wallMs), wallMs);
    }
    return this.#lasting(
      [...full, ...readOnly].map(({ fault }) => fault),
      failed,
      wallMs,
    );
  }

  /** Since the last trouble began. */
  #countLooks(fileSystems: readonly InTrouble[], failed: readonly StorageError[]): void {
    const troubles = new Set(fileSystems.map(({ fault }) => `${fault.head} ${fault.entity}`));
    for (const { device } of failed) troubles.add(device);
    this.#looks = troubles.isSubsetOf(this.#troubles) ? this.#looks + 1 : 1;
    this.#troubles = troubles;
  }

  async #search({ full, readOnly, failed, places }: Search, wallMs: number): Promise<Fault[]> {
    const before = this.#before;
    const now: Sample = { atMs: wallMs, sample: await sampleIo(this.#proc), files: new Map() };
    this.#before = now;
    this.#notBefore = performance.now() + this.#restAfter * now.sample.cpuMs;
    if (before === undefined) return [];
    const hits: Hit[] = [];
    for (const suspect of this.#suspects(before, now, full.length > 0)) {
      const filesOn = ({ mount }: InTrouble) => writableOn(mount, suspect, places);
      hits.push(...this.#failing(suspect, failed, places));
      for (const each of readOnly) hits.push(...refused(each, suspect, filesOn(each)));
      for (const each of full) hits.push(...(await this.#unwritten(each, suspect, filesOn(each), { before, now })));
    }
    return onlyKnown(hits);
  }

  #suspects(before: Sample, now: Sample, anyWriter: boolean): Suspect[] {
    const seconds = (now.atMs - before.atMs) / 1000;
    const wanted = (change: IoChange) =>
      writesInVain(change) || readsFromDeviceInVain(change) || (anyWriter && change.writeCalls > 0);
    return activeBetween(before.sample, now.sample, wanted).flatMap(({ pid, change }) => {
      const files = listOpenFiles(this.#proc, pid);
      return files === undefined ? [] : [{ pid, change, files, seconds }];
    });
  }

  /** Its reads or writes went to a device, and came back with nothing. */
  #failing({ pid, change, files, seconds }: Suspect, failed: readonly StorageError[], places: MountPlaces): Hit[] {
    const reads = readsFromDeviceInVain(change);
    const writes = writesToDeviceInVain(change);
    if (!reads && !writes) return [];
    const devices = new Set<string>();
    for (const { target, canRead, canWrite, mountId } of files) {
      if (!(reads && canRead) && !(writes && canWrite)) continue;
      const name = /^\/dev\/(.+)$/.exec(target)?.[1];
      const device = places.deviceOf(pid, mountId);
      if (name !== undefined) devices.add(name);
      for (const each of device === undefined ? [] : namesBelow(device, this.#sys)) devices.add(each);
    }
    const words = reads ? `${change.readCalls} reads, 0 bytes read` : `${change.writeCalls} writes, 0 bytes written`;
    return failed
      .filter(({ device }) => devices.has(device))
      .map((error) => ({
        fault: hitting(faultOf(error, error.device), pid, `${words} in ${seconds.toFixed(1)} s; ${error.text}`),
      }));
  }

  /** A write was begun on a file of the full file system, and nothing came of it. */
  async #unwritten(
    { fault }: InTrouble,
    { pid, change, seconds }: Suspect,
    files: readonly OpenFile[],
    { before, now }: { before: Sample; now: Sample },
  ): Promise<Hit[]> {
    if (change.writeCalls === 0) return [];
    for (const file of files.slice(0, MAX_FILES)) {
      const state = await this.#reader.openFileState(pid, file.fd);
      if (state === undefined) continue;
      const key = `${pid} ${file.fd}`;
      const look = { file, state };
      now.files.set(key, look);
      const inTime = `in ${seconds.toFixed(1)} s; file system full`;
      if (writesInVain(change) && wasWrittenTo(look, before.atMs)) {
        return [{ fault: hitting(fault, pid, `${change.writeCalls} writes, 0 bytes written ${inTime}`) }];
      }
      const last = before.files.get(key);
      if (last === undefined || !didNotGrow(last, look)) continue;
      const observed = `${file.target} was written to and did not grow ${inTime}`;
      const known = { ...hitting(fault, pid, observed), source: `/proc/${pid}/fd/${file.fd}` };
      return [{ fault: known, file: `${state.device} ${state.inode}` }];
    }
    return [];
  }

  #note(found: readonly Fault[], nowMs: number): void {
    for (const fault of found) {
      const key = `${fault.pid} ${fault.head} ${fault.entity}`;
      if (this.#hit.size < MAX_HIT || this.#hit.has(key)) this.#hit.set(key, { fault, seenMs: nowMs });
    }
  }

  /** What was found lately, as long as what it is part of lasts. */
  #lasting(fileSystems: readonly Fault[], failed: readonly StorageError[], nowMs: number): Fault[] {
    for (const [key, { fault, seenMs }] of this.#hit) {
      const lasts =
        fault.head === "IO_ERROR"
          ? failed.some(({ device }) => device === fault.entity)
          : fileSystems.some(({ entity, head }) => entity === fault.entity && head === fault.head);
      if (!lasts || nowMs - seenMs >= LASTS_MS) this.#hit.delete(key);
    }
    return Array.from(this.#hit.values(), ({ fault }) => fault);
  }
}

interface Search {
  full: readonly InTrouble[];
  readOnly: readonly InTrouble[];
  failed: readonly StorageError[];
  places: MountPlaces;
}

interface InTrouble {
  mount: Mount;
  fault: Fault;
}

function withFault(fileSystems: readonly FileSystem[], head: Fault["head"]): InTrouble[] {
  return fileSystems.flatMap(({ mount, faults }) => {
    const fault = faults.find((each) => each.head === head);
    return fault === undefined ? [] : [{ mount, fault }];
  });
}

function writableOn(mount: Mount, { pid, files }: Suspect, places: MountPlaces): OpenFile[] {
  return files.filter(({ canWrite, mountId }) => canWrite && places.deviceOf(pid, mountId) === mount.device);
}

/** It writes, all of it fails, and it has nothing open that could refuse a write for a moment. */
function refused({ fault }: InTrouble, { pid, change, seconds, files }: Suspect, there: readonly OpenFile[]): Hit[] {
  if (there.length === 0 || !writesInVain(change) || mayBeRefused(files)) return [];
  const observed = `${change.writeCalls} writes, 0 bytes written in ${seconds.toFixed(1)} s; file system read-only`;
  return [{ fault: hitting(fault, pid, observed) }];
}

/** A file that two write to, of whom one may have failed and the other not, tells of neither. */
function onlyKnown(hits: readonly Hit[]): Fault[] {
  const writers = new Map<string, number>();
  for (const { file } of hits) if (file !== undefined) writers.set(file, (writers.get(file) ?? 0) + 1);
  return hits.filter(({ file }) => file === undefined || writers.get(file) === 1).map(({ fault }) => fault);
}

function hitting(fault: Fault, pid: number, observed: string): Fault {
  return { ...fault, pid, source: `/proc/${pid}/io`, observed };
}
