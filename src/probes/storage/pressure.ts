/** For how much of the time the machine, and its cgroups, had to wait for CPU, memory and disks: figures, no faults. */
import { readdirSync } from "node:fs";
import { cgroupMounts } from "../../kernel/cgroup-files.ts";
import { readText } from "../../kernel/procfs.ts";
import { parsePressure, parseStalls } from "../../kernel/psi.ts";
import type { Attrs, Event, EventType } from "../../model/event.ts";

const RESOURCES = ["cpu", "memory", "io"] as const;
/** The event types that exist; percent of the last ten seconds in which somebody waited. */
const TYPES: Record<(typeof RESOURCES)[number], EventType> = {
  cpu: "compute.util",
  memory: "compute.mem",
  io: "storage.qdepth",
};
const MAX_CGROUPS = 64;
const MAX_PATH = 400;
/** Two levels: slices, and the services and containers in them. */
const MAX_DEPTH = 2;

export function machinePressure(proc: string, ts: number): Event[] {
  return RESOURCES.flatMap((name) => pressureEvent("pressure", name, readText(`${proc}/pressure/${name}`), ts));
}

/** Of the first cgroups of the v2 hierarchy, level by level, in which anybody ever waited. */
export function cgroupPressure(proc: string, ts: number): Event[] {
  const mount = cgroupMounts(proc).find(({ version }) => version === 2);
  if (mount === undefined) return [];
  return cgroupsBelow(mount.mountPoint).flatMap((path) => {
    const events = RESOURCES.flatMap((name) => {
      const text = readText(`${mount.mountPoint}${path}/${name}.pressure`);
      return pressureEvent(`pressure:${tail(path)}`, name, text, ts);
    });
    return events.some(({ attrs }) => attrs?.some_seconds_total !== 0) ? events : [];
  });
}

/** Empty where the kernel does not tell: built without, or not switched on (psi=1). */
export function pressureEvent(
  entity: string,
  name: (typeof RESOURCES)[number],
  text: string | undefined,
  ts: number,
): Event[] {
  const pressure = text === undefined ? undefined : parsePressure(text);
  const stalls = text === undefined ? undefined : parseStalls(text);
  if (pressure === undefined || stalls === undefined || pressure.some > 100) return [];
  const attrs: Attrs = { some_ratio: ratio(pressure.some), some_seconds_total: stalls.someUs / 1e6 };
  if (stalls.fullUs !== undefined) {
    attrs.full_ratio = ratio(pressure.full);
    attrs.full_seconds_total = stalls.fullUs / 1e6;
  }
  return [{ ts, event_type: TYPES[name], entity_id: entity, value: String(pressure.some), attrs }];
}

function cgroupsBelow(root: string): string[] {
  const found: string[] = [];
  let level = [""];
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const below: string[] = [];
    for (const path of level) {
      for (const name of foldersIn(root + path)) {
        if (found.length >= MAX_CGROUPS) return found;
        found.push(`${path}/${name}`);
        below.push(`${path}/${name}`);
      }
    }
    level = below;
  }
  return found;
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
}

/** An id has at most 512 bytes, and the end of a path tells the most. */
function tail(path: string): string {
  const bytes = Buffer.from(path);
  return bytes.length <= MAX_PATH ? path : `…${bytes.subarray(-MAX_PATH).toString("utf8")}`;
}

function ratio(percent: number): number {
  return Number((percent / 100).toPrecision(6));
}
