/**
 * An open(2) of a FIFO that nobody has open the other way: it blocks until somebody does. That it blocks is the proof
 * that nobody has; the descriptor doesn't exist yet, so the file's name comes out of the call. fifo(7), fs/pipe.c.
 */
import { readFd, readWorkingFolder } from "../../../kernel/fds.ts";
import { int32, type BlockedTask } from "../blocked-task.ts";
import type { View } from "../view.ts";
import { ownEntity, waitFact, type WaitResolver } from "./resolver.ts";

/** Where the name stands among the arguments. */
const NAME_ARGUMENT: Readonly<Record<string, number>> = { open: 0, creat: 0, openat: 1, openat2: 1 };
const AT_FDCWD = -100;
const MAX_PATH_BYTES = 4096;
/** Memory is mapped by pages, of 4 KiB at least: what lies beyond the end of one may not be there. */
const PAGE_BYTES = 4096;

export const fifoOpenWait: WaitResolver = {
  kind: "fifo",
  matches: ({ syscall, wchan }) =>
    syscall !== undefined && syscall.name in NAME_ARGUMENT && wchan === "wait_for_partner",

  async resolve(task, view) {
    const path = await pathOpened(task, view);
    const entity = path === undefined ? ownEntity("fifo", task) : `fifo:${path}`;
    const observed = `${task.syscall?.name}(${path ?? "…"}) in ${task.wchan}`;
    const evidence = { source: `/proc/${task.pid}/task/${task.tid}/wchan`, observed };
    return [waitFact(task, "fifo.open", entity, { holder: "none", label: path, evidence })];
  },
};

async function pathOpened({ pid, syscall }: BlockedTask, view: View): Promise<string | undefined> {
  const { name, args } = syscall as NonNullable<BlockedTask["syscall"]>;
  const place = NAME_ARGUMENT[name] as number;
  const path = await textAt(args[place] ?? 0n, pid, view);
  if (path === undefined || path.startsWith("/")) return path;
  const folder = int32(args[0] ?? 0n);
  const base = place === 0 || folder === AT_FDCWD ? readWorkingFolder(view.proc, pid) : readFd(view.proc, pid, folder);
  return base === undefined ? path : `${base === "/" ? "" : base}/${path}`;
}

/** A text that ends with a zero byte, read page by page. */
async function textAt(address: bigint, pid: number, view: View): Promise<string | undefined> {
  let text = Buffer.alloc(0);
  while (text.length < MAX_PATH_BYTES) {
    const at = address + BigInt(text.length);
    const page = await view.memory(pid, at, PAGE_BYTES - Number(at % BigInt(PAGE_BYTES)));
    if (page === undefined) return undefined;
    const end = page.indexOf(0);
    if (end >= 0) return Buffer.concat([text, page.subarray(0, end)]).toString("utf8");
    text = Buffer.concat([text, page]);
  }
  return undefined;
}
