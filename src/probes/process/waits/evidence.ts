/**
 * What shows that an event loop waits for one of its connections in particular: it has asked and got no answer, its
 * data lies unread at the other end, it has more to send than goes, or the one whom it depends on cannot go on.
 */
import { readStat } from "../../../kernel/procfs.ts";
import type { InetSocket } from "../../../kernel/sockets.ts";
import { awaitsAnswer } from "../../../kernel/tcp-activity.ts";
import { readBlockedTask, type BlockedTask } from "../blocked-task.ts";
import type { Fact } from "../fact.ts";
import type { View } from "../view.ts";
import type { LinkWait } from "./event-loop.ts";
import type { Members } from "./members.ts";
import { inodeOfSocket } from "./socket-holders.ts";
import { listenerFor, otherEndOf } from "./tcp-ends.ts";

interface Evidence {
  source: string;
  observed: string;
}

/** What is known of a connection's two ends. */
interface Ends {
  /** This process connected, the other one serves; undefined: neither can be told. */
  asks: boolean | undefined;
  /** Data of ours that the other process has not read. */
  unread: number;
  source: string;
}

export async function evidenceFor(
  wait: LinkWait,
  task: BlockedTask,
  members: Members,
  view: View,
): Promise<Evidence | undefined> {
  const { link, facts, others } = wait;
  if (facts.length === 0) return undefined;
  const { watched, target } = link;
  const cannotWrite = watched.writes && !watched.edge;
  const inode = inodeOfSocket(target);
  if (inode === undefined) {
    return cannotWrite && !watched.reads
      ? { source: fdOf(task, watched.fd), observed: `${target} is full` }
      : undefined;
  }
  const ends = (await tcpEnds(inode, task, view)) ?? (await unixEnds(inode, task, view));
  if (ends === undefined) return undefined;
  const { source } = ends;
  const unreachable = facts.find((fact) => fact.type === "wait" && fact.attrs.cause === "network.unreachable");
  // What a server sends to one client among many is no matter of the others.
  if (unreachable !== undefined && ends.asks !== false && !members.serves) return evidenceIn(unreachable);
  // A server with one slow client among many is not held up by it; a relay with nobody else is.
  if (cannotWrite && (ends.asks !== false || !members.serves)) return { source, observed: `${target} is full` };
  if (ends.asks === false) return ranksOfOneJob(task, ends, others, view);
  if (ends.unread > 0) return { source, observed: `${ends.unread} bytes that it sent are not read at the other end` };
  if (ends.asks !== true) return undefined;
  const activity = await view.tcpActivity(inode);
  if (activity !== undefined && awaitsAnswer(activity) && others.length > 0) {
    return { source, observed: `sent data ${activity.sentMs} ms ago, and received none since` };
  }
  return activity !== undefined && activity.bytesReceived > 0 ? undefined : heldUp(others, view);
}

/** That of the fact itself. */
function evidenceIn({ attrs }: Fact): Evidence {
  return { source: String(attrs.source), observed: String(attrs.observed) };
}

/** A connection that got an answer to all it asked, whose other end is well. */
export async function isAtRest({ link, others }: LinkWait, view: View): Promise<boolean> {
  const inode = inodeOfSocket(link.target);
  const activity = inode === undefined ? undefined : await view.tcpActivity(inode);
  if (activity === undefined || activity.bytesReceived === 0 || awaitsAnswer(activity)) return false;
  return (await heldUp(others, view)) === undefined;
}

async function tcpEnds(inode: number, { pid }: BlockedTask, view: View): Promise<Ends | undefined> {
  const sockets = await view.inet(pid, inode);
  const own = sockets?.find((socket) => socket.inode === inode && socket.protocol === "tcp");
  if (sockets === undefined || own === undefined) return undefined;
  const source = `/proc/${pid}/net/tcp`;
  const other = await otherEndOf(own, pid, view);
  // What nobody has accepted yet, nobody reads.
  const unread = "open" in other ? other.open.rxQueue : "unaccepted" in other ? Math.max(1, own.txQueue) : 0;
  return { asks: await asks(own, sockets, other, view), unread: own.state === "ESTABLISHED" ? unread : 0, source };
}

