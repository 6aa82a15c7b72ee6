/** Waits for a FUSE file system: the culprit is whoever serves it, or whatever that one waits for itself. */
import { readText } from "../src/kernel/procfs.ts";
import { FuseMount, mountServedImage, needing } from "./mounts.ts";
import type { Scenario, Truth } from "./scenario.ts";
import { asleep, childOf, until, waitsIn, type Stage } from "./stage.ts";

const REQUEST = /request_wait_answer|fuse_/;
const READ = `
import os, sys
f = os.open(sys.argv[1], os.O_RDONLY)
print("ready")
os.read(f, 1)
`;
/** Two processes write to one file; the second one begins when the first one hangs. Prints the second one's pid. */
const TWO_WRITERS = `
import os, sys, time
shared = sys.argv[2] == "shared"
f = os.open(sys.argv[1], os.O_RDWR)
second = os.fork()
if second == 0:
    if not shared: f = os.open(sys.argv[1], os.O_RDWR)
    while "request_wait" not in open(f"/proc/{os.getppid()}/wchan").read(): time.sleep(0.02)
    os.write(f, b"x")
time.sleep(0.3)
print(second)
os.write(f, b"x")
`;
/**
 * A dirty page of a mapped file, which is then unmapped by another mapping at its place: the memory map stays locked
 * until the server has taken the page. argv[2]: the server, stopped before.
 */
const UNMAP_DIRTY = `
import ctypes, os, signal, sys
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
READ_WRITE, SHARED, PRIVATE, FIXED, ANONYMOUS = 3, 1, 2, 0x10, 0x20
f = os.open(sys.argv[1], os.O_RDWR)
page = libc.mmap(None, 4096, READ_WRITE, SHARED, f, 0)
os.close(f)
ctypes.memmove(page, b"x", 1)
os.kill(int(sys.argv[2]), signal.SIGSTOP)
print("ready")
libc.mmap(page, 4096, READ_WRITE, PRIVATE | FIXED | ANONYMOUS, -1, 0)
`;
/** Two processes touch the same page of a mapped file; the second one finds it locked by the first. Prints its pid. */
const TOUCH_PAGE = `
import mmap, os, sys, time
page = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 4096)
second = os.fork()
if second == 0: time.sleep(0.5)
else: print(second)
print(page[0])
`;

const blockedBy = (ask: number, culprit: number): Truth => ({
  ask,
  verdict: "blocked",
  kind: "process.stopped",
  culprit,
  alarming: true,
});

async function lockedMap(stage: Stage): Promise<{ owner: number; server: number }> {
  const fuse = await FuseMount.create(stage, ["answer"]);
  const { pid } = await fuse.python(UNMAP_DIRTY, String(fuse.server));
  await asleep(pid, "D");
  return { owner: pid, server: fuse.server };
}

