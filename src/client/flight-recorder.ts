/**
 * Dumps of PyTorch's flight recorder, one file a rank: `<prefix><rank>`, a pickle, or JSON where they were asked for so.
 * Their form: torch/csrc/distributed/c10d/FlightRecorderDetail.hpp. Others wrote them; nothing in them is believed to
 * be of any form until it was looked at.
 */
import { constants } from "node:fs";
import { open, readdir, type FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileErrorText, XctlError } from "../lib/errors.ts";
import { PickleError, readPickle, type Plain } from "../lib/pickle.ts";
import { printable } from "../lib/text.ts";
import type { WhyJobDocument } from "../model/documents.ts";
import type { FlightGroup, FlightRecord } from "../model/flight.ts";

export interface FlightRecords {
  records: FlightRecord[];
  /** Files that look like dumps and are none. */
  refused: { file: string; reason: string }[];
}

const RANK_FILE = /(\d{1,7})(?:\.json|\.pickle|\.pkl)?$/;
const MAX_FILES = 4096;
const MAX_FILE_BYTES = 64 << 20;
/** Some of the last collectives tell what the one is called that a rank missed. */
const MAX_OPERATIONS = 64;
const MAX_GROUPS = 256;
const MAX_NAME = 128;

/** Throws XctlError where the folder cannot be read. */
export async function readFlightRecords(folder: string): Promise<FlightRecords> {
  const names = await readdir(folder).catch((error: unknown) => {
    throw new XctlError("failed", `cannot read ${printable(folder)}: ${fileErrorText(error)}`);
  });
  const found: FlightRecords = { records: [], refused: [] };
  for (const name of names.filter((each) => RANK_FILE.test(each)).slice(0, MAX_FILES)) {
    const file = join(folder, name);
    try {
      const rank = Number(RANK_FILE.exec(name)?.[1]);
      found.records.push({ rank, source: printable(file), groups: groupsOf(parseDump(await readDump(file))) });
    } catch (error) {
      found.refused.push({ file, reason: error instanceof DumpError ? error.message : fileErrorText(error) });
    }
  }
  return { ...found, records: ofEachRank(found.records) };
}

/** A rank that may have dumped what it did, as WhyJobDocument has it. */
export type RecordingRank = Pick<WhyJobDocument["ranks"][number], "rank" | "pid" | "blocked_ms" | "flight_record">;

/**
 * What the ranks of this host dumped since they stand still, as far as it can be read: nobody asked for it by name. An
 * older dump says who was late then. `deadlineMs` is for all: a file may lie on a file system that does not answer.
 */
export async function readRankRecords(
  ranks: readonly RecordingRank[],
  { proc = "/proc", nowMs = Date.now(), deadlineMs = 2000 } = {},
): Promise<FlightRecord[]> {
  const blockedMs = ranks.reduce((longest, rank) => Math.max(longest, rank.blocked_ms ?? 0), 0);
  if (blockedMs === 0) return [];
  const records: FlightRecord[] = [];
  const read = async ({ rank, pid, flight_record: file }: RecordingRank) => {
    if (rank === null || file === null) return;
    // Its own mounts may have another file there, and go with it.
    for (const path of [`${proc}/${pid}/root${file}`, file]) {
      const dump = await readDump(path, nowMs - blockedMs).catch(() => undefined);
      const groups = dump === undefined ? undefined : unlessDumpError(() => groupsOf(parseDump(dump)));
      if (groups === undefined) continue;
      records.push({ rank, source: printable(file), groups });
      return;
    }
  };
  const all = Promise.all(ranks.slice(0, MAX_FILES).map(read));
  await Promise.race([all, sleep(deadlineMs, undefined, { ref: false })]);
  return ofEachRank([...records]);
}

function unlessDumpError<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof DumpError) return undefined;
    throw error;
  }
}

/** Of several dumps of one rank the one that got furthest. */
function ofEachRank(records: readonly FlightRecord[]): FlightRecord[] {
  const furthest = new Map<number, FlightRecord>();
  for (const record of records) {
    const known = furthest.get(record.rank);
    if (known === undefined || reached(record) > reached(known)) furthest.set(record.rank, record);
  }
  return [...furthest.values()].sort((a, b) => a.rank - b.rank);
}

