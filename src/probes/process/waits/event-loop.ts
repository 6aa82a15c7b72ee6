/**
 * A poll, select or epoll over several files. A loop that watches one connection beside its own wake-ups waits for that
 * one. A loop that watches many rests until any of them has something; what it waits for beyond that shows only where
 * one of its connections gives evidence (evidence.ts). A loop with nothing to watch but signals waits for its child.
 */
import { readStatus } from "../../../kernel/procfs.ts";
import { int32, type BlockedTask } from "../blocked-task.ts";
import { held, type Certainty, type Fact } from "../fact.ts";
import { useOf } from "../file-use.ts";
import { EPOLL_CALLS, POLL_CALLS, SELECT_CALLS } from "../poll-set.ts";
import type { View } from "../view.ts";
import { evidenceFor, isAtRest } from "./evidence.ts";
import { membersOf, type Link, type Members } from "./members.ts";
import { pipeWait } from "./pipe.ts";
import { ownEntity, waitFact, type WaitResolver } from "./resolver.ts";
import { tcpWait } from "./tcp.ts";
import { terminalWait } from "./terminal.ts";
import { udpWait } from "./udp.ts";
import { unixSocketWait } from "./unix-socket.ts";

const LINK_WAITS: readonly WaitResolver[] = [pipeWait, unixSocketWait, tcpWait, udpWait, terminalWait];

/** Whoever has more children is more likely a server at rest. */
const MAX_AWAITED = 4;
/** SIGCHLD is 17 on every architecture Node runs on; signal n is bit n - 1. */
const SIGCHLD_BIT = 1n << 16n;

/** A link, and what a wait for it amounts to. */
export interface LinkWait {
  link: Link;
  facts: Fact[];
  /** The other processes that may end it. */
  others: number[];
}

export const eventLoopWait: WaitResolver = {
  kind: "event loop",
  matches: ({ syscall }) => syscall !== undefined && kindOf(syscall.name) !== undefined,

  async resolve(task, view) {
    const members = await membersOf(task, view);
    if (members === undefined) return [restingWait(task)];
    if (members.links.length === 0) return [restingWait(task, members), ...childrenOf(task, members, view)];
    const waits = await Promise.all(members.links.map((link) => waitOn(link, task, view)));
    if (await isAboutOne(task, members, waits, view)) {
      const facts = merged(
        waits.map((wait) => wait.facts),
        "derived",
      );
      // A library's loop is open for more than its one connection: timers, signals, whatever comes to be added.
      return isEpoll(task) ? [restingWait(task, members), ...facts] : facts;
    }
    const evident: Fact[][] = [];
    for (const wait of waits) {
      const evidence = await evidenceFor(wait, task, members, view);
      if (evidence !== undefined) evident.push(withEvidence(wait.facts, evidence));
    }
    return [restingWait(task, members), ...merged(evident, "inferred")];
  },
};

function kindOf(name: string): "poll" | "select" | "epoll" | undefined {
  if (POLL_CALLS.has(name)) return "poll";
  if (SELECT_CALLS.has(name)) return "select";
  return EPOLL_CALLS.has(name) ? "epoll" : undefined;
}

function isEpoll({ syscall }: BlockedTask): boolean {
  return EPOLL_CALLS.has(syscall?.name ?? "");
}

/** `links`: what its connections lead to may come to a stop while it rests, so it is looked at again. */
function restingWait(task: BlockedTask, members?: Members): Fact {
  const { name, args } = task.syscall as NonNullable<BlockedTask["syscall"]>;
  const kind = kindOf(name) as string;
  const entity = kind === "epoll" ? `epoll:${task.pid}:${int32(args[0] ?? 0n)}` : ownEntity(kind, task);
  const wait = waitFact(task, kind, entity, { serves: members?.serves === true });
  const links = members?.links.length ?? 0;
  return links === 0 ? wait : { ...wait, attrs: { ...wait.attrs, links } };
}

async function waitOn(link: Link, task: BlockedTask, view: View): Promise<LinkWait> {
  const reading: BlockedTask = { ...task, file: { ...useOf(link.watched), target: link.target } };
  for (const wait of LINK_WAITS) {
    if (!wait.matches(reading)) continue;
    const facts = await wait.resolve(reading, view);
    if (facts.length === 0) continue;
    const others = facts.flatMap((fact) => (fact.type === "held" && fact.pid !== task.pid ? [fact.pid] : []));
    return { link, facts, others: [...new Set(others)].sort((a, b) => a - b) };
  }
  return { link, facts: [], others: [] };
}

/** One link, or several to the same others, as a child's output and its errors are. */
async function isAboutOne(
  task: BlockedTask,
  members: Members,
  waits: readonly LinkWait[],
  view: View,
): Promise<boolean> {
  const [first] = waits;
  if (first === undefined || members.serves || !members.complete) return false;
  if (waits.some(({ facts }) => facts.length === 0)) return false;
  const same = waits.every(({ others }) => others.length > 0 && String(others) === String(first.others));
  if (waits.length > 1 && !same) return false;
  // A pooled connection that has got its answer is at rest, and so is the program that keeps it.
  return !(isEpoll(task) && (await isAtRest(first, view)));
}

/**
 * It is woken by signals or other threads alone, and minds SIGCHLD: a parent of one child or a few, as Node's and
 * Python's loops are while a program that they started runs.
 */
function childrenOf(task: BlockedTask, { serves, complete }: Members, view: View): Fact[] {
  if (task.tid !== task.pid || serves || !complete) return [];
  const caught = readStatus(view.proc, task.pid)?.signals?.caught ?? 0n;
  const children = view.children(task.pid);
  if ((caught & SIGCHLD_BIT) === 0n || children.length === 0 || children.length > MAX_AWAITED) return [];
  const entity = `children:${task.pid}`;
  const facts = children.map(({ pid, state }) => {
    const observed = `state ${state}, parent ${task.pid}`;
    return held(entity, pid, "child", { source: `/proc/${pid}/stat`, observed, certainty: "inferred" });
  });
  return [waitFact(task, "child", entity, { certainty: "inferred" }), ...facts];
}

function withEvidence(facts: readonly Fact[], evidence: { source: string; observed: string }): Fact[] {
  return facts.map((fact) => (fact.type === "wait" ? { ...fact, attrs: { ...fact.attrs, ...evidence } } : fact));
}

/** None surer than `certainty`. */
function merged(lists: readonly (readonly Fact[])[], certainty: Certainty): Fact[] {
  return lists.flat().map((fact) => {
    if (fact.type === "held" || fact.attrs.certainty === "inferred") return fact;
    return Object.assign({}, fact, { attrs: { ...fact.attrs, certainty } });
  });
}