const files: readonly Scenario[] = [
  {
    name: "reader of a FUSE file whose server is stopped",
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["answer"]);
      stage.stop(fuse.server);
      const { pid } = await fuse.start("sh", "-c", 'echo ready; exec cat "$0"', fuse.file);
      await waitsIn(pid, REQUEST);
      return blockedBy(pid, fuse.server);
    },
  },
  {
    name: "killed reader of a FUSE file whose server is stopped",
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["never"]);
      const { pid } = await fuse.python(READ);
      await waitsIn(pid, REQUEST);
      stage.stop(fuse.server);
      process.kill(pid, "SIGKILL");
      await asleep(pid, "D");
      return blockedBy(pid, fuse.server);
    },
  },
  {
    name: "reader of a FUSE file whose server sleeps instead",
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["never"]);
      const { pid } = await fuse.python(READ);
      await waitsIn(pid, REQUEST);
      return { ask: pid, verdict: "blocked", kind: "process.sleeping", culprit: fuse.server, alarming: false };
    },
  },
  {
    name: "shell waiting for a reader of a FUSE file whose server waits for a lock of a stopped process",
    async setUp(stage) {
      const owner = await stage.python(`
import fcntl, os, signal
f = open("lock", "w")
fcntl.flock(f, fcntl.LOCK_EX)
print("ready")
os.kill(os.getpid(), signal.SIGSTOP)
`);
      const fuse = await FuseMount.create(stage, ["lock", `${stage.folder}/lock`]);
      const shell = await fuse.start("bash", "-c", 'echo ready; head -c 1 "$0"; true', fuse.file);
      const reader = await childOf(shell.pid, "head");
      await waitsIn(reader, REQUEST);
      await waitsIn(fuse.server, /lock/);
      return blockedBy(shell.pid, owner.pid);
    },
  },
  ...["own", "shared"].map((position): Scenario => ({
    name: `second writer to a FUSE file whose server is stopped, ${position} position`,
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["never"]);
      const { lines } = await fuse.python(TWO_WRITERS, position);
      const second = Number(lines[0]);
      await asleep(second, "D");
      stage.stop(fuse.server);
      return blockedBy(second, fuse.server);
    },
  })),
  {
    name: "maker of a folder where another makes one on a FUSE file system whose server is stopped",
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["answer"]);
      const makeFolder = (name: string) => `exec mkdir ${fuse.mountPoint}/${name}`;
      // What the kernel asks of a folder only once is asked here.
      fuse.run("sh", "-c", "mkdir $0/none 2>/dev/null; true", fuse.mountPoint);
      stage.stop(fuse.server);
      const first = await fuse.start("sh", "-c", `echo ready; ${makeFolder("first")}`);
      await waitsIn(first.pid, REQUEST);
      const second = await fuse.start("sh", "-c", `echo ready; ${makeFolder("second")}`);
      await asleep(second.pid, "D");
      return blockedBy(second.pid, fuse.server);
    },
  },
  {
    name: "page of a mapped FUSE file that another has asked a stopped server for",
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["never"]);
      const { lines } = await fuse.python(TOUCH_PAGE);
      const second = Number(lines[0]);
      await asleep(second, "D");
      stage.stop(fuse.server);
      return blockedBy(second, fuse.server);
    },
  },
  {
    name: "a daemon that cannot hang: memory map locked by a stopped FUSE server",
    async setUp(stage) {
      const { owner, server } = await lockedMap(stage);
      return blockedBy(owner, server);
    },
  },
  {
    name: "reader of the command line of a process whose memory map a stopped FUSE server holds locked",
    async setUp(stage) {
      const { owner, server } = await lockedMap(stage);
      const { pid } = await stage.shell(`exec cat /proc/${owner}/cmdline`);
      await waitsIn(pid, /access_remote_vm|cmdline|down_read/);
      return blockedBy(pid, server);
    },
  },
  {
    name: "FUSE server at rest",
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["answer"]);
      await waitsIn(fuse.server, /fuse_dev/);
      return { ask: fuse.server, verdict: "idle", kind: "process.idle", culprit: fuse.server, alarming: false };
    },
  },
  {
    name: "reader of a FUSE file whose server takes its time and answers",
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["slow", "0.2"]);
      const { pid } = await fuse.python(`
import os, sys
print("ready")
while True: os.pread(os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT), 4096, 0)
`);
      return { ask: pid, verdict: ["blocked", "running", "idle"], kind: [], alarming: false };
    },
  },
];

const disks: readonly Scenario[] = [
  {
    name: "reader of a disk that is a file of a stopped FUSE server",
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["answer"], 32 << 20);
      const disk = mountServedImage(stage, fuse);
      fuse.run("sh", "-c", `head -c 4000000 /dev/urandom >${disk}/old; sync --file-system ${disk}`);
      keepServing(stage, fuse, disk);
      stage.stop(fuse.server);
      const { pid } = await fuse.start(
        "sh",
        "-c",
        `echo ready; exec dd if=${disk}/old iflag=direct of=/dev/null bs=4096`,
      );
      await asleep(pid, "D");
      return blockedBy(pid, fuse.server);
    },
  },
  {
    name: "fsync behind the journal of a disk that is a file of a stopped FUSE server",
    async setUp(stage) {
      const fuse = await FuseMount.create(stage, ["answer"], 32 << 20);
      const disk = mountServedImage(stage, fuse);
      keepServing(stage, fuse, disk);
      const { pid } = await fuse.python(
        `
import os, signal, sys
os.mkdir(sys.argv[2] + "/folder")
folder = os.open(sys.argv[2], os.O_RDONLY)
print("ready")
os.kill(os.getpid(), signal.SIGSTOP)
os.fsync(folder)
`,
        disk,
      );
      await asleep(pid, "T");
      stage.stop(fuse.server);
      process.kill(pid, "SIGCONT");
      await until(`${pid} to wait for the journal`, () => /jbd2/.test(readText(`/proc/${pid}/stack`) ?? ""));
      return blockedBy(pid, fuse.server);
    },
  },
];

/** Unmounted while it is served: a disk that vanishes leaves errors in the kernel log. */
function keepServing(stage: Stage, fuse: FuseMount, disk: string): void {
  stage.defer(() => fuse.run("umount", "--lazy", disk));
  stage.defer(() => process.kill(fuse.server, "SIGCONT"));
}

export const fuse: readonly Scenario[] = [
  ...needing(["root", "mount", "fuse"], files),
  ...needing(["root", "mount", "fuse", "mkfs.ext4", "loop"], disks),
];
