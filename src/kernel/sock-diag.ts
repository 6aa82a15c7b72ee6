/**
 * The messages of sock_diag(7) for unix sockets: a request built, a reply read. Bytes only; netlink.ts exchanges them.
 * Netlink is in host byte order, which is little-endian on every machine xctl runs on.
 */

export interface UnixDiag {
  inode: number;
  /** The other end's inode; 0 where there is none, or its process has closed it. */
  peer: number;
  type: number;
  listening: boolean;
  /** Bytes that wait to be read here; for a listening socket, connections that wait to be accepted. */
  rqueue: number;
  /** Bytes sent and not yet read by the peer; for a listening socket, how many connections may wait. */
  wqueue: number;
  /** `@name` for an abstract one. */
  path?: string;
  /** Of a listening socket: the sockets that wait to be accepted, 0 for one that is closed already. */
  pending?: number[];
}

export interface DiagReply {
  sockets: UnixDiag[];
  /** The last part of the dump. */
  done: boolean;
  /** A positive errno: the kernel refuses. */
  errno?: number;
}

// linux/netlink.h, linux/sock_diag.h, linux/unix_diag.h
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const SOCK_DIAG_BY_FAMILY = 20;
const NLM_F_REQUEST_DUMP = 0x301;
const AF_UNIX = 1;
const TCP_LISTEN = 10;
const SHOW_NAME = 1;
const SHOW_PEER = 4;
const SHOW_ICONS = 8;
const SHOW_RQLEN = 0x10;
const ATTRIBUTE_NAME = 0;
const ATTRIBUTE_PEER = 2;
const ATTRIBUTE_ICONS = 3;
const ATTRIBUTE_RQLEN = 4;
const HEADER_BYTES = 16;
const UNIX_MESSAGE_BYTES = 16;
const UNIX_REQUEST_BYTES = 24;

/** Asks for every unix socket of our network namespace, in whatever state. */
export function buildUnixRequest(): Buffer {
  const request = Buffer.alloc(HEADER_BYTES + UNIX_REQUEST_BYTES);
  request.writeUInt32LE(request.length, 0);
  request.writeUInt16LE(SOCK_DIAG_BY_FAMILY, 4);
  request.writeUInt16LE(NLM_F_REQUEST_DUMP, 6);
  request.writeUInt32LE(1, 8);
  request.writeUInt8(AF_UNIX, HEADER_BYTES);
  request.writeUInt32LE(0xffffffff, HEADER_BYTES + 4);
  request.writeUInt32LE(SHOW_NAME | SHOW_PEER | SHOW_ICONS | SHOW_RQLEN, HEADER_BYTES + 12);
  return request;
}

/** One datagram holds several messages. What is cut short or unknown is left out. */
export function parseUnixReply(datagram: Buffer): DiagReply {
  const reply: DiagReply = { sockets: [], done: false };
  for (const { type, body } of records(datagram, HEADER_BYTES, (at) => datagram.readUInt32LE(at), 4)) {
    if (type === NLMSG_DONE) reply.done = true;
    else if (type === NLMSG_ERROR && body.length >= 4) reply.errno = -body.readInt32LE(0);
    else if (type === SOCK_DIAG_BY_FAMILY && body.length >= UNIX_MESSAGE_BYTES) reply.sockets.push(parseUnixDiag(body));
  }
  return reply;
}

function parseUnixDiag(body: Buffer): UnixDiag {
  const socket: UnixDiag = {
    inode: body.readUInt32LE(4),
    peer: 0,
    type: body.readUInt8(1),
    listening: body.readUInt8(2) === TCP_LISTEN,
    rqueue: 0,
    wqueue: 0,
  };
  const attributes = body.subarray(UNIX_MESSAGE_BYTES);
  for (const { type, body: value } of records(attributes, 4, (at) => attributes.readUInt16LE(at), 2)) {
    if (type === ATTRIBUTE_PEER && value.length >= 4) socket.peer = value.readUInt32LE(0);
    if (type === ATTRIBUTE_ICONS) {
      socket.pending = Array.from({ length: Math.floor(value.length / 4) }, (_, at) => value.readUInt32LE(4 * at));
    }
    if (type === ATTRIBUTE_NAME && value.length > 0) socket.path = socketName(value);
    if (type === ATTRIBUTE_RQLEN && value.length >= 8) {
      socket.rqueue = value.readUInt32LE(0);
      socket.wqueue = value.readUInt32LE(4);
    }
  }
  return socket;
}

/** Netlink messages and their attributes are shaped alike: a length that counts the header, a type, padding to 4. */
export function* records(
  bytes: Buffer,
  headerBytes: number,
  lengthAt: (at: number) => number,
  typeOffset: number,
): Generator<{ type: number; body: Buffer }> {
  for (let at = 0; at + headerBytes <= bytes.length;) {
    const length = lengthAt(at);
    if (length < headerBytes || at + length > bytes.length) return;
    yield { type: bytes.readUInt16LE(at + typeOffset), body: bytes.subarray(at + headerBytes, at + length) };
    at += (length + 3) & ~3;
  }
}

/** unix(7): an abstract name starts with a zero byte; a path may end with one. */
function socketName(bytes: Buffer): string {
  const name = bytes[0] === 0 ? `@${bytes.toString("utf8", 1)}` : bytes.toString("utf8");
  return name.replace(/\0+$/, "");
}
