/**
 * Which open file a blocked system call is about, and what the thread wants to do with it. A poll or select on one
 * single file is a wait for that file, as if it were read or written: that is how Python, curl and many others wait.
 */
import { POLL_CALLS, readPollSet, SELECT_CALLS, readSelectSet, type Watched, type WatchSet } from "./poll-set.ts";

export interface FdUse {
  verb: "read" | "write" | "accept" | "connect";
  fd: number;
  /** Waits by poll or select. */
  polled: boolean;
}

export type MemoryReader = (pid: number, address: bigint, length: number) => Promise<Buffer | undefined>;
export type OwnMemoryReader = (address: bigint, length: number) => Promise<Buffer | undefined>;

interface Syscall {
  name: string;
  args: readonly bigint[];
}

const BY_FIRST_ARGUMENT: Readonly<Record<string, FdUse["verb"]>> = {
  read: "read",
  readv: "read",
  pread64: "read",
  preadv: "read",
  preadv2: "read",
  recvfrom: "read",
  recvmsg: "read",
  recvmmsg: "read",
  write: "write",
  writev: "write",
  pwrite64: "write",
  pwritev: "write",
  pwritev2: "write",
  sendto: "write",
  sendmsg: "write",
  sendmmsg: "write",
  vmsplice: "write",
  // sendfile(out, in): it is the output that blocks for long.
  sendfile: "write",
  accept: "accept",
  accept4: "accept",
  connect: "connect",
};

// Wait channels of a full pipe or socket, in all spellings seen: pipe_write, anon_pipe_write, wait_for_space, opipe_prep,
// sk_stream_wait_memory, sock_alloc_send_pskb, unix_wait_for_peer.
const WRITES = /write|wait_for_space|opipe|wait_memory|alloc_send|wait_for_peer/;

export async function fileUseOf(call: Syscall, wchan: string, memory: OwnMemoryReader): Promise<FdUse | undefined> {
  const [first, , third] = call.args;
  if (first === undefined || third === undefined) return undefined;
  const verb = BY_FIRST_ARGUMENT[call.name];
  if (verb !== undefined) return { verb, fd: fdOf(first), polled: false };
  // splice(in, …, out, …), tee(in, out, …): only the wait channel tells which side it waits for.
  if (call.name === "splice" || call.name === "tee") {
    const out = call.name === "tee" ? (call.args[1] as bigint) : third;
    return WRITES.test(wchan)
      ? { verb: "write", fd: fdOf(out), polled: false }
      : { verb: "read", fd: fdOf(first), polled: false };
  }
  return single(await watchedBy(call, memory));
}

/** The set of a poll or select; undefined where the call is no such one, or its set cannot be read. */
export async function watchedBy(call: Syscall, memory: OwnMemoryReader): Promise<WatchSet | undefined> {
  if (POLL_CALLS.has(call.name)) return readPollSet(call.args, memory);
  if (SELECT_CALLS.has(call.name)) return readSelectSet(call.args, memory);
  return undefined;
}

/** To wait for a watched file is to wait to read it, or, where it is watched for that alone, to write it. */
export function useOf({ fd, reads, writes }: Watched): FdUse {
  return { verb: writes && !reads ? "write" : "read", fd, polled: true };
}

function single(set: WatchSet | undefined): FdUse | undefined {
  const [only] = set?.watched ?? [];
  return only !== undefined && set?.watched.length === 1 && set.complete ? useOf(only) : undefined;
}

function fdOf(register: bigint): number {
  return Number(BigInt.asIntN(32, register));
}
