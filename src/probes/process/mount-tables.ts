/** Mount tables by mount namespace, shared by all looks; and where the machine's own namespace sees a mount. */
import { readlinkSync } from "node:fs";
import { readMounts, type Mount } from "../../kernel/mounts.ts";
import type { TrackedProcess } from "./tracker.ts";

const MAX_AGE_MS = 1000;
const MAX_TABLES = 64;
/** How old the list of namespaces may be. */
const NAMESPACES_AGE_MS = 1000;

export class MountTables {
  readonly #proc: string;
  readonly #processes: ReadonlyMap<number, TrackedProcess>;
  readonly #tables = new Map<string, { mounts: readonly Mount[]; readMs: number }>();
  #members: readonly number[] = [];
  #membersMs = Number.NEGATIVE_INFINITY;

  constructor(proc: string, processes: ReadonlyMap<number, TrackedProcess>) {
    this.#proc = proc;
    this.#processes = processes;
  }

  /** As the process sees them; empty where we may not. */
  of(pid: number | "self"): readonly Mount[] {
    // With another root in the same namespace the same mounts have other names.
    const key = `${this.#link(pid, "ns/mnt") ?? pid} ${this.#link(pid, "root") ?? pid}`;
    const nowMs = performance.now();
    const known = this.#tables.get(key);
    if (known !== undefined && nowMs - known.readMs < MAX_AGE_MS) return known.mounts;
    const mounts = readMounts(this.#proc, pid) ?? [];
    this.#tables.delete(key);
    this.#tables.set(key, { mounts, readMs: nowMs });
    const oldest = this.#tables.keys().next().value;
    if (this.#tables.size > MAX_TABLES && oldest !== undefined) this.#tables.delete(oldest);
    return mounts;
  }

  /** Our own table, and those of every mount namespace in which this device is mounted. */
  with(device: string): (readonly Mount[])[] {
    const tables = this.#namespaceMembers().map((pid) => this.of(pid));
    return [this.of("self"), ...tables.filter((mounts) => mounts.some((mount) => mount.device === device))];
  }

  /** A path of the process by which a command outside of its mount namespace reaches the same place. */
  fromHere(pid: number, path: string): string {
    const isOurs = this.#link(pid, "ns/mnt") === this.#link("self", "ns/mnt") && this.#link(pid, "root") === "/";
    return isOurs ? path : `/proc/${pid}/root${path}`;
  }

  /** One process of each mount namespace but our own. */
  #namespaceMembers(): readonly number[] {
    const nowMs = performance.now();
    if (nowMs - this.#membersMs < NAMESPACES_AGE_MS) return this.#members;
    const members = new Map<string, number>();
    const own = this.#link("self", "ns/mnt");
    for (const { pid, kthread } of this.#processes.values()) {
      const namespace = kthread ? undefined : this.#link(pid, "ns/mnt");
      if (namespace !== undefined && namespace !== own && members.size < MAX_TABLES) members.set(namespace, pid);
    }
    this.#members = [...members.values()];
    this.#membersMs = nowMs;
    return this.#members;
  }

  #link(pid: number | "self", name: string): string | undefined {
    try {
      return readlinkSync(`${this.#proc}/${pid}/${name}`);
    } catch {
      return undefined;
    }
  }
}
