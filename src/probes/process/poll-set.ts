/** The files that a blocked poll(2), select(2) or epoll_wait(2) watches, and for what. */
import { endianness } from "node:os";
import type { Fdinfo } from "../../kernel/fds.ts";
import type { OwnMemoryReader } from "./file-use.ts";

export interface Watched {
  fd: number;
  reads: boolean;
  writes: boolean;
  /** Told only of changes: that it is watched for writing doesn't mean that it cannot write now. */
  edge: boolean;
  /** Of an epoll set: the file's inode; the number may be another file's by now. */
  ino?: number;
}

export interface WatchSet {
  watched: Watched[];
  /** False where there are more. */
  complete: boolean;
}

export const POLL_CALLS: ReadonlySet<string> = new Set(["poll", "ppoll"]);
export const SELECT_CALLS: ReadonlySet<string> = new Set(["select", "pselect6"]);
export const EPOLL_CALLS: ReadonlySet<string> = new Set(["epoll_wait", "epoll_pwait", "epoll_pwait2"]);

const MAX_POLLED = 64;
const MAX_EPOLLED = 512;
const POLLFD_BYTES = 8;
/** POLLOUT | POLLWRNORM; those of epoll are the same. */
const WRITES = 0x104;
/** POLLIN | POLLPRI | POLLRDNORM | POLLRDHUP. */
const READS = 0x2043;
const EPOLL_EDGE = 0x80000000;
/** FD_SETSIZE; a program may use larger sets. */
const MAX_SELECT_FDS = 1024;
const LONG_BYTES = 8;

/** Undefined where it cannot be read. */
export async function readPollSet(args: readonly bigint[], memory: OwnMemoryReader): Promise<WatchSet | undefined> {
  const [address = 0n, countRegister = 0n] = args;
  const count = Number(countRegister);
  const read = Math.min(count, MAX_POLLED);
  const bytes = read === 0 ? Buffer.alloc(0) : await memory(address, read * POLLFD_BYTES);
  if (bytes === undefined || bytes.length < read * POLLFD_BYTES) return undefined;
  return { watched: parsePollFds(bytes), complete: read === count };
}

/** struct pollfd { int fd; short events; short revents; }; a negative fd is one that poll leaves out. */
export function parsePollFds(bytes: Buffer): Watched[] {
  const watched: Watched[] = [];
  for (let at = 0; at + POLLFD_BYTES <= bytes.length; at += POLLFD_BYTES) {
    const fd = isLittle ? bytes.readInt32LE(at) : bytes.readInt32BE(at);
    const events = isLittle ? bytes.readUInt16LE(at + 4) : bytes.readUInt16BE(at + 4);
    if (fd >= 0) watched.push({ fd, reads: (events & READS) !== 0, writes: (events & WRITES) !== 0, edge: false });
  }
  return watched;
}

/** Undefined where it cannot be read. */
export async function readSelectSet(args: readonly bigint[], memory: OwnMemoryReader): Promise<WatchSet | undefined> {
  const [countRegister = 0n, ...sets] = args;
  const count = Number(BigInt.asIntN(32, countRegister));
  if (count <= 0) return { watched: [], complete: true };
  const read = Math.min(count, MAX_SELECT_FDS);
  const length = Math.ceil(read / (LONG_BYTES * 8)) * LONG_BYTES;
  const fds: number[][] = [];
  for (const address of sets.slice(0, 3)) {
    const bytes = address === 0n ? Buffer.alloc(0) : await memory(address, length);
    if (bytes === undefined) return undefined;
    fds.push(parseFdSet(bytes, read));
  }
  const [reads = [], writes = [], exceptional = []] = fds;
  const reading = new Set([...reads, ...exceptional]);
  const writing = new Set(writes);
  const watched = Array.from(new Set([...reading, ...writing]), (fd) => ({
    fd,
    reads: reading.has(fd),
    writes: writing.has(fd),
    edge: false,
  }));
  return { watched, complete: read === count };
}

/** The numbers of the bits set, below `count`. An fd_set is an array of longs; bit n is bit n % 64 of long n / 64. */
export function parseFdSet(bytes: Buffer, count: number): number[] {
  const fds: number[] = [];
  for (let fd = 0; fd < Math.min(count, bytes.length * 8); fd++) {
    const byte = Math.floor(fd / 8);
    const at = isLittle ? byte : byte - (byte % LONG_BYTES) + (LONG_BYTES - 1 - (byte % LONG_BYTES));
    if (((bytes[at] as number) >> (fd % 8)) & 1) fds.push(fd);
  }
  return fds;
}

/** What fdinfo says of an epoll set. A row that has fired once and is not armed again (EPOLLONESHOT) is left out. */
export function epollSet({ tfds }: Pick<Fdinfo, "tfds">): WatchSet {
  const armed = tfds.map(({ fd, events, ino }) => ({
    fd,
    reads: (events & READS) !== 0,
    writes: (events & WRITES) !== 0,
    edge: (events & EPOLL_EDGE) !== 0,
    ...(ino === undefined ? {} : { ino }),
  }));
  const watched = armed.filter(({ reads, writes }) => reads || writes);
  return { watched: watched.slice(0, MAX_EPOLLED), complete: watched.length <= MAX_EPOLLED };
}

const isLittle = endianness() === "LE";
