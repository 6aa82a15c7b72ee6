/**
 * What fdinfo says of an open graphics card: how long its engines have worked for it, and what memory it has.
 * Documentation/gpu/drm-usage-stats.rst. Text in, objects out.
 */

export interface DrmClient {
  driver: string;
  /** Where the card is on a bus; undefined where that is not told. */
  pci: string | undefined;
  /** The same for all file descriptors that are copies of one: in whichever processes, it is counted once. */
  clientId: number;
  engines: EngineUse[];
  /** Memory that it has now, by region: `vram`, `gtt`, `system`, `vram0`, … */
  memoryBytes: Record<string, number>;
}

export interface EngineUse {
  /** `gfx`, `compute`, `render`, `rcs`, … */
  name: string;
  /** How many of the kind there are. */
  capacity: number;
  /** For how long it has worked for this client, in nanoseconds. */
  busyNs?: number;
  /** Where the driver counts cycles instead: those of the client, and all that went by. */
  cycles?: number;
  totalCycles?: number;
}

const MAX_LINES = 256;
const MAX_ENGINES = 32;
const MAX_REGIONS = 16;
const MAX_CAPACITY = 256;
const UNITS: Readonly<Record<string, number>> = { "": 1, KiB: 1024, kB: 1024, MiB: 1 << 20, GiB: 1 << 30 };

/** Undefined where the file is no graphics card, or its driver does not tell clients apart. */
export function parseDrmFdinfo(text: string): DrmClient | undefined {
  const fields = fieldsOf(text);
  const driver = fields.get("drm-driver");
  const clientId = wholeNumber(fields.get("drm-client-id"));
  if (driver === undefined || driver === "" || clientId === undefined) return undefined;
  const pdev = fields.get("drm-pdev")?.toLowerCase();
  return {
    driver,
    pci: pdev !== undefined && /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/.test(pdev) ? pdev : undefined,
    clientId,
    engines: enginesIn(fields),
    memoryBytes: memoryIn(fields),
  };
}

function enginesIn(fields: ReadonlyMap<string, string>): EngineUse[] {
  const engines = new Map<string, EngineUse>();
  const of = (name: string): EngineUse | undefined => {
    let engine = engines.get(name);
    if (engine === undefined && engines.size < MAX_ENGINES) engines.set(name, (engine = { name, capacity: 1 }));
    return engine;
  };
  const capacities = new Map<string, number>();
  for (const [key, value] of fields) {
    const [, kind, name = ""] = /^drm-(engine-capacity|engine|cycles|total-cycles)-([\w.-]{1,32})$/.exec(key) ?? [];
    if (kind === undefined) continue;
    if (kind === "engine-capacity") {
      capacities.set(name, wholeNumber(value) ?? 1);
      continue;
    }
    const number = wholeNumber(kind === "engine" ? value.replace(/ ns$/, "") : value);
    const engine = number === undefined ? undefined : of(name);
    if (engine === undefined) continue;
    if (kind === "engine") engine.busyNs = number as number;
    else if (kind === "cycles") engine.cycles = number as number;
    else engine.totalCycles = number as number;
  }
  for (const [name, capacity] of capacities) {
    const engine = engines.get(name);
    if (engine !== undefined && capacity >= 1 && capacity <= MAX_CAPACITY) engine.capacity = capacity;
  }
  return [...engines.values()];
}

/** What is resident; where only what was asked for is told, that. `memory` is the older name of `resident`. */
function memoryIn(fields: ReadonlyMap<string, string>): Record<string, number> {
  const memory: Record<string, number> = {};
  let regions = 0;
  for (const kind of ["resident", "memory", "total"]) {
    const prefix = `drm-${kind}-`;
    for (const [key, value] of fields) {
      if (!key.startsWith(prefix)) continue;
      const region = key.slice(prefix.length);
      const bytes = bytesIn(value);
      if (bytes === undefined || !/^[a-z][\w.-]{0,31}$/i.test(region) || Object.hasOwn(memory, region)) continue;
      // total-cycles-… is an engine's.
      if (kind === "total" && region.startsWith("cycles-")) continue;
      if (regions++ < MAX_REGIONS) memory[region] = bytes;
    }
  }
  return memory;
}

/** `192 KiB`; without a unit it is bytes. */
function bytesIn(text: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,15})(?: (\w+))?$/.exec(text) ?? [];
  const scale = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  return digits === undefined || scale === undefined ? undefined : Number(digits) * scale;
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,20}$/.test(text) ? Number(text) : undefined;
}

function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split("\n", MAX_LINES)) {
    if (!line.startsWith("drm-")) continue;
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return fields;
}
