/**
 * System V semaphores and message queues: the kernel does not tell who is to release or send, only who did so last.
 * That one is a lead. semop(2), msgop(2).
 */
import { namespaceOf } from "../../../kernel/namespaces.ts";
import { readStat } from "../../../kernel/procfs.ts";
import { readMessageQueue, readSemaphore } from "../../../kernel/sysv-ipc.ts";
import { int32, type BlockedTask } from "../blocked-task.ts";
import { held, type Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";

const SEMOP = new Set(["semop", "semtimedop"]);
const CALLS = new Set([...SEMOP, "msgrcv", "msgsnd"]);
/** struct sembuf { unsigned short sem_num; short sem_op; short sem_flg; }. */
const SEMBUF_BYTES = 6;
const MAX_OPERATIONS = 32;

export const sysvWait: WaitResolver = {
  kind: "sysv",
  matches: ({ syscall }) => syscall !== undefined && CALLS.has(syscall.name),

  resolve(task, view) {
    const name = task.syscall?.name as string;
    return SEMOP.has(name) ? semaphoreWait(task, view) : queueWait(task, name, view);
  },
};

function queueWait(task: BlockedTask, name: string, view: View): Fact[] {
  const id = int32(task.syscall?.args[0] ?? -1n);
  const receives = name === "msgrcv";
  const kind = receives ? "sysv.recv" : "sysv.send";
  const entity = `msgq:${id}`;
  const known = isOurs(task, view) ? readMessageQueue(view.proc, id) : undefined;
  if (known === undefined) return [waitFact(task, kind, entity, { holder: "hidden", blind: ["peers"] })];
  const last = receives ? known.lastSender : known.lastReceiver;
  const observed = `${known.messages} messages; last ${receives ? "sender" : "receiver"}: ${last === 0 ? "none yet" : last}`;
  const evidence = { source: "/proc/sysvipc/msg", observed };
  const wait = waitFact(task, kind, entity, { evidence });
  if (!isOther(last, task, view)) return [wait];
  return [wait, held(entity, last, receives ? "writer" : "reader", { ...evidence, certainty: "inferred" })];
}

async function semaphoreWait(task: BlockedTask, view: View): Promise<Fact[]> {
  const [idRegister = -1n, address = 0n, countRegister = 0n] = task.syscall?.args ?? [];
  const id = int32(idRegister);
  const kind = "sysv.sem";
  const count = Math.min(Number(countRegister), MAX_OPERATIONS);
  const operations = count > 0 ? await view.memory(task.pid, address, count * SEMBUF_BYTES) : undefined;
  const wanted = operations === undefined || !isOurs(task, view) ? undefined : await blockedOn(id, operations);
  if (wanted === undefined) return [waitFact(task, kind, `sem:${id}`, { holder: "hidden", blind: ["peers"] })];
  const { number, value, lastPid } = wanted;
  const entity = `sem:${id}:${number}`;
  const observed = `semaphore ${number} of set ${id}: value ${value}, last changed by ${lastPid || "nobody"}`;
  const evidence = { source: "semctl(2)", observed };
  const wait = waitFact(task, kind, entity, { evidence });
  if (!isOther(lastPid, task, view)) return [wait];
  return [wait, held(entity, lastPid, "owner", { ...evidence, certainty: "inferred" })];
}

/** The first operation that cannot be done now: a decrement below zero, or a wait for zero. All are done or none. */
async function blockedOn(id: number, operations: Buffer) {
  for (const { number, change } of parseOperations(operations)) {
    const semaphore = await readSemaphore(id, number);
    if (semaphore === undefined) return undefined;
    const blocks = change === 0 ? semaphore.value !== 0 : change < 0 && semaphore.value + change < 0;
    if (blocks) return { number, ...semaphore };
  }
  return undefined;
}

export function parseOperations(bytes: Buffer): { number: number; change: number }[] {
  return Array.from({ length: Math.floor(bytes.length / SEMBUF_BYTES) }, (_, at) => ({
    number: bytes.readUInt16LE(at * SEMBUF_BYTES),
    change: bytes.readInt16LE(at * SEMBUF_BYTES + 2),
  }));
}

/** Ids are an IPC namespace's own, and we see the tables of ours alone. */
function isOurs({ pid }: BlockedTask, view: View): boolean {
  const namespace = namespaceOf(view.proc, pid, "ipc");
  return namespace !== undefined && namespace === namespaceOf(view.proc, process.pid, "ipc");
}

function isOther(pid: number, task: BlockedTask, view: View): boolean {
  const state = pid > 0 && pid !== task.pid ? readStat(view.proc, pid)?.state : undefined;
  return state !== undefined && !"ZX".includes(state);
}
