/**
 * A question to the kernel over netlink(7), through libc by koffi: Node has no netlink sockets. It never blocks.
 * It must not know what is asked.
 */

interface Libc {
  socket(family: number, type: number, protocol: number): number;
  send(fd: number, bytes: Buffer, length: number, flags: number): number;
  recv(fd: number, bytes: Buffer, length: number, flags: number): number;
  close(fd: number): number;
  errno(): number;
}

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const MSG_DONTWAIT = 0x40;
const EAGAIN = 11;
/** The kernel makes a dump's parts as large as the reader's buffer, up to 32 KiB. */
const PART_BYTES = 32 * 1024;

let libc: Promise<Libc> | undefined;

/** Sends the request and yields each datagram of the reply, until the caller has enough. Throws an Error with the reason. */
export async function* exchange(protocol: number, request: Buffer, deadlineMs: number): AsyncGenerator<Buffer> {
  const c = await (libc ??= loadLibc());
  const deadline = performance.now() + deadlineMs;
  const fd = c.socket(AF_NETLINK, SOCK_RAW_CLOEXEC, protocol);
  if (fd < 0) throw new Error(`no netlink socket: errno ${c.errno()}`);
  try {
    if (c.send(fd, request, request.length, MSG_DONTWAIT) < 0) throw new Error(`netlink request: errno ${c.errno()}`);
    const part = Buffer.alloc(PART_BYTES);
    while (performance.now() < deadline) {
      const length = c.recv(fd, part, part.length, MSG_DONTWAIT);
      const errno = length < 0 ? c.errno() : 0;
      if (length < 0 && errno !== EAGAIN) throw new Error(`netlink reply: errno ${errno}`);
      if (length > 0) yield part.subarray(0, length);
      await new Promise(setImmediate);
    }
    throw new Error(`netlink did not answer within ${deadlineMs} ms`);
  } finally {
    c.close(fd);
  }
}

async function loadLibc(): Promise<Libc> {
  const { default: koffi } = await import("koffi");
  // Null is the running program: Node has libc's symbols loaded, whichever libc it is.
  const program = koffi.load(null);
  return {
    socket: program.func("int socket(int, int, int)"),
    send: program.func("intptr_t send(int, void *, size_t, int)"),
    recv: program.func("intptr_t recv(int, void *, size_t, int)"),
    close: program.func("int close(int)"),
    errno: () => koffi.errno(),
  };
}
