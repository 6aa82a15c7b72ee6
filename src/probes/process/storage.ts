/** What resolvers of storage waits share: mount tables, the kernel log, the clock, where sysfs is. */
import { KernelLog } from "../../kernel/kmsg.ts";
import { MountTables } from "./mount-tables.ts";
import type { TrackedProcess } from "./tracker.ts";

/** Disks and the caches before them answer within this time, unless something is wrong. */
const LONG_MS = 800;

export class Storage {
  readonly sys: string;
  readonly mounts: MountTables;
  readonly log: KernelLog;
  readonly #now: () => number;

  constructor(proc: string, processes: ReadonlyMap<number, TrackedProcess>, now: () => number) {
    // In a recorded tree, or a host's root in a container (/host/proc), they lie beside proc.
    const root = proc.endsWith("/proc") ? proc.slice(0, -"/proc".length) : "";
    this.sys = `${root}/sys`;
    this.log = new KernelLog(proc, `${root}/dev/kmsg`);
    this.mounts = new MountTables(proc, processes);
    this.#now = now;
  }

  close(): void {
    this.log.close();
  }

  ageMs({ sinceMs }: { sinceMs: number }): number {
    return Math.max(0, this.#now() - sinceMs);
  }

  /** One single wait for a piece of data that takes longer than that is no ordinary one. */
  isLong(wait: { sinceMs: number }): boolean {
    return this.ageMs(wait) >= LONG_MS;
  }
}
