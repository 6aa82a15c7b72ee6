/**
 * What each process had of each card between two samples: of the card's engines that one which it used most, and memory.
 * Samples in, shares out.
 */
import type { ClientSample } from "../../kernel/drm-clients.ts";
import type { EngineUse } from "../../kernel/drm-fdinfo.ts";
import type { DrmCard } from "../../kernel/drm.ts";
import type { DrmSample } from "../../kernel/drm-sampler.ts";

export interface Share {
  pid: number;
  /** Undefined at the first sample of it, and where the driver does not count. */
  busyPercent: number | undefined;
  memoryBytes: number | undefined;
}

export interface CardUse {
  shares: Share[];
  /** The busiest kind of engine, all processes together; undefined where nobody's is known. */
  busyPercent: number | undefined;
}

/** By a card's name. */
export type Usage = Map<string, CardUse>;

/** A card's own memory, by the names of its regions in fdinfo. */
const VRAM = /^(?:vram|local)\d*$/;

export class UsageMeter {
  #before: { atMs: number; clients: Map<string, ClientSample> } | undefined;

  measure({ atMs, cards, clients, kfd }: DrmSample): Usage {
    const usage: Usage = new Map();
    const before = this.#before;
    this.#before = { atMs, clients: new Map(clients.map((client) => [keyOf(client), client])) };
    for (const { card } of cards) {
      const sums = new Sums();
      for (const client of clients.filter((one) => isOn(one, card))) {
        sums.addMemory(client.pid, vramOf(client));
        const earlier = before?.clients.get(keyOf(client));
        if (before === undefined || earlier === undefined || earlier.pid !== client.pid) continue;
        for (const engine of client.engines) {
          const percent = percentOf(
            engine,
            earlier.engines.find(({ name }) => name === engine.name),
            atMs - before.atMs,
          );
          if (percent !== undefined) sums.addEngine(client.pid, engine.name, percent);
        }
      }
      for (const { pid, renderNode, vramBytes, busyUnits, units } of kfd) {
        if (renderNode !== card.renderNode) continue;
        sums.haveMemory(pid, vramBytes);
        if (busyUnits !== undefined && units !== undefined) sums.addEngine(pid, "kfd", (100 * busyUnits) / units);
      }
      usage.set(card.name, sums.use());
    }
    return usage;
  }
}

/** Adds up by process and engine. */
class Sums {
  readonly #engines = new Map<number, Map<string, number>>();
  readonly #memory = new Map<number, number>();

  addEngine(pid: number, engine: string, percent: number): void {
    let engines = this.#engines.get(pid);
    if (engines === undefined) this.#engines.set(pid, (engines = new Map()));
    engines.set(engine, (engines.get(engine) ?? 0) + percent);
  }

  addMemory(pid: number, bytes: number | undefined): void {
    if (bytes !== undefined) this.#memory.set(pid, (this.#memory.get(pid) ?? 0) + bytes);
  }

  /** What KFD tells of a process may be in fdinfo as well: the greater figure holds the smaller. */
  haveMemory(pid: number, bytes: number | undefined): void {
    if (bytes !== undefined) this.#memory.set(pid, Math.max(this.#memory.get(pid) ?? 0, bytes));
  }

  use(): CardUse {
    const totals = new Map<string, number>();
    for (const engines of this.#engines.values()) {
      for (const [name, percent] of engines) totals.set(name, (totals.get(name) ?? 0) + percent);
    }
    const pids = new Set([...this.#memory.keys(), ...this.#engines.keys()]);
    return {
      shares: Array.from(pids, (pid) => ({
        pid,
        busyPercent: greatest(this.#engines.get(pid)),
        memoryBytes: this.#memory.get(pid),
      })),
      busyPercent: greatest(totals),
    };
  }
}

/** Undefined where a counter went back, or none is there. */
function percentOf(now: EngineUse, before: EngineUse | undefined, elapsedMs: number): number | undefined {
  if (before === undefined) return undefined;
  const [used, all] =
    now.cycles !== undefined && now.totalCycles !== undefined
      ? [now.cycles - (before.cycles ?? Number.NaN), now.totalCycles - (before.totalCycles ?? Number.NaN)]
      : [(now.busyNs ?? Number.NaN) - (before.busyNs ?? Number.NaN), elapsedMs * 1e6];
  const percent = (100 * used) / (all * now.capacity);
  return percent >= 0 && Number.isFinite(percent) ? Math.min(percent, 100) : undefined;
}

function greatest(engines: ReadonlyMap<string, number> | undefined): number | undefined {
  return engines === undefined || engines.size === 0 ? undefined : Math.min(100, Math.max(...engines.values()));
}

function vramOf({ memoryBytes }: ClientSample): number | undefined {
  const regions = Object.entries(memoryBytes).filter(([region]) => VRAM.test(region));
  return regions.length === 0 ? undefined : regions.reduce((sum, [, bytes]) => sum + bytes, 0);
}

/** By its place on the bus; a chip without one has one card of a driver. */
function isOn({ driver, pci }: ClientSample, card: DrmCard): boolean {
  return pci === undefined ? card.pci === undefined && driver === card.driver : pci === card.pci;
}

function keyOf({ driver, pci, clientId }: ClientSample): string {
  return `${driver} ${pci ?? ""} ${clientId}`;
}
