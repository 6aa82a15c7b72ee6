/** System V message queues and semaphores of our own IPC namespace: who used them last. sysvipc(7), proc_sysvipc(5). */
import { readText } from "./procfs.ts";

export interface MessageQueue {
  id: number;
  messages: number;
  bytes: number;
  /** 0: nobody yet; they may be dead. */
  lastSender: number;
  lastReceiver: number;
}

export interface Semaphore {
  value: number;
  /** Who changed it last; 0: nobody yet. It may be dead. */
  lastPid: number;
}

/** Undefined where it is gone, or the kernel has none. */
export function readMessageQueue(proc: string, id: number): MessageQueue | undefined {
  return parseMessageQueues(readText(`${proc}/sysvipc/msg`) ?? "").find((queue) => queue.id === id);
}

/** Rows of /proc/sysvipc/msg: key, msqid, perms, cbytes, qnum, lspid, lrpid, … */
export function parseMessageQueues(text: string): MessageQueue[] {
  return text.split("\n").flatMap((line) => {
    const [, id, , bytes, messages, lastSender, lastReceiver] = line.trim().split(/\s+/).map(Number);
    if (lastReceiver === undefined || ![id, bytes, messages, lastSender, lastReceiver].every(Number.isSafeInteger)) {
      return [];
    }
    return { id, bytes, messages, lastSender, lastReceiver } as MessageQueue;
  });
}

const GETPID = 11;
const GETVAL = 12;

/** It never blocks. Undefined where the set is gone, has no such semaphore, or we may not read it. semctl(2). */
export async function readSemaphore(id: number, number: number): Promise<Semaphore | undefined> {
  const { default: koffi } = await import("koffi");
  semctl ??= koffi.load(null).func("int semctl(int, int, int)") as Semctl;
  const value = semctl(id, number, GETVAL);
  const lastPid = semctl(id, number, GETPID);
  return value < 0 || lastPid < 0 ? undefined : { value, lastPid };
}

type Semctl = (id: number, number: number, command: number) => number;
let semctl: Semctl | undefined;
