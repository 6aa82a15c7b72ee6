/** The table in which the kernel keeps the connections that its firewall tracks: how full it is, and what was turned away. */
import { readText } from "./procfs.ts";

export interface Conntrack {
  count: number;
  max: number;
  /** Packets thrown away because no entry could be made for them; undefined where not told. */
  dropped?: number;
  /** Entries thrown away before their time, to make room. */
  droppedEarly?: number;
  /** Entries that could not be put in, mostly because another packet's was there first. */
  insertFailed?: number;
}

/** Undefined where connections are not tracked. */
export function readConntrack(proc = "/proc"): Conntrack | undefined {
  const count = numberAt(`${proc}/sys/net/netfilter/nf_conntrack_count`);
  const max = numberAt(`${proc}/sys/net/netfilter/nf_conntrack_max`);
  if (count === undefined || max === undefined || max === 0) return undefined;
  const stat = parseConntrackStat(readText(`${proc}/net/stat/nf_conntrack`) ?? "");
  const dropped = stat.get("drop");
  const droppedEarly = stat.get("early_drop");
  const insertFailed = stat.get("insert_failed");
  return {
    count,
    max,
    ...(dropped === undefined ? {} : { dropped }),
    ...(droppedEarly === undefined ? {} : { droppedEarly }),
    ...(insertFailed === undefined ? {} : { insertFailed }),
  };
}

/**
 * A heading, and a line of hexadecimal columns for each CPU; their sum. `entries` is that of the whole table in each
 * line. net/netfilter/nf_conntrack_standalone.c
 */
export function parseConntrackStat(text: string): Map<string, number> {
  const sums = new Map<string, number>();
  const [heading = "", ...rows] = text.split("\n");
  const names = heading.trim().split(/\s+/);
  for (const row of rows) {
    const columns = row.trim().split(/\s+/);
    if (columns.length !== names.length || !columns.every((column) => /^[0-9a-f]{8}$/i.test(column))) continue;
    for (const [index, name] of names.entries()) {
      sums.set(name, (sums.get(name) ?? 0) + Number.parseInt(columns[index] as string, 16));
    }
  }
  return sums;
}

function numberAt(path: string): number | undefined {
  const text = readText(path)?.trim() ?? "";
  return /^\d+$/.test(text) ? Number(text) : undefined;
}
