/** One look of the storage probe: the disks, the kernel log, the file systems, and whom a trouble there hits. */
import { BlockingReader } from "../../kernel/blocking.ts";
import { readDiskStats } from "../../kernel/diskstats.ts";
import { KernelLog } from "../../kernel/kmsg.ts";
import { readMounts } from "../../kernel/mounts.ts";
import type { Event } from "../../model/event.ts";
import type { BlockIo } from "./block-io.ts";
import { Controllers } from "./controllers.ts";
import { Disks } from "./disks.ts";
import { FaultBook, type Fault } from "./fault-book.ts";
import { fileSystemFigures, FileSystems } from "./file-systems.ts";
import { LogFaults } from "./log-faults.ts";
import { cgroupPressure, machinePressure } from "./pressure.ts";
import { Victims } from "./victims.ts";

/** What was logged so long before we came may be what is wrong now. */
const LOGGED_BEFORE_MS = 60_000;
/** The kernel lets only so many messages through in five seconds, so a failing request may be logged late or not at all. */
const FAILED_WITHIN_MS = 10_000;
const CGROUPS_AGE_MS = 10_000;

export class StorageWatch {
  readonly #proc: string;
  readonly #now: () => number;
  readonly #reader: BlockingReader;
  readonly #log: KernelLog;
  readonly #disks: Disks;
  readonly #controllers: Controllers;
  readonly #fileSystems: FileSystems;
  readonly #victims: Victims;
  readonly #logFaults = new LogFaults();
  readonly #faults = new FaultBook();
  readonly #blockIo: BlockIo | undefined;
  #lookedMs = performance.now();
  #cgroupsMs = Number.NEGATIVE_INFINITY;

  /** `blockIo`: where this machine allows it. */
  constructor(proc: string, now: () => number, blockIo?: BlockIo) {
    const root = rootOf(proc);
    const sys = `${root}/sys`;
    this.#blockIo = blockIo;
    this.#proc = proc;
    this.#now = now;
    this.#reader = new BlockingReader(proc);
    this.#log = new KernelLog(proc, `${root}/dev/kmsg`);
    this.#disks = new Disks(sys);
    this.#controllers = new Controllers(sys, this.#reader);
    this.#fileSystems = new FileSystems(sys, this.#reader);
    this.#victims = new Victims({ proc, sys, reader: this.#reader });
  }

  async look(): Promise<Event[]> {
    const atMs = performance.now();
    const ts = this.#now();
    const seconds = (atMs - this.#lookedMs) / 1000;
    this.#lookedMs = atMs;
    this.#controllers.look(atMs);
    this.#blockIo?.look(ts);
    const { events, faults: diskFaults } = this.#disks.look(
      readDiskStats(this.#proc),
      this.#controllers.facts(),
      atMs,
      ts,
      this.#blockIo?.latencies,
    );
    const logged = await this.#log.newErrors(LOGGED_BEFORE_MS);
    for (const name of this.#disks.renewed) this.#logFaults.forget(name);
    this.#logFaults.note(logged, ts);
    const mounts = readMounts(this.#proc, "self") ?? [];
    const fileSystems = await this.#fileSystems.look(mounts, logged, ts);
    const failed = this.#logFaults.failedWithin(FAILED_WITHIN_MS, ts);
    const hit = await this.#victims.look({ fileSystems, failed, mounts }, this.#now());
    const faults: Fault[] = [
      ...this.#controllers.faults(),
      ...this.#logFaults.faults((name) => this.#controllers.disksOf(name)).map((fault) => this.#asKnown(fault)),
      ...diskFaults,
      ...fileSystems.flatMap((fileSystem) => fileSystem.faults),
      ...(this.#blockIo?.faults((device) => this.#disks.nameOf(device)) ?? []),
      ...hit,
    ];
    return [
      ...events,
      ...(this.#blockIo?.shares(seconds, (device) => this.#disks.nameOf(device), ts) ?? []),
      ...fileSystems.flatMap((each) => fileSystemFigures(each, this.#iopsOf(each.device), ts)),
      ...machinePressure(this.#proc, ts),
      ...this.#cgroups(atMs, ts),
      ...this.#faults.tell(faults, this.#now()),
    ];
  }

  /** The next look should be soon. */
  get isInHaste(): boolean {
    return this.#victims.isSearching;
  }

  close(): void {
    this.#log.close();
    this.#reader.close();
  }

  /**
   * A request that failed has not failed for all who use the disk. Where we see whose it was, those are told; others it
   * holds up only if they wait for that very disk.
   */
  #asKnown(fault: Fault): Fault {
    const isOfRequests = fault.head === "IO_ERROR" || fault.head === "RESET";
    return this.#blockIo === undefined || !isOfRequests ? fault : { ...fault, isWarning: true };
  }

  #iopsOf(device: string | undefined): number | undefined {
    return device === undefined ? undefined : this.#disks.iopsOf(device);
  }

  #cgroups(atMs: number, ts: number): Event[] {
    if (atMs - this.#cgroupsMs < CGROUPS_AGE_MS) return [];
    this.#cgroupsMs = atMs;
    return cgroupPressure(this.#proc, ts);
  }
}

/** In a recorded tree, or a host's root in a container (/host/proc), the other file systems lie beside proc. */
export function rootOf(proc: string): string {
  return proc.endsWith("/proc") ? proc.slice(0, -"/proc".length) : "";
}
