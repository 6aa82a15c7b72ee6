/**
 * A parent that waits for a child to end, or, after vfork, to exec; a tracer, which waits for its tracees by the same
 * calls; and whoever waits by a pidfd for any process. wait(2), vfork(2), ptrace(2), pidfd_open(2).
 */
import { readFd, readFdinfo } from "../../../kernel/fds.ts";
import { readStat, readStatus, type Stat } from "../../../kernel/procfs.ts";
import { int32, type BlockedTask } from "../blocked-task.ts";
import { held, type Fact, type HeldFact } from "../fact.ts";
import type { View } from "../view.ts";
import { MAX_HOLDERS, waitFact, type WaitResolver } from "./resolver.ts";

const CLONES: ReadonlySet<string> = new Set(["vfork", "clone", "clone3", "fork"]);
const WAITS: ReadonlySet<string> = new Set(["wait4", "waitid"]);

/** waitid's first argument; waitid(2). */
const P_PID = 1;
const P_PGID = 2;
const P_PIDFD = 3;

/** Whom it waits for, in the numbers of the waiter's own pid namespace; `ours`: in ours. */
type Wanted = { pid: number } | { ours: number } | { pgrp: number } | "any";

/** Since Linux 6.9 a pidfd is a file of a file system of its own. */
const PIDFD = /^(anon_inode:\[pidfd\]|pidfd:\[\d+\])/;

export const childWait: WaitResolver = {
  kind: "child",
  matches: ({ syscall, file }) =>
    (syscall !== undefined && (WAITS.has(syscall.name) || CLONES.has(syscall.name))) || PIDFD.test(file?.target ?? ""),
  resolve(task, view) {
    if (PIDFD.test(task.file?.target ?? "")) return byPidfd(task, task.file?.fd ?? -1, view);
    const children = view.children(task.pid);
    return WAITS.has(task.syscall?.name ?? "") ? waitFor(task, children, view) : vforked(task, children);
  },
};

async function waitFor(task: BlockedTask, children: Stat[], view: View): Promise<Fact[]> {
  const wanted = wantedBy(task, view);
  const named = typeof wanted === "object" && !("pgrp" in wanted);
  const awaited = children.filter((child) => isWanted(child, wanted, { pid: task.pid, view }));
  // Without a child the call would have failed; so where none is seen, it waits for somebody it traces.
  const tracees = await view.tracees(task.pid, { halted: awaited.length > 0 });
  const strangers = tracees.filter(
    ({ stat }) => stat.ppid !== task.pid && isWanted(stat, wanted, { pid: task.pid, view }),
  );
  const first = awaited[0] ?? strangers[0]?.stat;
  const entity = named && first !== undefined ? `child:${first.pid}` : `children:${task.pid}`;
  const facts = awaited.map((child) => heldByChild(entity, child, "observed"));
  for (const { stat, tracerPid } of strangers) {
    const evidence = { source: `/proc/${stat.pid}/status`, observed: `TracerPid: ${tracerPid}` };
    facts.push(held(entity, stat.pid, "child", evidence));
  }
  return [waitFact(task, "child", entity), ...facts.slice(0, MAX_HOLDERS)];
}

/** Readable once the process has ended. fdinfo tells its number in our own pid namespace. */
function byPidfd(task: BlockedTask, fd: number, view: View): Fact[] {
  const pid = readFdinfo(view.proc, task.pid, fd)?.pidfd ?? 0;
  const stat = pid > 0 ? readStat(view.proc, pid) : undefined;
  const entity = stat === undefined ? `wait:${task.pid}:${task.tid}` : `child:${pid}`;
  if (stat === undefined) return [waitFact(task, "child", entity, { holder: "hidden" })];
  const evidence = { source: `/proc/${task.pid}/fdinfo/${fd}`, observed: `Pid: ${pid}` };
  return [waitFact(task, "child", entity), held(entity, pid, "child", evidence)];
}

/** Only a fork that shares memory with the child blocks the parent for long; the child it made last is the one. */
function vforked(task: BlockedTask, children: Stat[]): Fact[] {
  const child = children.toSorted((a, b) => b.startTicks - a.startTicks || b.pid - a.pid)[0];
  if (child === undefined) return [];
  const certainty = children.length === 1 ? "observed" : "derived";
  const entity = `child:${child.pid}`;
  return [waitFact(task, "vfork", entity, { certainty }), heldByChild(entity, child, certainty)];
}

function heldByChild(entity: string, child: Stat, certainty: "observed" | "derived"): HeldFact {
  const observed = `state ${child.state}, parent ${child.ppid}`;
  return held(entity, child.pid, "child", { source: `/proc/${child.pid}/stat`, observed, certainty });
}

function wantedBy({ pid, syscall }: BlockedTask, view: View): Wanted {
  const first = int32(syscall?.args[0] ?? -1n);
  const second = int32(syscall?.args[1] ?? 0n);
  if (syscall?.name === "wait4") {
    if (first > 0) return { pid: first };
    return first === -1 ? "any" : { pgrp: -first };
  }
  if (first === P_PID) return { pid: second };
  if (first === P_PGID) return { pgrp: second };
  if (first !== P_PIDFD || readFd(view.proc, pid, second) === undefined) return "any";
  const target = readFdinfo(view.proc, pid, second)?.pidfd;
  return target === undefined || target <= 0 ? "any" : { ours: target };
}

function isWanted(child: Stat, wanted: Wanted, { pid, view }: { pid: number; view: View }): boolean {
  if (wanted === "any") return true;
  if ("ours" in wanted) return child.pid === wanted.ours;
  if ("pgrp" in wanted && wanted.pgrp === 0) return child.pgrp === readStat(view.proc, pid)?.pgrp;
  // What the waiter calls it: the number in the namespace that is as deep as the waiter's own.
  const level = readStatus(view.proc, pid)?.nsPids.length ?? 1;
  const numbers = readStatus(view.proc, child.pid);
  if ("pgrp" in wanted) return (numbers?.nsPgrps[level - 1] ?? child.pgrp) === wanted.pgrp;
  return (numbers?.nsPids[level - 1] ?? child.pid) === wanted.pid;
}
