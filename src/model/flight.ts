/**
 * What PyTorch's flight recorder knows of a job: how far each rank came in the sequence of collectives of each process
 * group. A rank that never entered the one that others are in keeps them waiting. Reading the dumps is not done here.
 */
import type { Evidence } from "./nodes.ts";

/** One rank's dump. */
export interface FlightRecord {
  rank: number;
  /** The file it was read from. */
  source: string;
  groups: FlightGroup[];
}

export interface FlightGroup {
  name: string;
  /** Of the collectives that the rank entered, the last one's number in the group's sequence. */
  entered: number;
  /** What it called them; of the last ones. */
  operations: [number: number, name: string][];
}

/** A rank that never entered a collective. */
export interface Straggler {
  rank: number;
  evidence: Evidence;
}

const MAX_NAMED = 8;

/** Those that are behind in a group, each once. */
export function neverEntered(records: readonly FlightRecord[]): Straggler[] {
  const stragglers = new Map<number, Straggler>();
  const names = new Set(records.flatMap(({ groups }) => groups.map(({ name }) => name)));
  for (const name of names) {
    const seen = records.flatMap(({ rank, source, groups }) => {
      const group = groups.find((each) => each.name === name);
      return group === undefined ? [] : [{ rank, source, group }];
    });
    const ahead = seen.reduce((most, { group }) => Math.max(most, group.entered), 0);
    for (const { rank, source, group } of seen) {
      if (group.entered >= ahead || stragglers.has(rank)) continue;
      const missed = group.entered + 1;
      const inIt = seen.filter((other) => other.group.entered >= missed);
      const operation = inIt.flatMap((other) => other.group.operations).find(([number]) => number === missed)?.[1];
      const who = inIt.map((other) => other.rank).sort((a, b) => a - b);
      const more = who.length > MAX_NAMED ? ` and ${who.length - MAX_NAMED} more` : "";
      const observed =
        `rank ${rank} never entered collective ${missed}${operation === undefined ? "" : ` (${operation})`} ` +
        `of group ${name}; entered by rank ${who.slice(0, MAX_NAMED).join(", ")}${more}`;
      stragglers.set(rank, { rank, evidence: { source, observed } });
    }
  }
  return [...stragglers.values()];
}
