/** Disks and file systems that fail: full, read-only by error, with bad sectors; and who is hit by that, and who not. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { deviceAt, mountImage, needing } from "./mounts.ts";
import type { Scenario } from "./scenario.ts";
import { asleep, until, type Stage } from "./stage.ts";

const IMAGE_BYTES = 16 << 20;

/** Until not even root can write another byte. */
function fill(folder: string): void {
  const fd = openSync(join(folder, "ballast"), constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND);
  try {
    for (const size of [1 << 20, 4096, 1]) {
      const block = Buffer.alloc(size);
      try {
        while (writeSync(fd, block) === size);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      }
    }
  } finally {
    closeSync(fd);
  }
}

function mountFull(stage: Stage): string {
  const disk = mountImage(stage, IMAGE_BYTES);
  writeFileSync(join(disk, "log"), "begun\n");
  fill(disk);
  return disk;
}

/** A loop device over a file that was cut in half since: what lay behind that cannot be read any more. */
function halfLost(stage: Stage): string {
  const image = join(stage.folder, "half-lost");
  writeFileSync(image, "");
  truncateSync(image, IMAGE_BYTES);
  const device = execFileSync("losetup", ["--find", "--show", image], { encoding: "utf8" }).trim();
  stage.defer(() => execFileSync("losetup", ["--detach", device]));
  truncateSync(image, IMAGE_BYTES / 2);
  return device;
}

const nameOf = (mountPoint: string) =>
  execFileSync("readlink", [`/sys/dev/block/${deviceAt(mountPoint)}`], { encoding: "utf8" })
    .trim()
    .split("/")
    .at(-1);

/** Tries to write a line to the file again and again; `besides`: and does that, too. */
const WRITER = (besides = "pass") => `
import os, sys, time
f = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
print("ready")
while True:
    try:
        os.write(f, b"x" * 5000)
    except OSError as failure:
        ${besides}
    time.sleep(0.2)
`;

/** Reads the end of it again and again, and not from memory. */
const READER = `
import os, sys, time
f = os.open(sys.argv[1], os.O_RDONLY)
print("ready")
while True:
    os.posix_fadvise(f, 0, 0, os.POSIX_FADV_DONTNEED)
    try:
        os.pread(f, 4096, int(sys.argv[2]))
    except OSError:
        pass
    time.sleep(0.2)
`;

const hit: readonly Scenario[] = [
  {
    name: "writer that tries again and again on a full file system",
    async setUp(stage) {
      const { pid } = await stage.python(WRITER(), join(mountFull(stage), "log"));
      return { ask: pid, verdict: "blocked", kind: "storage.error", alarming: true };
    },
  },
  {
    name: "writer on a full file system that logs elsewhere that it fails",
    async setUp(stage) {
      const script = WRITER("print(failure, file=sys.stderr)");
      const { pid } = await stage.python(script, join(mountFull(stage), "log"));
      return { ask: pid, verdict: "blocked", kind: "storage.error", alarming: true };
    },
  },
  {
    name: "reader of a bad sector",
    async setUp(stage) {
      const { pid } = await stage.python(READER, halfLost(stage), String(IMAGE_BYTES - 65_536));
      return { ask: pid, verdict: "blocked", kind: "storage.error", alarming: true };
    },
  },
  {
    name: "writer on a file system that is read-only since an error",
    async setUp(stage) {
      const disk = mountImage(stage, IMAGE_BYTES);
      execFileSync("mount", ["-o", "remount,errors=remount-ro", disk]);
      const { pid } = await stage.python(WRITER(), join(disk, "log"));
      writeFileSync(`/sys/fs/ext4/${nameOf(disk)}/trigger_fs_error`, "made for a scenario");
      await until("the file system to refuse writes", () => {
        const line = readFileSync("/proc/self/mountinfo", "utf8")
          .split("\n")
          .find((each) => each.includes(` ${disk} `));
        return /(?:[ ,])(?:ro|emergency_ro)(?:,|$)/.test(line?.split(" - ")[1] ?? "");
      });
      return { ask: pid, verdict: "blocked", kind: "storage.error", alarming: true };
    },
  },
];

const spared: readonly Scenario[] = [
  {
    name: "daemon at rest with its log open on a full file system",
    async setUp(stage) {
      const { pid } = await stage.python(
        `
import os, signal, sys
f = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
print("ready")
signal.pause()
`,
        join(mountFull(stage), "log"),
      );
      await asleep(pid);
      return { ask: pid, verdict: "idle", kind: [], alarming: false };
    },
  },
  {
    name: "writer elsewhere with a log open on a full file system",
    async setUp(stage) {
      const script = `import os, sys\nlog = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND)\n${WRITER()}`;
      const { pid } = await stage.python(script, join(stage.folder, "elsewhere"), join(mountFull(stage), "log"));
      return { ask: pid, verdict: ["idle", "running"], kind: [], alarming: false };
    },
  },
  {
    name: "writer to a full pipe that does not wait, with a log open on a full file system",
    async setUp(stage) {
      const { pid } = await stage.python(
        `
import os, sys, time
log = os.open(sys.argv[1], os.O_WRONLY | os.O_APPEND)
r, w = os.pipe()
os.set_blocking(w, False)
print("ready")
while True:
    try:
        os.write(w, b"x" * 4096)
    except BlockingIOError:
        pass
    time.sleep(0.05)
`,
        join(mountFull(stage), "log"),
      );
      return { ask: pid, verdict: ["idle", "running"], kind: [], alarming: false };
    },
  },
  {
    name: "reader of the good half of a disk with bad sectors",
    async setUp(stage) {
      const disk = halfLost(stage);
      await stage.python(READER, disk, String(IMAGE_BYTES - 65_536));
      const { pid } = await stage.python(READER, disk, "4096");
      return { ask: pid, verdict: ["idle", "running"], kind: [], alarming: false };
    },
  },
  {
    name: "reader that waits for more of a log, with a disk with bad sectors open",
    async setUp(stage) {
      const disk = halfLost(stage);
      await stage.python(READER, disk, String(IMAGE_BYTES - 65_536));
      const log = join(stage.folder, "log");
      writeFileSync(log, "begun\n");
      const { pid } = await stage.python(
        `
import os, sys, time
disk = os.open(sys.argv[1], os.O_RDONLY)
log = os.open(sys.argv[2], os.O_RDONLY)
print("ready")
while True:
    os.read(log, 4096)
    time.sleep(0.1)
`,
        disk,
        log,
      );
      return { ask: pid, verdict: ["idle", "running"], kind: [], alarming: false };
    },
  },
];

export const disks: readonly Scenario[] = [
  ...needing(["root", "mount", "mkfs.ext4", "loop"], hit),
  ...needing(["root", "mount", "mkfs.ext4", "loop"], spared),
];
