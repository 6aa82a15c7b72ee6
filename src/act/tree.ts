/**
 * Which processes belong to the tree below a process, found anew at each look at /proc and never forgotten.
 * It sends no signal.
 *
 * A child whose parent died has another parent (init or a subreaper), so descent alone loses it. Members are
 * therefore remembered by identity, and two more leads are followed where they are sure:
 *
 * - A session led by a member. A session is only ever inherited from its leader, setsid(2), so whoever is in it
 *   descends from that member.
 * - A process group led by a member, for orphans, and only while nobody else is in it: the group of `a | b` is led by
 *   `a`, yet `b` is the shell's child and none of a's.
 *
 * What stays out of reach: a process that made its own session and lost its parent before any look saw that parent.
 * Nothing in /proc then tells where it came from.
 */
import { PF_KTHREAD, readPids, readStat, type Stat } from "../kernel/procfs.ts";
import type { Member } from "./member.ts";

/** So many looks in a row without a newcomer count as quiet, where each missed somebody. */
const QUIET_LOOKS = 10;

export class Tree {
  /** In the order found, so parents before their children; the dead stay in it. */
  readonly members: Member[] = [];
  readonly #proc: string;
  readonly #byPid = new Map<number, Member>();
  readonly #spared: ReadonlySet<number>;
  readonly #sharedGroups = new Set<number>();
  /** The latest look: every process, by pid and by parent. */
  #census = new Map<number, Stat>();
  #children = new Map<number, Stat[]>();
  #holdsSpared = false;
  #emptyLooks = 0;
  #missedAny = false;

  /** `spared` are pids that never become members, whatever leads to them. */
  constructor(proc: string, root: Stat, spared: ReadonlySet<number>) {
    this.#proc = proc;
    this.#spared = spared;
    this.#admit(root);
  }

  /** Whether a look found that somebody to be spared is in the tree. */
  get holdsSpared(): boolean {
    return this.#holdsSpared;
  }

  /** Whether nobody joins any more. A process that forks and exits in a loop may be gone before it is read. */
  get isQuiet(): boolean {
    return this.#emptyLooks >= (this.#missedAny ? QUIET_LOOKS : 1);
  }

  /** One look at every process of the machine: the members that were not known before, parents first. */
  survey(): Member[] {
    const known = this.members.length;
    const pids = readPids(this.#proc);
    this.#census = readCensus(this.#proc, pids);
    this.#missedAny = pids.some((pid) => !this.#census.has(pid) && !this.#byPid.has(pid));
    this.#children = Map.groupBy(this.#census.values(), (stat) => stat.ppid);
    this.#descend(0);
    this.#follow((stat) => this.#isMember(stat.session));
    this.#noteSharedGroups();
    this.#follow((stat) => this.#isOwnGroup(stat));
    this.#emptyLooks = this.members.length === known ? this.#emptyLooks + 1 : 0;
    return this.members.slice(known);
  }

  /** The process groups that held members and nobody else at the latest look, and that none but the tree can join. */
  ownGroups(): number[] {
    const groups = Map.groupBy(this.#census.values(), (stat) => stat.pgrp);
    const isOwn = (stat: Stat) => this.#knows(stat) && (this.#isMember(stat.session) || this.#isOwnGroup(stat));
    return [...groups].filter(([, stats]) => stats.every(isOwn)).map(([pgrp]) => pgrp);
  }

  #follow(isLead: (stat: Stat) => boolean): void {
    for (const stat of this.#census.values())
      if (isLead(stat) && this.#join(stat)) this.#descend(this.members.length - 1);
  }

  /** Breadth first from the member at `index` on, the list itself being the queue. */
  #descend(index: number): void {
    for (let at = index; at < this.members.length; at++) {
      const { pid } = this.members[at] as Member;
      if (this.#isMember(pid)) for (const child of this.#children.get(pid) ?? []) this.#join(child);
    }
  }

  #join(stat: Stat): boolean {
    if (this.#knows(stat) || (stat.flags & PF_KTHREAD) !== 0) return false;
    if (this.#spared.has(stat.pid)) {
      this.#holdsSpared = true;
      return false;
    }
    this.#admit(stat);
    return true;
  }

  #admit({ pid, startTicks, ppid, comm }: Stat): void {
    const member = { pid, startTicks, ppid, comm };
    this.members.push(member);
    this.#byPid.set(pid, member);
  }

  #knows(stat: Stat): boolean {
    return this.#byPid.get(stat.pid)?.startTicks === stat.startTicks;
  }

  /** A member that died keeps its pid's meaning until the pid is another process's: a group or session pins it. */
  #isMember(pid: number): boolean {
    const living = this.#census.get(pid);
    return living === undefined ? this.#byPid.has(pid) : this.#knows(living);
  }

  #isOwnGroup({ pgrp }: Stat): boolean {
    return this.#isMember(pgrp) && !this.#sharedGroups.has(pgrp);
  }

  #noteSharedGroups(): void {
    for (const stat of this.#census.values()) {
      if (!this.#isMember(stat.pgrp) || this.#knows(stat) || isOrphan(stat, this.#census)) continue;
      this.#sharedGroups.add(stat.pgrp);
    }
  }
}

/**
 * Whether its line within its process group ends at somebody adopted: a parent that forked him would be in his session
 * still, for who leaves a session leads a new one.
 */
function isOrphan(stat: Stat, census: Map<number, Stat>): boolean {
  let top = stat;
  for (let steps = 0; steps < census.size; steps++) {
    const parent = census.get(top.ppid);
    if (parent?.pgrp !== stat.pgrp) return parent?.session !== stat.session && top.session !== top.pid;
    top = parent;
  }
  return false;
}

/** By pid, ascending. Read from the last one on: the youngest may not be there for long. */
function readCensus(proc: string, pids: readonly number[]): Map<number, Stat> {
  const stats: Stat[] = [];
  for (const pid of pids.toReversed()) {
    const stat = readStat(proc, pid);
    if (stat !== undefined) stats.push(stat);
  }
  return new Map(stats.reverse().map((stat) => [stat.pid, stat]));
}
