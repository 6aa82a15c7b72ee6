/** Waits for disks and file systems: frozen, limited, or just at work. Each is ext4 in a file of the scenario's own. */
import { execFileSync } from "node:child_process";
import { readText } from "../src/kernel/procfs.ts";
import { ControlGroup } from "./control-group.ts";
import { deviceAt, mountImage, needing } from "./mounts.ts";
import type { Scenario } from "./scenario.ts";
import { asleep, childOf, until, type Stage } from "./stage.ts";

/** Bytes a second. */
const LIMIT = 1024;

function freeze(stage: Stage, disk: string): void {
  execFileSync("fsfreeze", ["--freeze", disk]);
  stage.defer(() => execFileSync("fsfreeze", ["--unfreeze", disk]));
}

/** A cgroup that may write so little to the disk; lifted before it is removed: who waits for that cannot die. */
function limited(stage: Stage, disk: string): ControlGroup {
  const group = ControlGroup.create(stage, "blkio");
  const device = deviceAt(disk);
  group.set("blkio.throttle.write_bps_device", `${device} ${LIMIT}`);
  stage.defer(() => group.set("blkio.throttle.write_bps_device", `${device} 0`));
  return group;
}

/** A shell that does this once `prepare` has been done to it. */
async function prepared(stage: Stage, source: string, prepare: (pid: number) => void): Promise<number> {
  const { pid } = await stage.shell(`kill -STOP $$; ${source}`);
  await asleep(pid, "T");
  prepare(pid);
  process.kill(pid, "SIGCONT");
  return pid;
}

const stackOf = (pid: number) => readText(`/proc/${pid}/stack`) ?? "";

const disks: readonly Scenario[] = [
  {
    name: "process that makes a file on a frozen file system",
    async setUp(stage) {
      const disk = mountImage(stage);
      freeze(stage, disk);
      const { pid } = await stage.shell(`exec touch ${disk}/new`);
      await asleep(pid, "D");
      return { ask: pid, verdict: "blocked", kind: "fs.frozen", alarming: true };
    },
  },
  {
    name: "reader of a pipe whose writer first logs to a frozen file system",
    async setUp(stage) {
      const disk = mountImage(stage);
      const shell = await stage.shell(`exec 3>${disk}/log; { kill -STOP $BASHPID; echo >&3; sleep 1000; } | cat`);
      const reader = await childOf(shell.pid, "cat");
      const writer = await childOf(shell.pid, "bash");
      await asleep(writer, "T");
      freeze(stage, disk);
      process.kill(writer, "SIGCONT");
      await asleep(writer, "D");
      return { ask: reader, verdict: "blocked", kind: "fs.frozen", alarming: true };
    },
  },
  {
    name: "process that reads a frozen file system",
    async setUp(stage) {
      const disk = mountImage(stage);
      freeze(stage, disk);
      const { pid } = await stage.shell(`ls ${disk}; exec sleep 1000`);
      await asleep(pid);
      return { ask: pid, verdict: "idle", kind: "process.sleeping", culprit: pid, alarming: false };
    },
  },
  {
    name: "process that makes files and has them written, again and again",
    async setUp(stage) {
      const disk = mountImage(stage);
      const { pid } = await stage.python(
        `
import os, sys, time
print("ready")
while True:
    f = os.open(sys.argv[1] + "/file", os.O_CREAT | os.O_WRONLY)
    os.pwrite(f, os.urandom(65536), 0)
    os.fsync(f)
    os.unlink(sys.argv[1] + "/file")
    os.close(f)
    time.sleep(0.01)
`,
        disk,
      );
      return { ask: pid, verdict: ["running", "idle", "blocked"], kind: [], alarming: false };
    },
  },
  {
    name: "process that reads a big file from the disk",
    async setUp(stage) {
      const disk = mountImage(stage);
      execFileSync("sh", ["-c", `head -c 8000000 /dev/urandom >${disk}/big`]);
      const { pid } = await stage.python(
        `
import os, sys, time
f = os.open(sys.argv[1] + "/big", os.O_RDONLY)
print("ready")
while True:
    os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
    for at in range(0, 8000000, 65536): os.pread(f, 65536, at)
    time.sleep(0.05)
`,
        disk,
      );
      return { ask: pid, verdict: ["running", "idle", "blocked"], kind: [], alarming: false };
    },
  },
];

const limits: readonly Scenario[] = [
  {
    name: "writer at its cgroup's I/O limit",
    async setUp(stage) {
      const disk = mountImage(stage);
      const group = limited(stage, disk);
      const write = `exec dd if=/dev/zero of=${disk}/slow bs=64k count=100 oflag=direct`;
      const pid = await prepared(stage, write, (shell) => group.add(shell));
      await asleep(pid, "D");
      return { ask: pid, verdict: "blocked", kind: "storage.throttled", alarming: true };
    },
  },
  {
    name: "sync behind what a cgroup at its I/O limit has written",
    async setUp(stage) {
      const disk = mountImage(stage);
      const group = limited(stage, disk);
      const write = `exec dd if=/dev/zero of=${disk}/slow bs=64k count=10 conv=fsync`;
      const writer = await prepared(stage, write, (shell) => group.add(shell));
      await asleep(writer, "D");
      const { pid } = await stage.shell(`exec sync --file-system ${disk}`);
      await asleep(pid, "D");
      return { ask: pid, verdict: "blocked", kind: "storage.throttled", alarming: true };
    },
  },
  {
    name: "fsync behind a journal that waits for what a cgroup at its I/O limit has written",
    async setUp(stage) {
      const disk = mountImage(stage);
      const group = limited(stage, disk);
      const write = `exec dd if=/dev/zero of=${disk}/slow bs=64k count=10 conv=fsync`;
      const writer = await prepared(stage, write, (shell) => group.add(shell));
      await asleep(writer, "D");
      const { pid } = await stage.python(
        `
import os, sys
os.mkdir(sys.argv[1] + "/folder")
print("ready")
os.fsync(os.open(sys.argv[1] + "/folder", os.O_RDONLY))
`,
        disk,
      );
      await until(`${pid} to wait for the journal`, () => /jbd2/.test(stackOf(pid)));
      return { ask: pid, verdict: "blocked", kind: "storage.throttled", alarming: true };
    },
  },
];

export const storage: readonly Scenario[] = [
  ...needing(["root", "mount", "mkfs.ext4", "loop"], disks),
  ...needing(["root", "mount", "mkfs.ext4", "loop", "blkio"], limits),
];