async function asks(
  own: InetSocket,
  sockets: readonly InetSocket[],
  other: Awaited<ReturnType<typeof otherEndOf>>,
  view: View,
): Promise<boolean | undefined> {
  if (listenerFor(own.local, sockets) !== undefined) return false;
  if (own.state === "SYN_SENT" || "unaccepted" in other) return true;
  if (!("open" in other)) return undefined;
  const { holders } = await view.holders(`socket:[${other.open.inode}]`);
  const table = holders[0] === undefined ? undefined : await view.inet(holders[0].pid, other.open.inode);
  return table !== undefined && listenerFor(own.remote, table) !== undefined ? true : undefined;
}

async function unixEnds(inode: number, { pid }: BlockedTask, view: View): Promise<Ends | undefined> {
  const sockets = await view.unix(inode, pid);
  const own = typeof sockets === "string" ? undefined : sockets.get(inode);
  if (typeof sockets === "string" || own === undefined) return undefined;
  const source = "sock_diag(7)";
  // Only the serving end of a connection bears a path.
  if (own.peer === 0) return { asks: true, unread: 1, source };
  const peer = sockets.get(own.peer);
  const asking = own.path !== undefined ? false : peer?.path === undefined ? undefined : true;
  return { asks: asking, unread: peer?.rqueue ?? 0, source };
}

/** Each of those who could end the wait is halted, or hangs in a call that is no server's rest. */
async function heldUp(pids: readonly number[], view: View): Promise<Evidence | undefined> {
  let evidence: Evidence | undefined;
  for (const pid of pids) {
    evidence = await heldUpOne(pid, view);
    if (evidence === undefined) return undefined;
  }
  return evidence;
}

/** Calls in which a server rests between two requests. */
const REST =
  /poll|select|^epoll|^accept|^recv|^read|^futex|^io_uring|sigtimedwait|^pause|sigsuspend|^restart_syscall|nanosleep/;

async function heldUpOne(pid: number, view: View): Promise<Evidence | undefined> {
  const source = `/proc/${pid}/stat`;
  const state = readStat(view.proc, pid)?.state ?? "?";
  if ("TtD".includes(state)) return { source, observed: `the other end's process is in state ${state}` };
  if (view.isFrozen(pid)) return { source, observed: "the other end's process is frozen" };
  const task = await readBlockedTask(view.proc, { pid, tid: pid, kthread: false, sinceMs: 0 }, () =>
    Promise.resolve(undefined),
  );
  if (task?.syscall === undefined || REST.test(task.syscall.name)) return undefined;
  return { source: `/proc/${pid}/syscall`, observed: `the other end's process is in ${task.syscall.name}` };
}

/**
 * Ranks of one job are started by the same parent and run the same program, and it is by their start that one of them
 * connects and the other accepts. Their connections are served by a thread beside the one that computes (gloo).
 */
async function ranksOfOneJob(
  task: BlockedTask,
  { unread, source }: Ends,
  others: readonly number[],
  view: View,
): Promise<Evidence | undefined> {
  if (task.tid === task.pid || unread === 0) return undefined;
  const own = readStat(view.proc, task.pid);
  const isSibling = (pid: number) => {
    const stat = readStat(view.proc, pid);
    return stat?.ppid === own?.ppid && stat?.comm === own?.comm;
  };
  if (!others.every(isSibling) || (await heldUp(others, view)) === undefined) return undefined;
  return { source, observed: `${unread} bytes that it sent are not read at the other end` };
}

function fdOf({ pid }: BlockedTask, fd: number): string {
  return `/proc/${pid}/fd/${fd}`;
}