function reached({ groups }: FlightRecord): number {
  return groups.reduce((sum, { entered }) => sum + entered, 0);
}

class DumpError extends Error {}

/** One that was last written before `sinceMs` is none. */
async function readDump(file: string, sinceMs = 0): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    // A pipe beside the dumps must not keep the reader waiting.
    handle = await open(file, NON_BLOCKING);
    const stat = await handle.stat();
    if (!stat.isFile()) throw new DumpError("no plain file");
    if (stat.mtimeMs < sinceMs) throw new DumpError("too old");
    if (stat.size > MAX_FILE_BYTES) throw new DumpError(`more than ${MAX_FILE_BYTES >> 20} MiB`);
    return await handle.readFile();
  } finally {
    await handle?.close();
  }
}

function parseDump(bytes: Uint8Array): Plain {
  try {
    return bytes[0] === OPENING_BRACE ? plain(JSON.parse(new TextDecoder().decode(bytes))) : readPickle(bytes);
  } catch (error) {
    if (error instanceof PickleError || error instanceof SyntaxError) throw new DumpError(error.message);
    throw error;
  }
}

/** The two levels that are looked at, in the form in which a pickle gives them. */
function plain(value: unknown): Plain {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return (value ?? null) as Plain;
  return new Map(Object.entries(value).map(([key, entry]) => [key, plain(entry)]));
}

function groupsOf(dump: Plain): FlightGroup[] {
  const entries = dump instanceof Map ? dump.get("entries") : undefined;
  const statuses = dump instanceof Map ? dump.get("pg_status") : undefined;
  if (!Array.isArray(entries) && !(statuses instanceof Map)) throw new DumpError("no dump of a flight recorder");
  const groups = new Map<string, { entered: number; operations: [number, string][] }>();
  const names = new Map<string, string>();
  for (const entry of Array.isArray(entries) ? entries : []) {
    if (!(entry instanceof Map) || entry.get("is_p2p") === true) continue;
    const number = countOf(entry.get("collective_seq_id"));
    if (number === undefined) continue;
    const id = String(countOf(entry.get("pg_id")) ?? "");
    const name = nameOf(entry.get("process_group")) ?? id;
    names.set(id, name);
    const group = groupIn(groups, name);
    group.entered = Math.max(group.entered, number);
    const operation = textOf(entry.get("profiling_name"));
    if (operation !== undefined) group.operations.push([number, operation]);
  }
  // The ring of entries may have turned: the status knows of collectives that are no longer in it.
  for (const [id, status] of statuses instanceof Map ? statuses : []) {
    if (!(status instanceof Map)) continue;
    const enqueued = countOf(status.get("last_enqueued_collective"));
    if (enqueued === undefined) continue;
    const group = groupIn(groups, names.get(id) ?? id);
    group.entered = Math.max(group.entered, enqueued);
  }
  return [...groups].map(([name, { entered, operations }]) => ({
    name,
    entered,
    operations: operations.slice(-MAX_OPERATIONS),
  }));
}

function groupIn<T extends { entered: number; operations: [number, string][] }>(
  groups: Map<string, T>,
  name: string,
): T {
  let group = groups.get(name);
  if (group === undefined) {
    if (groups.size >= MAX_GROUPS) throw new DumpError("too many process groups");
    groups.set(name, (group = { entered: 0, operations: [] as [number, string][] } as T));
  }
  return group;
}

/** `process_group` is the name and what it is for. */
function nameOf(value: Plain | undefined): string | undefined {
  return textOf(Array.isArray(value) ? value[0] : value);
}

function textOf(value: Plain | undefined): string | undefined {
  return typeof value === "string" ? printable(value).slice(0, MAX_NAME) : undefined;
}

/** JSON has numbers as texts in some places. */
function countOf(value: Plain | undefined): number | undefined {
  const number = typeof value === "string" && /^\d+$/.test(value) ? Number(value) : value;
  return typeof number === "number" && Number.isSafeInteger(number) && number >= 0 ? number : undefined;
}

const OPENING_BRACE = 0x7b;
const NON_BLOCKING = constants.O_RDONLY | constants.O_NONBLOCK;
