/** Which processes belong to which job, as what: kept up to date as they come and go. It reads nothing. */
import { hostname } from "node:os";
import type { Variables } from "../../../kernel/environ.ts";
import type { TrackedProcess } from "../tracker.ts";
import { Family, type Member } from "./family.ts";
import { jobOf } from "./identity.ts";
import { isLauncher, isWrapper } from "./launchers.ts";
import { isSame, type Membership } from "./membership.ts";
import { keyOf, roleOf, type Above } from "./roles.ts";

/** What had to be read of a process. */
export interface Readings {
  cmdline: string | undefined;
  cgroup: string | undefined;
  /** Undefined where the environment could not be read. */
  variables: Variables | undefined;
}

export interface MembershipChange {
  process: TrackedProcess;
  membership: Membership;
  /** Its environment, which would say more, could not be read. */
  isHidden: boolean;
}

export class JobBook {
  readonly #family = new Family();
  /** By rank: the process that is it. */
  readonly #ranks = new Map<string, Member>();
  readonly #dirty = new Set<Member>();
  readonly #host: string;

  constructor(host = hostname()) {
    this.#host = host;
  }

  /** A process that is new, or that runs another program now. */
  told(process: TrackedProcess, { cmdline = "", cgroup, variables }: Readings): void {
    const { pid, ppid, comm } = process;
    const known = this.#family.get(pid);
    const before = known?.process === process ? known : undefined;
    const member: Member = {
      process,
      pid,
      ppid,
      comm,
      cmdline,
      identity: jobOf(variables ?? {}, { cgroup, host: this.#host }),
      isHidden: variables === undefined,
      membership: before?.membership,
    };
    if (known !== undefined) this.#dirty.delete(known);
    this.#family.add(member);
    this.#dirty.add(member);
    if (before?.membership !== undefined && this.#ranks.get(keyOf(before.membership)) === before) {
      this.#ranks.set(keyOf(before.membership), member);
    }
  }

  /** It may have another parent now. */
  moved({ pid, ppid }: TrackedProcess): void {
    const member = this.#family.get(pid);
    if (member === undefined || member.ppid === ppid) return;
    this.#family.move(member, ppid);
    this.#dirty.add(member);
  }

  gone(process: TrackedProcess): void {
    const member = this.#family.get(process.pid);
    if (member?.process !== process) return;
    this.#family.remove(process.pid);
    this.#dirty.delete(member);
    this.#giveUp(member);
  }

  isRank(process: TrackedProcess): boolean {
    const member = this.#family.get(process.pid);
    return member?.process === process && member.membership?.role === "rank";
  }

  /** Whose membership is another than the last time. */
  changes(): MembershipChange[] {
    if (this.#dirty.size === 0) return [];
    const left: { member: Member; above: Above }[] = [];
    const tops = new Set<Member>();
    for (const member of this.#dirty) {
      const rank = this.#rankAbove(member);
      if (rank === undefined) tops.add(this.#topOf(member));
      else left.push({ member, above: { rank } });
    }
    this.#dirty.clear();
    const roots = [...tops].filter((top) => ![...this.#family.ancestors(top)].some((ancestor) => tops.has(ancestor)));
    // Whoever is asked about anew has to show anew that it is the rank.
    for (const member of this.#below(roots)) this.#giveUp(member);
    const changes: MembershipChange[] = [];
    const done = new Set<Member>();
    // They come first, and with all below them: the others stand below ranks that may be other ones then.
    left.push(...roots.map((member) => ({ member, above: {} })));
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const { member } = next;
      if (done.has(member)) continue;
      done.add(member);
      const { membership, above } = this.#roleOf(member, next.above);
      if (membership !== undefined && !isSame(membership, member.membership)) {
        changes.push({ process: member.process, membership, isHidden: member.isHidden });
      }
      this.#settle(member, membership);
      for (const child of this.#family.children(member)) left.push({ member: child, above });
    }
    return [...changes, ...this.changes()];
  }

  #roleOf(member: Member, above: Above) {
    return roleOf(member, above, this.#family, (candidate, rank) => {
      const other = this.#ranks.get(keyOf(rank));
      if (other === undefined || other === candidate || other.process.state === "zombie") return false;
      return isOlder(other.process, candidate.process);
    });
  }

  /** Of two that say to be the same rank, it is the first: the other came by its environment later. */
  #settle(member: Member, membership: Membership | undefined): void {
    member.membership = membership;
    if (membership?.role !== "rank" || membership.rank === undefined) return;
    const other = this.#ranks.get(keyOf(membership));
    if (other !== undefined && other !== member) this.#dirty.add(other);
    this.#ranks.set(keyOf(membership), member);
  }

  #giveUp(member: Member): void {
    if (member.membership === undefined) return;
    const key = keyOf(member.membership);
    if (this.#ranks.get(key) === member) this.#ranks.delete(key);
  }

  /** These and all that descend from them. */
  #below(roots: readonly Member[]): ReadonlySet<Member> {
    const found = new Set(roots);
    // A set hands over also what is added while it is gone through.
    for (const member of found) for (const child of this.#family.children(member)) found.add(child);
    return found;
  }

  /** The rank that it surely works for, as most that is started in a job does: then nobody else is asked about anew. */
  #rankAbove(member: Member): Membership | undefined {
    const parent = this.#family.parent(member);
    const above = parent?.membership;
    if (parent === undefined || above?.rank === undefined || this.#dirty.has(parent)) return undefined;
    // Of a shell the child may be the rank.
    const isBelow = above.role === "helper" || (above.role === "rank" && !isWrapper(parent));
    const { rank, worldSize } = member.identity ?? {};
    return isBelow && (rank === undefined || (rank === above.rank && worldSize === above.worldSize))
      ? above
      : undefined;
  }

  /** The topmost process whose role bears upon this one's. */
  #topOf(member: Member): Member {
    let top = member;
    let isTold = member.identity !== undefined || member.isHidden;
    for (const ancestor of this.#family.ancestors(member)) {
      const bears = ancestor.identity !== undefined || ancestor.membership !== undefined || isLauncher(ancestor);
      // The parent of who is in a job may have started it.
      if (bears || isTold) top = ancestor;
      isTold = bears;
    }
    return top;
  }
}

/** A pid settles it between two of the same hundredth of a second, so that both say the same. */
function isOlder(a: TrackedProcess, b: TrackedProcess): boolean {
  return a.startTicks < b.startTicks || (a.startTicks === b.startTicks && a.pid < b.pid);
}
