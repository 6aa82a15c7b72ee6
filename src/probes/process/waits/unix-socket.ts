/** A unix socket: the process that has its other end open, or that should accept the connection. unix(7). */
import { readWorkingFolder } from "../../../kernel/fds.ts";
import { unixId } from "../../../model/entity.ts";
import type { UnixPeer } from "../../../kernel/sockets.ts";
import type { BlockedTask } from "../blocked-task.ts";
import type { Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";
import { inodeOfSocket, socketHolders } from "./socket-holders.ts";

type Sockets = ReadonlyMap<number, UnixPeer>;

const SOCK_DGRAM = 2;
/** sockaddr_un: the family, and up to 108 bytes of path. */
const ADDRESS_BYTES = 110;
const FAMILY_BYTES = 2;

export const unixSocketWait: WaitResolver = {
  kind: "unix",
  matches: ({ file }) => inodeOfSocket(file?.target) !== undefined,

  async resolve(task, view) {
    const file = task.file as NonNullable<BlockedTask["file"]>;
    const inode = inodeOfSocket(file.target) as number;
    const sockets = await view.unix(inode, task.pid);
    if (typeof sockets === "string") return withoutPeers(task, inode);
    const own = sockets.get(inode);
    if (own === undefined) return [];
    if (own.listening) return [waitFact(task, "unix.accept", listenId(own, inode), { serves: true })];
    if (file.verb === "connect") return connecting(task, inode, sockets, view);
    return transferring(task, inode, own, sockets, view);
  },
};

async function transferring(
  task: BlockedTask,
  inode: number,
  own: UnixPeer,
  sockets: Sockets,
  view: View,
): Promise<Fact[]> {
  const kind = task.file?.verb === "write" ? "unix.send" : "unix.recv";
  // An accepted socket bears the path it was accepted at.
  const serves = own.path !== undefined && kind === "unix.recv";
  if (own.peer !== 0) {
    const entity = unixId(inode, own.peer);
    const end = { name: String(own.peer), across: inode };
    const found = await socketHolders(view, { inode: own.peer, entity, role: "peer", what: "is its other end", end });
    // Only the serving end of a connection bears the path.
    const label = own.path ?? sockets.get(own.peer)?.path;
    return [waitFact(task, kind, entity, { ...found, serves, end: String(inode), label }), ...found.facts];
  }
  const entity = `unix:${inode}`;
  if (own.type !== SOCK_DGRAM) return unaccepted(task, { kind, entity, inode }, sockets, view);
  if (kind === "unix.send") return sendingTo(task, entity, sockets, view);
  // Anybody who knows its address may send to a datagram socket: it waits as a server does.
  return [waitFact(task, kind, entity, { serves, label: own.path, ...(serves ? { cause: "process.idle" } : {}) })];
}

const isReceiver = ({ type, rqueue }: UnixPeer): boolean => type === SOCK_DGRAM && rqueue > 0;
const isListening = ({ listening }: UnixPeer): boolean => listening;

/** A datagram socket that is not connected names the receiver in the call. The receiver's queue is full. */
async function sendingTo(task: BlockedTask, entity: string, sockets: Sockets, view: View): Promise<Fact[]> {
  const path = await receiverNamed(task, view);
  const receiver = path === undefined ? undefined : await boundTo(path, isReceiver, task, sockets, view);
  if (receiver === undefined) {
    return [waitFact(task, "unix.send", entity, { holder: "hidden", blind: ["peers"], label: path })];
  }
  const [inode, { rqueue }] = receiver;
  const what = `bound to ${path}, ${rqueue} bytes unread`;
  const found = await socketHolders(view, { inode, entity, role: "peer", what });
  return [waitFact(task, "unix.send", entity, { ...found, label: path }), ...found.facts];
}

/**
 * The socket with this name. A name that is no whole path means what the folder of its user makes of it, and so does
 * that of who bound it: it is theirs only where they are in the same one.
 */
async function boundTo(
  path: string,
  isMeant: (socket: UnixPeer) => boolean,
  task: BlockedTask,
  sockets: Sockets,
  view: View,
): Promise<[number, UnixPeer] | undefined> {
  const named = [...sockets].filter(([, socket]) => socket.path === path && isMeant(socket));
  if (named.length <= 1 && /^[/@]/.test(path)) return named[0];
  const folder = readWorkingFolder(view.proc, task.pid);
  const near: [number, UnixPeer][] = [];
  for (const socket of named) {
    const { holders } = await view.holders(`socket:[${socket[0]}]`);
    if (folder !== undefined && holders.some(({ pid }) => readWorkingFolder(view.proc, pid) === folder))
      near.push(socket);
  }
  return near.length === 1 ? near[0] : undefined;
}

/** sendto(fd, data, length, flags, address, length); sendmsg(fd, message, flags), which begins with the address. */
async function receiverNamed({ pid, syscall }: BlockedTask, view: View): Promise<string | undefined> {
  const args = syscall?.args ?? [];
  if (syscall?.name === "sendto") return pathAt(view, pid, args[4] ?? 0n, Number(args[5] ?? 0n));
  if (syscall?.name !== "sendmsg" && syscall?.name !== "sendmmsg") return undefined;
  const message = await view.memory(pid, args[1] ?? 0n, 12);
  return message === undefined ? undefined : pathAt(view, pid, message.readBigUInt64LE(0), message.readUInt32LE(8));
}

async function pathAt(view: View, pid: number, address: bigint, length: number): Promise<string | undefined> {
  const bytes = address === 0n ? undefined : await view.memory(pid, address, Math.min(length, ADDRESS_BYTES));
  return bytes === undefined ? undefined : pathOf(bytes);
}

/**
 * The other end of a connection that nobody has accepted has no inode yet; but the listening socket tells who waits
 * for it. Before Linux 3.10 it did not: then the only one with connections waiting is the one.
 */
async function unaccepted(
  task: BlockedTask,
  { kind, entity, inode }: { kind: string; entity: string; inode: number },
  sockets: Sockets,
  view: View,
): Promise<Fact[]> {
  const crowded = [...sockets].filter(([, socket]) => socket.listening && socket.rqueue > 0);
  const exact = crowded.find(([, socket]) => socket.pending?.includes(inode));
  const [only] = crowded;
  const found = exact ?? (crowded.length === 1 && only?.[1].pending === undefined ? only : undefined);
  if (found === undefined) return [waitFact(task, kind, entity, { holder: "hidden", blind: ["peers"] })];
  const [listening, listener] = found;
  const what = `listening on ${listener.path ?? listening}, ${listener.rqueue} not accepted`;
  const certainty = exact === undefined ? "derived" : "observed";
  const holders = await socketHolders(view, { inode: listening, entity, role: "server", what, certainty });
  return [waitFact(task, kind, entity, { ...holders, label: listener.path }), ...holders.facts];
}

/** connect blocks while as many connections as the server allows wait to be accepted. */
async function connecting(task: BlockedTask, inode: number, sockets: Sockets, view: View): Promise<Fact[]> {
  const [, address = 0n, length = 0n] = task.syscall?.args ?? [];
  const path = await pathAt(view, task.pid, address, Number(length));
  const listening = path === undefined ? undefined : await boundTo(path, isListening, task, sockets, view);
  if (listening === undefined) {
    return [waitFact(task, "unix.connect", `unix:${inode}`, { holder: "hidden", blind: ["peers"], label: path })];
  }
  const [listener, socket] = listening;
  const entity = listenId(socket, listener);
  const found = await socketHolders(view, { inode: listener, entity, role: "server", what: `listening on ${path}` });
  return [waitFact(task, "unix.connect", entity, found), ...found.facts];
}

/** sock_diag may be refused (seccomp) or absent: then only the wait channel says that it is a unix socket. */
function withoutPeers(task: BlockedTask, inode: number): Fact[] {
  if (!task.wchan.startsWith("unix_")) return [];
  const kind = task.file?.verb === "write" ? "unix.send" : "unix.recv";
  return [waitFact(task, kind, `unix:${inode}`, { certainty: "derived", holder: "hidden", blind: ["peers"] })];
}

function listenId(socket: UnixPeer, inode: number): string {
  return `listen:${socket.path ?? `unix:${inode}`}`;
}

function pathOf(bytes: Buffer): string | undefined {
  const name = bytes.subarray(FAMILY_BYTES);
  if (name.length === 0) return undefined;
  if (name[0] === 0) return `@${name.toString("utf8", 1).replace(/\0+$/, "")}`;
  return name.toString("utf8").split("\0", 1)[0];
}
