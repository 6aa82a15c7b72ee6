/** Which file system an open file lies on, whichever mount namespace its process is in. For one look. */
import { readlinkSync } from "node:fs";
import { mountOf, readMounts, type Mount } from "../../kernel/mounts.ts";

const MAX_NAMESPACES = 64;

export class MountPlaces {
  readonly #proc: string;
  readonly #own: readonly Mount[];
  readonly #ownById: ReadonlyMap<number, Mount>;
  readonly #others = new Map<string, ReadonlyMap<number, Mount>>();

  constructor(proc: string, own: readonly Mount[]) {
    this.#proc = proc;
    this.#own = own;
    this.#ownById = byId(own);
  }

  /** `major:minor` as mountinfo has it; undefined where it cannot be told. */
  deviceOf(pid: number, mountId: number | undefined): string | undefined {
    if (mountId === undefined) return undefined;
    // Ids of mounts are the machine's, not the namespace's.
    const mount = this.#ownById.get(mountId) ?? this.#tableOf(pid)?.get(mountId);
    return mount?.type === "overlay" ? this.#belowOverlay(mount) : mount?.device;
  }

  /** What is written in a container goes to a folder of ours. */
  #belowOverlay({ options, device }: Mount): string {
    const folder = /(?:^|,)upperdir=([^,]+)/.exec(options)?.[1];
    const below = folder === undefined ? undefined : mountOf(this.#own, folder);
    return below === undefined || below.type === "overlay" ? device : below.device;
  }

  #tableOf(pid: number): ReadonlyMap<number, Mount> | undefined {
    const namespace = linkOf(`${this.#proc}/${pid}/ns/mnt`);
    if (namespace === undefined || namespace === linkOf(`${this.#proc}/self/ns/mnt`)) return undefined;
    const known = this.#others.get(namespace);
    if (known !== undefined || this.#others.size >= MAX_NAMESPACES) return known;
    const table = byId(readMounts(this.#proc, pid) ?? []);
    this.#others.set(namespace, table);
    return table;
  }
}

function byId(mounts: readonly Mount[]): ReadonlyMap<number, Mount> {
  return new Map(mounts.map((mount) => [mount.id, mount]));
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}
