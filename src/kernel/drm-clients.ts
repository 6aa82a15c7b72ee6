/**
 * Who has a graphics card open. To ask every process for every open file would cost more than all else together, so
 * each is asked now and then: those that came lately often, the others seldom, all within a few milliseconds a pass.
 */
import { readlinkSync } from "node:fs";
import { parseDrmFdinfo, type DrmClient } from "./drm-fdinfo.ts";
import { namesIn } from "./folders.ts";
import { readPids, readText } from "./procfs.ts";

export interface ClientSample extends DrmClient {
  /** The process; of several that share the client, that with the lowest number. */
  pid: number;
}

const DRM_NODE = /^\/dev\/dri\/(?:card|renderD)\d{1,4}$/;
/** A pass looks for new clients for no longer than that, once it has gone by so many processes. */
const SEARCH_MS = 3;
const MIN_SEARCHED = 16;
/** A process that came lately is asked again so soon, and after each time half as long again. */
const FIRST_REST_MS = 2000;
const LONGEST_REST_MS = 30_000;
/** One that has the card open may open another. */
const CLIENT_REST_MS = 10_000;
/** Of one process. */
const MAX_FDS = 4096;
const MAX_DRM_FDS = 64;
const MAX_CLIENTS = 1024;
const FDINFO_BYTES = 8192;

interface Asked {
  nextMs: number;
  restMs: number;
  /** Its file descriptors that are graphics cards. */
  fds: readonly number[];
}

export class DrmClients {
  readonly #proc: string;
  readonly #asked = new Map<number, Asked>();
  /** Where the search goes on with the next pass. */
  #cursor = 0;

  constructor(proc: string) {
    this.#proc = proc;
  }

  /** Every client known, as it is now. `nowMs` is of any clock that does not go back. */
  read(nowMs: number): ClientSample[] {
    this.#search(nowMs);
    const clients = new Map<string, ClientSample>();
    const pids = [...this.#asked.keys()].sort((a, b) => a - b);
    for (const pid of pids) {
      for (const fd of this.#asked.get(pid)?.fds ?? []) {
        if (clients.size >= MAX_CLIENTS) return [...clients.values()];
        const client = parseDrmFdinfo(readText(`${this.#proc}/${pid}/fdinfo/${fd}`, FDINFO_BYTES) ?? "");
        if (client === undefined) continue;
        const key = `${client.driver} ${client.pci ?? ""} ${client.clientId}`;
        if (!clients.has(key)) clients.set(key, { ...client, pid });
      }
    }
    return [...clients.values()];
  }

  #search(nowMs: number): void {
    const pids = readPids(this.#proc);
    const living = new Set(pids);
    for (const pid of this.#asked.keys()) if (!living.has(pid)) this.#asked.delete(pid);
    const endMs = performance.now() + SEARCH_MS;
    for (let count = 0; count < pids.length; count++) {
      if (count >= MIN_SEARCHED && performance.now() > endMs) return;
      this.#cursor = (this.#cursor + 1) % pids.length;
      const pid = pids[this.#cursor] as number;
      const known = this.#asked.get(pid);
      if (known === undefined || known.nextMs <= nowMs) this.#ask(pid, known, nowMs);
    }
  }

  #ask(pid: number, known: Asked | undefined, nowMs: number): void {
    const fds = drmFds(`${this.#proc}/${pid}/fd`);
    const restMs =
      fds.length > 0
        ? CLIENT_REST_MS
        : Math.min(known === undefined ? FIRST_REST_MS : known.restMs * 1.5, LONGEST_REST_MS);
    this.#asked.set(pid, { nextMs: nowMs + restMs, restMs, fds });
  }
}

/** None where they may not be seen. */
function drmFds(folder: string): number[] {
  const fds: number[] = [];
  for (const name of namesIn(folder).slice(0, MAX_FDS)) {
    let target: string;
    try {
      target = readlinkSync(`${folder}/${name}`);
    } catch (error) {
      // Closed meanwhile; or its fds may be listed, but not looked at.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue;
      break;
    }
    if (DRM_NODE.test(target) && fds.push(Number(name)) >= MAX_DRM_FDS) break;
  }
  return fds;
}
