/** Who is whose child, of those that were described. It decides nothing. */
import type { TrackedProcess } from "../tracker.ts";
import type { JobIdentity } from "./identity.ts";
import type { Program } from "./launchers.ts";
import type { Membership } from "./membership.ts";

/** A process, and what was read of it. */
export interface Member extends Program {
  readonly process: TrackedProcess;
  readonly pid: number;
  ppid: number;
  identity: JobIdentity | undefined;
  /** Its environment could not be read. */
  isHidden: boolean;
  /** What was found last. */
  membership: Membership | undefined;
}

/** Generations that are looked through for an ancestor: more than people nest, and less than a hostile tree has. */
const MAX_GENERATIONS = 64;

export class Family {
  readonly #members = new Map<number, Member>();
  readonly #children = new Map<number, Set<Member>>();

  get(pid: number): Member | undefined {
    return this.#members.get(pid);
  }

  add(member: Member): void {
    this.remove(member.pid);
    this.#members.set(member.pid, member);
    this.#adopt(member);
  }

  remove(pid: number): Member | undefined {
    const member = this.#members.get(pid);
    if (member === undefined) return undefined;
    this.#members.delete(pid);
    this.#leave(member);
    return member;
  }

  move(member: Member, ppid: number): void {
    this.#leave(member);
    member.ppid = ppid;
    this.#adopt(member);
  }

  parent({ ppid }: Member): Member | undefined {
    return this.#members.get(ppid);
  }

  *ancestors(member: Member): Iterable<Member> {
    let at = this.parent(member);
    for (let n = 0; at !== undefined && n < MAX_GENERATIONS; n++, at = this.parent(at)) yield at;
  }

  /** The living ones. */
  children({ pid }: Member): Member[] {
    return [...(this.#children.get(pid) ?? [])].filter(({ process }) => process.state !== "zombie");
  }

  #adopt(member: Member): void {
    const siblings = this.#children.get(member.ppid);
    if (siblings === undefined) this.#children.set(member.ppid, new Set([member]));
    else siblings.add(member);
  }

  #leave(member: Member): void {
    const siblings = this.#children.get(member.ppid);
    siblings?.delete(member);
    if (siblings?.size === 0) this.#children.delete(member.ppid);
  }
}
