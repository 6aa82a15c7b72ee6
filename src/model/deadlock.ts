/**
 * Who can move, and who never can.
 *
 * It is worked backwards from the ends of the branches: a process moves when one of the things it waits for lets it,
 * and a thing lets it when any of those who can end the wait moves, or all of them where all must. Taking every end
 * for one that can move, whoever is left over waits for the left-over: the cycles among them are deadlocks.
 * (The graph model of OR and AND waits: E. Knapp, Deadlock Detection in Distributed Databases, ACM CSUR 1987.)
 */
import type { Need, Walker } from "./walk.ts";

/** Those who can go on without anybody's help: their waits end at somebody nothing is wrong with. */
export function movable(walkers: readonly Walker[]): Set<Walker> {
  const sound = walkers.filter((walker) => !walker.faulty);
  return settle(sound, (walker) => walker.needs.length === 0 || walker.needs.some((need) => need.ends && !need.faulty));
}

/** The cycles, each in the order of its waits, each beginning where `start` first comes upon it. */
export function findDeadlocks(start: Walker, walkers: readonly Walker[]): Walker[][] {
  const mayMove = settle(walkers, (walker) => walker.needs.length === 0 || walker.needs.some((need) => need.ends));
  const isBound = (need: Need) => need.walkers.some((walker) => !mayMove.has(walker));
  // Of threads that a process may hang on, each counts by itself.
  if (mayMove.has(start) && !start.needs.some((need) => isLead(need) && isBound(need))) return [];
  const sure = cyclesAmong(walkers, (need) => !need.ends && !isLead(need));
  return sure.length > 0 ? sure : cyclesAmong(walkers, bindsByLocks);
}

/** A step to another thread is no wait: whoever may take it counts as one who can move. */
function isLead({ kind }: Need): boolean {
  return kind === "rest" || kind === "signal";
}

/**
 * A file lock is its process's, and which thread took it cannot be told. Where nothing but locks makes the circle, it is
 * one of those that wait: the process's main thread, which rests, would have let go.
 */
function bindsByLocks(need: Need): boolean {
  return !need.ends && (need.kind === "lock" || need.kind === "rest");
}

/** The cycles of those all of whose needs bind them, directly or by others. */
function cyclesAmong(walkers: readonly Walker[], binds: (need: Need) => boolean): Walker[][] {
  const live = settle(walkers, (walker) => walker.needs.length === 0 || !walker.needs.every(binds));
  const cycles: Walker[][] = [];
  const settled = new Set<Walker>();
  for (const walker of walkers) {
    if (live.has(walker) || settled.has(walker)) continue;
    const cycle = follow(walker, live, settled);
    if (cycle.length > 0) cycles.push(cycle);
  }
  return cycles;
}

/** The least set that holds whoever of them moves by itself, and whoever one in the set lets go. */
function settle(walkers: readonly Walker[], movesByItself: (walker: Walker) => boolean): Set<Walker> {
  const moving = new Set<Walker>(walkers.filter(movesByItself));
  const dependents = new Map<Walker, Walker[]>();
  for (const walker of walkers) {
    for (const other of walker.needs.flatMap((need) => need.walkers)) {
      const list = dependents.get(other);
      if (list === undefined) dependents.set(other, [walker]);
      else list.push(walker);
    }
  }
  // The set grows while it is walked.
  for (const walker of moving) {
    for (const dependent of dependents.get(walker) ?? []) {
      if (dependent.needs.some((need) => letsGo(need, moving))) moving.add(dependent);
    }
  }
  return moving;
}

function letsGo(need: Need, moving: ReadonlySet<Walker>): boolean {
  if (need.walkers.length === 0) return false;
  return need.all
    ? need.walkers.every((walker) => moving.has(walker))
    : need.walkers.some((walker) => moving.has(walker));
}

/** One who cannot move waits for one who cannot move: following that leads into a cycle, or into one known already. */
function follow(from: Walker, live: ReadonlySet<Walker>, settled: Set<Walker>): Walker[] {
  const path: Walker[] = [];
  const places = new Map<Walker, number>();
  let at: Walker | undefined = from;
  while (at !== undefined && !settled.has(at)) {
    const place = places.get(at);
    if (place !== undefined) {
      for (const walker of path) settled.add(walker);
      return entered(path.slice(place));
    }
    places.set(at, path.length);
    path.push(at);
    at = at.needs.flatMap((need) => need.walkers).find((walker) => !live.has(walker));
  }
  for (const walker of path) settled.add(walker);
  return [];
}

/** The cycle turned so that the member which the walk came to first stands first. */
function entered(cycle: Walker[]): Walker[] {
  let first = 0;
  for (let place = 1; place < cycle.length; place++) {
    if (depth(cycle[place] as Walker) < depth(cycle[first] as Walker)) first = place;
  }
  return [...cycle.slice(first), ...cycle.slice(0, first)];
}

function depth(walker: Walker): number {
  let depthOfIt = 0;
  for (let at = walker.parent; at !== undefined; at = at.parent) depthOfIt++;
  return depthOfIt;
}
