/**
 * Stops a tree so that nothing can fork away from it, and lets it go on again. What is to happen to the tree after
 * that is not its concern.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { deliver, deliverToGroup, livingThreads, type Member } from "./member.ts";
import { CONT, STOP } from "./signals.ts";
import type { Tree } from "./tree.ts";

/** A tree that still grows after this long is left as it is: what comes later is met when it is killed. */
const MAX_GROWTH_MS = 5000;
/** A thread in an uninterruptible sleep, or in a frozen cgroup, stops only once it is out of that. */
const MAX_SETTLE_MS = 300;
const PASS_MS = 2;

export class Freezer {
  /** Members that kill(2) did not let us signal. */
  readonly denied = new Set<Member>();
  readonly #proc: string;
  readonly #tree: Tree;
  /** To be continued when the freeze is undone: what was not stopped before it. */
  readonly #held = new Set<Member>();

  constructor(proc: string, tree: Tree) {
    this.#proc = proc;
    this.#tree = tree;
  }

  /**
   * Stops every member until a look at /proc that began with all of them stopped finds no new one. One look is not
   * enough: kill(2) returns before the target stops, and a fork that is past its last check for signals still completes.
   */
  async freeze(abort?: AbortSignal): Promise<void> {
    const startedMs = performance.now();
    let grownMs = startedMs;
    this.#tree.survey();
    for (const member of this.#tree.members) if (!isAll("T", this.#states(member))) this.#held.add(member);
    this.#stop(this.#tree.members);
    for (;;) {
      const settled = this.#tree.members.every(
        (member) => this.denied.has(member) || isAll("Tt", this.#states(member)),
      );
      const found = this.#tree.survey();
      for (const member of found) this.#held.add(member);
      if (found.length > 0) this.#stop(found);
      const nowMs = performance.now();
      if (found.length > 0) grownMs = nowMs;
      if (this.#tree.isQuiet && (settled || nowMs - grownMs > MAX_SETTLE_MS)) return;
      if (nowMs - startedMs > MAX_GROWTH_MS) return;
      await sleep(PASS_MS, undefined, { signal: abort });
    }
  }

  /** Continues every member, also those that somebody else had stopped: a stopped process handles no signal. */
  continueAll(): void {
    for (const member of this.#tree.members) deliver(this.#proc, member, CONT.number);
    this.#held.clear();
  }

  /** Undoes freeze(). */
  release(): void {
    if (this.#held.size === 0) return;
    for (const member of [...this.#held, ...this.#tree.survey()]) deliver(this.#proc, member, CONT.number);
    this.#held.clear();
  }

  #stop(members: readonly Member[]): void {
    for (const group of this.#tree.ownGroups()) deliverToGroup(group, STOP.number);
    for (const member of members) {
      if (deliver(this.#proc, member, STOP.number) === "denied") this.denied.add(member);
    }
  }

  #states(member: Member): string[] {
    return livingThreads(this.#proc, member).map((thread) => thread.state);
  }
}

function isAll(letters: string, states: readonly string[]): boolean {
  return states.every((state) => letters.includes(state));
}
