/** The iterator over open files names the holders that a walk over /proc names, for whoever does not move. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { BpfFiles } from "../../src/kernel/bpf-files.ts";
import { FdIndex, type FdHolder } from "../../src/kernel/fd-index.ts";
import { listFds, readFdinfo } from "../../src/kernel/fds.ts";
import { InodeIndex } from "../../src/kernel/inode-index.ts";

const opened = await BpfFiles.open().catch((error: Error) => error.message);
const skip = typeof opened === "string" ? `no eBPF here: ${opened}` : false;
if (typeof opened !== "string") opened.close();

/** A pipe between two, and a socket pair of which a child has both ends too. */
const HOLDERS = `
import os, socket, time
a, b = socket.socketpair()
r, w = os.pipe()
child = os.fork()
if child == 0:
    os.close(w)
    time.sleep(1000)
os.close(r)
print("ready", flush=True)
time.sleep(1000)
`;

/** A locked file of which a child has the fd too, opened once more by a thread, a FIFO beside it, and a pipe. */
const FILE_HOLDERS = `
import fcntl, os, sys, threading, time
f = open(sys.argv[1], "w")
fcntl.flock(f, fcntl.LOCK_EX)
if os.fork() == 0:
    time.sleep(1000)
os.pipe()
os.mkfifo(sys.argv[1] + ".fifo")
os.open(sys.argv[1] + ".fifo", os.O_RDWR)
def more():
    os.open(sys.argv[1], os.O_RDONLY)
    print("ready", flush=True)
    time.sleep(1000)
threading.Thread(target=more).start()
`;

function placesOf(holders: readonly FdHolder[]): string[] {
  return holders.map(({ pid, fd }) => `${pid}/${fd}`).sort();
}

function entriesOf(index: FdIndex): Map<string, string> {
  return new Map(Array.from(index.entries(), ([target, holders]) => [target, placesOf(holders).join(" ")]));
}

describe("the index of open pipes and sockets", { skip }, () => {
  it("by eBPF names the holders that /proc names", async () => {
    const files = await BpfFiles.open();
    const program = spawn("python3", ["-c", HOLDERS], { detached: true, stdio: ["ignore", "pipe", "ignore"] });
    try {
      await once(program.stdout as NodeJS.ReadableStream, "data");
      const own = (listFds("/proc", program.pid as number) ?? []).filter(({ target }) =>
        /^(pipe|socket):/.test(target),
      );
      assert.ok(own.length >= 4);
      const earlier = await FdIndex.build("/proc");
      const shown = await FdIndex.build("/proc", { files });
      const later = entriesOf(await FdIndex.build("/proc"));
      assert.deepEqual(shown.unreadable, earlier.unreadable);
      const byEbpf = entriesOf(shown);
      // Others come and go between the looks; what this program has stays as it is.
      const known = entriesOf(earlier);
      for (const { target } of own) {
        assert.equal(known.get(target), later.get(target), target);
        assert.equal(byEbpf.get(target), known.get(target), target);
      }
    } finally {
      process.kill(-(program.pid as number), "SIGKILL");
      files.close();
    }
  });

  it("walks /proc where the iterator fails", async () => {
    const files = await BpfFiles.open();
    files.close();
    const index = await FdIndex.build("/proc", { files });
    const own = listFds("/proc", process.pid)?.find(({ target }) => /^(pipe|socket):/.test(target));
    if (own !== undefined) assert.ok(index.holders(own.target).some(({ pid }) => pid === process.pid));
    assert.ok([...index.entries()].length > 0);
  });

  it("keeps paths, which the iterator does not know, to the walk", async () => {
    const unused = {
      shown: () => assert.fail("asked"),
      read: () => assert.fail("asked"),
    };
    const index = await FdIndex.build("/proc", { paths: true, files: unused });
    assert.ok(Array.from(index.entries()).some(([target]) => target.startsWith("/")));
  });
});

describe("the index of open files by inode number", { skip }, () => {
  let folder: string;
  let files: BpfFiles;
  let program: ChildProcess & { pid: number };
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "xctl-files-"));
    files = await BpfFiles.open();
    program = spawn("python3", ["-c", FILE_HOLDERS, join(folder, "file")], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    }) as typeof program;
    await once(program.stdout as NodeJS.ReadableStream, "data");
  });
  after(() => {
    process.kill(-program.pid, "SIGKILL");
    files.close();
    rmSync(folder, { recursive: true });
  });

  function open(name: string): { path: string; inode: number } {
    const path = join(folder, name);
    const fd = listFds("/proc", program.pid)?.find(({ target }) => target === path)?.fd;
    return { path, inode: readFdinfo("/proc", program.pid, fd ?? -1)?.ino as number };
  }

  it("names the holders that a walk over /proc names", async () => {
    const byPath = await FdIndex.build("/proc", { paths: true });
    const index = await InodeIndex.build("/proc", files);
    assert.equal(index.isPartial, byPath.unreadable.length > 0);
    for (const [name, count] of [
      ["file", 3],
      ["file.fifo", 1],
    ] as const) {
      const { path, inode } = open(name);
      const walked = placesOf(byPath.holders(path));
      assert.equal(walked.length, count);
      // Another file system may have a file with this number.
      const places = placesOf(index.holders(inode)).filter((place) => walked.includes(place));
      assert.deepEqual(places, walked);
    }
  });

  it("leaves pipes and sockets to the other one", async () => {
    const index = await InodeIndex.build("/proc", files);
    const pipe = listFds("/proc", program.pid)?.find(({ target }) => target.startsWith("pipe:"));
    const inode = Number(/\d+/.exec(pipe?.target ?? "")?.[0]);
    assert.ok(inode > 0);
    assert.ok(!placesOf(index.holders(inode)).includes(`${program.pid}/${pipe?.fd}`));
  });

  it("is partial where there are more files than it keeps", async () => {
    const index = await InodeIndex.build("/proc", files, 1);
    assert.ok(index.isPartial);
    assert.deepEqual(index.holders(open("file").inode), []);
  });

  it("walks /proc for those whom the iterator does not show", async () => {
    const hiding = {
      shown: async () => new Set([...(await files.shown())].filter((pid) => pid !== program.pid)),
      opened: async function* () {},
    };
    const index = await InodeIndex.build("/proc", hiding);
    const { path, inode } = open("file");
    assert.deepEqual(index.holders(inode), []);
    assert.deepEqual([...new Set(index.unshown.holders(path).map(({ pid }) => pid))], [program.pid]);
  });
});
