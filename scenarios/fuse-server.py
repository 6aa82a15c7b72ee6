"""A FUSE server that speaks the kernel's protocol itself (include/uapi/linux/fuse.h), so that no library is needed.

  fuse-server.py MOUNT_POINT SIZE BEHAVIOUR [ARGUMENT] [-- PROGRAM ARGUMENT...]

Serves one file of SIZE zero bytes, MOUNT_POINT/file, that keeps what is written to it. BEHAVIOUR is what it does with
a read or write: answer; never (it sleeps instead); slow (it sleeps ARGUMENT seconds first); lock (it takes a flock on
the file ARGUMENT first); pages (it answers, except for what lies beyond the first ARGUMENT bytes).
Prints "ready" once it is mounted. It needs root, and the right to mount.
"""
import ctypes, errno, fcntl, os, stat, struct, sys, time

LOOKUP, FORGET, GETATTR, SETATTR, OPEN, READ, WRITE, INIT, BATCH_FORGET = 1, 2, 3, 4, 14, 15, 16, 26, 42
INTERRUPT, RELEASE, FLUSH, FSYNC, DESTROY = 36, 18, 25, 20, 38
IN_HEADER = struct.Struct("<IIQQIIII")
ROOT, FILE = 1, 2
MAX_WRITE = 1 << 17

mount_point, size, behaviour = sys.argv[1], int(sys.argv[2]), sys.argv[3]
argument = sys.argv[4] if len(sys.argv) > 4 else ""
content = bytearray(size)
libc = ctypes.CDLL(None, use_errno=True)
device = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"
if libc.mount(b"scenario", mount_point.encode(), b"fuse.scenario", 0, options.encode()) != 0:
    sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
print("ready", flush=True)


def attributes(node):
    mode = stat.S_IFDIR | 0o755 if node == ROOT else stat.S_IFREG | 0o666
    length = 0 if node == ROOT else size
    return struct.pack("<QQQQQQIIIIIIIIII", node, length, length // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)


def before(offset, length):
    if behaviour == "never" or (behaviour == "pages" and offset + length > int(argument)):
        time.sleep(1000000)
    if behaviour == "slow":
        time.sleep(float(argument))
    if behaviour == "lock":
        with open(argument) as file:
            fcntl.flock(file, fcntl.LOCK_EX)


def answer(opcode, node, body):
    """The reply's body, or an error number."""
    if opcode == INIT:
        return struct.pack("<IIIIHHIIHHI", 7, 31, 65536, 0, 16, 12, MAX_WRITE, 1, MAX_WRITE // 4096, 0, 0) + bytes(24)
    if opcode == LOOKUP:
        if body.rstrip(b"\0") != b"file":
            return errno.ENOENT
        return struct.pack("<QQQQII", FILE, 0, 3600, 3600, 0, 0) + attributes(FILE)
    if opcode in (GETATTR, SETATTR):
        return struct.pack("<QII", 3600, 0, 0) + attributes(node)
    if opcode == OPEN:
        return struct.pack("<QII", 0, 0, 0)
    if opcode in (READ, WRITE):
        _, offset, length = struct.unpack_from("<QQI", body)
        before(offset, length)
        if opcode == READ:
            return bytes(content[offset : offset + length])
        content[offset : offset + length] = body[40 : 40 + length]
        return struct.pack("<II", length, 0)
    if opcode in (FLUSH, FSYNC, RELEASE):
        return b""
    return errno.ENOSYS


while True:
    try:
        request = os.read(device, MAX_WRITE + 4096)
    except OSError as error:
        if error.errno == errno.ENODEV:
            break
        continue
    _, opcode, unique, node = IN_HEADER.unpack_from(request)[:4]
    if opcode in (FORGET, BATCH_FORGET, INTERRUPT):
        continue
    reply = answer(opcode, node, request[IN_HEADER.size :])
    error, body = (-reply, b"") if isinstance(reply, int) else (0, reply)
    try:
        os.write(device, struct.pack("<IiQ", 16 + len(body), error, unique) + body)
    except OSError:
        pass
