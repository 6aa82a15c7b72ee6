/**
 * All that is left of a program: its group, its session, its descendants, and what has left all of these but still
 * carries the program's mark in its environment. It knows pids only together with their start times.
 */
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { PF_KTHREAD, readPids, readStat, type Stat } from "../kernel/procfs.ts";

export interface Program {
  /** Its leader's pid, which is its process group and its session too. */
  pgid: number;
  /** The leader's start, in clock ticks since boot; 0 where there is no /proc. */
  startTicks: number;
  /** A text that no other process has in its environment. */
  mark: string;
}

const PROC = "/proc";
const MAX_ROUNDS = 50;
const ROUND_MS = 10;
/** environ takes the process's mmap lock, which a sick process may hold for ever. */
const ENVIRON_DEADLINE_MS = 300;

/** SIGTERM to the group, time to comply, then SIGKILL to everything that is left. */
export async function endProgram(program: Program, graceMs: number): Promise<void> {
  // Taken before the first signal: once a parent is dead, nothing tells whose child an orphan was.
  const family = familyOf(program, snapshot());
  if (graceMs > 0 && isOurs(program)) {
    signal(-program.pgid, "SIGTERM");
    const deadline = performance.now() + graceMs;
    while (performance.now() < deadline && groupLives(program, family)) await delay(ROUND_MS);
  }
  await killRemains(program, family);
}

/** Kills round after round, since a process that forks may outrun a single look at /proc. */
export async function killRemains(program: Program, known: readonly Stat[] = []): Promise<void> {
  if (isOurs(program)) signal(-program.pgid, "SIGKILL");
  for (const { pid, startTicks } of known) killIfSame(pid, startTicks);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const stats = snapshot();
    const family = familyOf(program, stats);
    for (const { pid, startTicks } of family) killIfSame(pid, startTicks);
    const strays = await marked(program, stats, family);
    for (const { pid, startTicks } of strays) killIfSame(pid, startTicks);
    if (family.length === 0 && strays.length === 0) return;
    await delay(ROUND_MS);
  }
}

function snapshot(): Stat[] {
  return readPids(PROC)
    .map((pid) => readStat(PROC, pid))
    .filter((stat) => stat !== undefined)
    .filter((stat) => (stat.flags & PF_KTHREAD) === 0);
}

/** The group, the session and all their descendants that still live. */
function familyOf(program: Program, stats: readonly Stat[]): Stat[] {
  const leader = stats.find((stat) => stat.pid === program.pgid);
  // The kernel gives a number to no new process while a group or session bears it, so only a foreign leader means reuse.
  if (leader !== undefined && leader.startTicks !== program.startTicks) return [];
  const children = Map.groupBy(stats, (stat) => stat.ppid);
  const family = new Set(stats.filter((stat) => stat.pgrp === program.pgid || stat.session === program.pgid));
  for (const member of family) for (const child of children.get(member.pid) ?? []) family.add(child);
  return [...family].filter(isAlive);
}

/** A group of which only zombies are left can still be signalled, hence the look at /proc where there is one. */
function groupLives({ pgid }: Program, family: readonly Stat[]): boolean {
  if (family.length === 0) return signal(-pgid, 0);
  return family.some(({ pid, startTicks }) => {
    const stat = readStat(PROC, pid);
    return stat !== undefined && stat.startTicks === startTicks && stat.pgrp === pgid && isAlive(stat);
  });
}

async function marked(program: Program, stats: readonly Stat[], family: readonly Stat[]): Promise<Stat[]> {
  const known = new Set(family);
  const young = stats.filter((stat) => stat.startTicks >= program.startTicks && isAlive(stat) && !known.has(stat));
  const found: Stat[] = [];
  const looks = young.map(async (stat) => {
    if ((await environOf(stat.pid)).includes(program.mark)) found.push(stat);
  });
  await Promise.race([Promise.all(looks), delay(ENVIRON_DEADLINE_MS)]);
  return found;
}

async function environOf(pid: number): Promise<string> {
  try {
    return await readFile(`${PROC}/${pid}/environ`, "latin1");
  } catch {
    return "";
  }
}

/** A zombie is dead; that it is reaped is its parent's matter. */
function isAlive(stat: Stat): boolean {
  return stat.state !== "Z" && stat.state !== "X";
}

function isOurs(program: Program): boolean {
  const leader = readStat(PROC, program.pgid);
  return leader === undefined || leader.startTicks === program.startTicks;
}

function killIfSame(pid: number, startTicks: number): void {
  if (readStat(PROC, pid)?.startTicks === startTicks) signal(pid, "SIGKILL");
}

/** True where there was something to signal. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
