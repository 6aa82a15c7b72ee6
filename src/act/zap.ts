/**
 * Ends a process and its whole tree: stops it, so that nothing forks away, sends the signal, waits, and says who is
 * left and why. Needs /proc and kill(2) and nothing else. It prints nothing and asks nobody.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { readStat } from "../kernel/procfs.ts";
import { Freezer } from "./freeze.ts";
import { deliver, deliverToGroup, lives, readSame, type Member } from "./member.ts";
import { admitTarget, ZapRefused, type Target } from "./refusal.ts";
import { KILL, STOP, TERM, type Signal } from "./signals.ts";
import { survivor, type Survivor } from "./survival.ts";
import { Tree } from "./tree.ts";

export interface ZapOptions {
  signal: Signal;
  /** More than 0: what is left this long after the signal (TERM where the signal is KILL) is killed. */
  graceMs: number;
  dryRun: boolean;
  /** How long to wait for the tree to be gone after the last signal. */
  deadlineMs?: number;
  /** Lets a stopped tree go on and ends the wait; zap then throws the abort's reason. */
  abort?: AbortSignal;
  proc?: string;
}

export interface ZapOutcome {
  /** Gone, or on a dry run: would be signalled. Parents before their children. */
  ended: Member[];
  survived: Survivor[];
  /** Set where the target is dead, but its parent does not reap it. */
  unreaped: { member: Member; parent: { pid: number; comm: string } } | undefined;
}

const DEFAULT_DEADLINE_MS = 5000;
const REAP_MS = 500;
const FIRST_POLL_MS = 5;
const LAST_POLL_MS = 200;

interface Run {
  proc: string;
  tree: Tree;
  freezer: Freezer;
  /** Zombies from before: members only for the sessions and groups that they lead. */
  dead: ReadonlySet<Member>;
  abort: AbortSignal | undefined;
}

/**
 * STOP and CONT, like every signal that ends nobody, are only delivered: the tree is then in `survived`.
 * Throws ZapRefused where nothing may be ended; then nothing was signalled.
 */
export async function zap(target: Target, options: ZapOptions): Promise<ZapOutcome> {
  const { signal, graceMs, dryRun, deadlineMs = DEFAULT_DEADLINE_MS, abort, proc = "/proc" } = options;
  const { root, spared } = admitTarget(proc, target);
  const tree = new Tree(proc, root, spared);
  tree.survey();
  if (tree.holdsSpared) throw new ZapRefused("ancestor", root.pid, root.comm);
  const { living = [], dead = [] } = Object.groupBy(tree.members, (one) => (lives(proc, one) ? "living" : "dead"));
  if (dryRun || living.length === 0) return { ended: living, survived: [], unreaped: unreaped(proc, tree) };

  const run: Run = { proc, tree, freezer: new Freezer(proc, tree), dead: new Set(dead), abort };
  try {
    let last = signal;
    if (graceMs > 0) {
      last = KILL;
      await send(run, signal === KILL ? TERM : signal);
      await waitUntilGone(run, graceMs, "wait");
    }
    if (graceMs === 0 || tree.members.some((member) => lives(proc, member))) {
      await send(run, last);
      if (last.ends) await waitUntilGone(run, deadlineMs, last === KILL ? "kill" : "wait");
    }
    await waitUntilReaped(run);
    return outcome(run, last);
  } catch (error) {
    run.freezer.release();
    throw error;
  }
}

/** One signal to every member, so that none can fork, or answer another's death, before all have it. */
async function send({ proc, tree, freezer, abort }: Run, signal: Signal): Promise<void> {
  if (signal.ends || signal === STOP) await freezer.freeze(abort);
  abort?.throwIfAborted();
  if (signal === STOP) return;
  for (const member of tree.members) {
    if (deliver(proc, member, signal.number) === "denied") freezer.denied.add(member);
  }
  if (signal.ends && signal !== KILL) freezer.continueAll();
}

/** Also keeps looking for newcomers, which are waited for, and killed at once where the tree is being killed. */
async function waitUntilGone(
  { proc, tree, freezer, abort }: Run,
  limitMs: number,
  newcomers: "kill" | "wait",
): Promise<void> {
  const endMs = performance.now() + limitMs;
  for (let pollMs = FIRST_POLL_MS; ; pollMs = Math.min(pollMs * 1.5, LAST_POLL_MS)) {
    const found = tree.survey();
    if (newcomers === "kill" && found.length > 0) {
      for (const group of tree.ownGroups()) deliverToGroup(group, KILL.number);
      for (const member of found) deliver(proc, member, KILL.number);
    }
    const isGone = tree.members.every((member) => freezer.denied.has(member) || !lives(proc, member));
    if (isGone && tree.isQuiet) return;
    const leftMs = endMs - performance.now();
    if (leftMs <= 0) return;
    await sleep(Math.min(pollMs, leftMs), undefined, { signal: abort });
  }
}

/** A parent needs a moment to reap its child; only one that takes longer is worth a word. */
async function waitUntilReaped({ proc, tree, abort }: Run): Promise<void> {
  const endMs = performance.now() + REAP_MS;
  while (unreaped(proc, tree) !== undefined && performance.now() < endMs) {
    await sleep(FIRST_POLL_MS, undefined, { signal: abort });
  }
}

function outcome({ proc, tree, freezer, dead }: Run, last: Signal): ZapOutcome {
  const ended: Member[] = [];
  const survived: Survivor[] = [];
  for (const member of tree.members) {
    const left = survivor(proc, member, last, freezer.denied.has(member));
    if (left !== undefined) survived.push(left);
    else if (!dead.has(member)) ended.push(member);
  }
  return { ended, survived, unreaped: unreaped(proc, tree) };
}

function unreaped(proc: string, tree: Tree): ZapOutcome["unreaped"] {
  const member = tree.members[0] as Member;
  const stat = readSame(proc, member);
  if (stat === undefined || lives(proc, member)) return undefined;
  return { member, parent: { pid: stat.ppid, comm: readStat(proc, stat.ppid)?.comm ?? "" } };
}
