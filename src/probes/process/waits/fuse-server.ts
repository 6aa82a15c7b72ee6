/** The process that serves a FUSE connection, and which of its threads is at it. fuse(4). */
import type { FdHolder } from "../../../kernel/fd-index.ts";
import { FUSE_DEVICE, readConnection } from "../../../kernel/fuse.ts";
import { isFuse } from "../../../kernel/mounts.ts";
import { readStat, readText, readTids, taskFile } from "../../../kernel/procfs.ts";
import { held, type HeldFact, type NoHolder } from "../fact.ts";
import type { View } from "../view.ts";
import { MAX_HOLDERS } from "./resolver.ts";

export interface Servers {
  facts: HeldFact[];
  /** Why there are none. */
  holder?: NoHolder;
  blind: string[];
}

/** Who answers the connection's requests; `entity`: what they are told to have, the connection or what lies on it. */
export async function serversOf(connection: number, entity: string, view: View): Promise<Servers> {
  const wanted = ({ pid, fd }: FdHolder) => (readConnection(view.proc, pid, fd) ?? connection) === connection;
  const { holders, partial } = await view.holders(FUSE_DEVICE, { byPath: true, wanted });
  const facts = new Map<number, HeldFact>();
  const untold: { pid: number; fd: number }[] = [];
  for (const { pid, fd } of holders) {
    if (facts.has(pid) || facts.size >= MAX_HOLDERS) continue;
    const number = readConnection(view.proc, pid, fd);
    if (number === undefined) untold.push({ pid, fd });
    if (number !== connection) continue;
    const tid = workerOf(view.proc, pid);
    const evidence = { source: `/proc/${pid}/fdinfo/${fd}`, observed: `fuse_connection: ${connection}` };
    facts.set(pid, held(entity, pid, "server", tid === undefined ? evidence : { ...evidence, tid }));
  }
  // Whom the kernel names as its server is.
  if (facts.size > 0) return { facts: [...facts.values()], blind: [] };
  const blind = partial ? ["fds"] : [];
  const [only] = untold;
  if (only !== undefined) return { ...byExclusion(connection, entity, untold, view), blind };
  return { facts: [], holder: partial ? "hidden" : "gone", blind };
}

/** Before Linux 6.10 the device does not tell its connection: then the only server serves the only connection. */
function byExclusion(
  connection: number,
  entity: string,
  servers: readonly { pid: number; fd: number }[],
  view: View,
): Omit<Servers, "blind"> {
  const pids = new Set(servers.map(({ pid }) => pid));
  const devices = new Set<string>();
  for (const mounts of view.storage.mounts.with(`0:${connection}`)) {
    for (const mount of mounts) if (isFuse(mount)) devices.add(mount.device);
  }
  const [server] = servers;
  if (server === undefined || pids.size > 1 || devices.size > 1) return { facts: [], holder: "hidden" };
  const evidence = { source: `/proc/${server.pid}/fd/${server.fd}`, observed: `${FUSE_DEVICE}, the only server` };
  return { facts: [held(entity, server.pid, "server", { ...evidence, certainty: "derived" })] };
}

const RESTS = /fuse_dev_(do_)?read|futex|sigtimedwait|sigsuspend|do_wait$|poll|epoll|nanosleep/;

/** Of several threads the only one that neither waits for requests nor rests, if it is not the main one. */
function workerOf(proc: string, pid: number): number | undefined {
  const tids = readTids(proc, pid);
  if (tids.length < 2) return undefined;
  const busy = tids.filter((tid) => {
    const wchan = readText(taskFile(proc, pid, tid, "wchan"), 128)?.trim() ?? "";
    return readStat(proc, pid, tid)?.state !== "S" || !RESTS.test(wchan);
  });
  return busy.length === 1 && busy[0] !== pid ? busy[0] : undefined;
}
