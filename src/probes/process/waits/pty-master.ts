/**
 * The master of a pseudo-terminal: the terminal emulator, sshd, tmux, script. Who has that of a given terminal, whether
 * it reads from it; and its own waits, for the programs on the terminal. pty(7).
 */
import type { FdHolder } from "../../../kernel/fd-index.ts";
import { accessOf, readFdinfo } from "../../../kernel/fds.ts";
import { namespaceOf } from "../../../kernel/namespaces.ts";
import { readStat, readTids } from "../../../kernel/procfs.ts";
import { readBlockedTask, type BlockedTask } from "../blocked-task.ts";
import { held, type HeldFact } from "../fact.ts";
import { terminalName } from "../terminal-name.ts";
import { isSliceOver, letOthersIn } from "../pace.ts";
import type { View } from "../view.ts";
import { watchSetOf } from "./members.ts";
import { MAX_HOLDERS, waitFact, type WaitResolver } from "./resolver.ts";

const MASTERS = ["/dev/ptmx", "/dev/pts/ptmx"] as const;
const MAX_THREADS = 64;

export const ptyMasterWait: WaitResolver = {
  kind: "pty",
  matches: ({ file }) => MASTERS.some((name) => name === file?.target),
  async resolve(task, view) {
    const { verb, fd } = task.file as NonNullable<BlockedTask["file"]>;
    const index = readFdinfo(view.proc, task.pid, fd)?.ttyIndex;
    if (index === undefined) return [];
    const name = `pts/${index}`;
    const entity = `pty:${name}`;
    const writes = verb === "write";
    const facts = (await foregroundOf(name, view)).map(({ pid, observed }) =>
      held(entity, pid, writes ? "reader" : "writer", { source: `/proc/${pid}/stat`, observed, certainty: "derived" }),
    );
    const label = `/dev/${name}`;
    const nobody = facts.length === 0 ? ({ holder: "hidden" } as const) : {};
    const kind = writes ? "pty.write" : "pty.read";
    return [waitFact(task, kind, entity, { label, ...nobody }), ...facts.slice(0, MAX_HOLDERS)];
  },
};

/** The job that may use the terminal now. */
async function foregroundOf(name: string, view: View): Promise<{ pid: number; observed: string }[]> {
  const found: { pid: number; observed: string }[] = [];
  for (const { pid, kthread } of view.processes()) {
    if (kthread) continue;
    if (isSliceOver()) await letOthersIn();
    // What was last sampled of it may be from before it got the terminal.
    const stat = readStat(view.proc, pid);
    if (stat === undefined || terminalName(stat.ttyNr) !== name) continue;
    if (stat.pgrp !== stat.tpgid || "ZX".includes(stat.state)) continue;
    found.push({ pid, observed: `in the foreground on ${name}` });
  }
  return found;
}

export interface Masters {
  facts: HeldFact[];
  /** One that waits for output from the terminal, and gets none. */
  reading: { evidence: { source: string; observed: string } } | undefined;
  blind: string[];
}

/** Whoever should take the output of the terminal. Of two terminals of one number, in two containers, the nearer one. */
export async function mastersOf(pid: number, name: string, entity: string, view: View): Promise<Masters> {
  const index = Number(/^pts\/(\d+)$/.exec(name)?.[1] ?? Number.NaN);
  const found: { pid: number; fd: number }[] = [];
  let partial = false;
  for (const master of MASTERS) {
    const wanted = (holder: FdHolder): boolean => {
      const info = readFdinfo(view.proc, holder.pid, holder.fd);
      return info?.ttyIndex === index && accessOf(info.flags) !== "write";
    };
    const table = await view.holders(master, { byPath: true, wanted });
    partial ||= table.partial;
    found.push(...table.holders);
  }
  const mounts = namespaceOf(view.proc, pid, "mnt");
  const near = found.filter((holder) => namespaceOf(view.proc, holder.pid, "mnt") === mounts);
  const masters = near.length > 0 ? near : found;
  for (const master of masters) {
    const reading = await readsFrom(master.pid, master.fd, view);
    if (reading !== undefined) return { facts: [], reading, blind: [] };
  }
  const facts = new Map(
    masters.slice(0, MAX_HOLDERS).map((master) => {
      const evidence = { source: `/proc/${master.pid}/fdinfo/${master.fd}`, observed: `tty-index: ${index}` };
      return [master.pid, held(entity, master.pid, "reader", evidence)] as const;
    }),
  );
  return { facts: [...facts.values()], reading: undefined, blind: partial ? ["fds"] : [] };
}

/** Blocked in a read of it, or in a poll, select or epoll that it is among. */
async function readsFrom(pid: number, fd: number, view: View): Promise<Masters["reading"]> {
  const index = readFdinfo(view.proc, pid, fd)?.ttyIndex;
  // The master may be open under several numbers.
  const isIt = (other: number) => other === fd || readFdinfo(view.proc, pid, other)?.ttyIndex === index;
  for (const tid of readTids(view.proc, pid).slice(0, MAX_THREADS)) {
    const task = await readBlockedTask(view.proc, { pid, tid, kthread: false, sinceMs: 0 }, view.memory);
    if (task?.syscall === undefined) continue;
    const watched = (await watchSetOf(task, view))?.watched ?? [];
    const single = task.file !== undefined && task.file.verb === "read" && isIt(task.file.fd);
    if (!single && !watched.some((it) => it.reads && isIt(it.fd))) continue;
    const source = `/proc/${pid}/task/${tid}/syscall`;
    return { evidence: { source, observed: `reads the terminal's output in ${task.syscall.name}, and gets none` } };
  }
  return undefined;
}
