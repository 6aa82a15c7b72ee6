/** Waits for storage that cannot be made here: recorded /proc trees, and the parsers of what stands in control files. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { readBlockedTask } from "../../../src/probes/process/blocked-task.ts";
import type { Fact } from "../../../src/probes/process/fact.ts";
import { parseMaps } from "../../../src/probes/process/file-place.ts";
import { Tables, View } from "../../../src/probes/process/view.ts";
import { diskWait } from "../../../src/probes/process/waits/disk.ts";
import { fsFreezeWait } from "../../../src/probes/process/waits/fsfreeze.ts";
import { fuseWait } from "../../../src/probes/process/waits/fuse.ts";
import { parseIoMax, parseThrottle } from "../../../src/probes/process/waits/io-limit.ts";
import { remoteFsWait } from "../../../src/probes/process/waits/remote-fs.ts";
import type { WaitResolver } from "../../../src/probes/process/waits/resolver.ts";

const skip = process.arch === "x64" ? false : "the system call numbers are x86-64's";
const NOW_MS = 1_000_000;
const noSockets = () => Promise.resolve("none");
const nothing = () => Promise.resolve(undefined);
const MOUNTS = `24 1 8:1 / / rw - ext4 /dev/sda1 rw
64 24 0:52 / /data rw - nfs4 10.0.0.5:/export rw,vers=4.2,hard,addr=10.0.0.5
65 24 0:60 / /fuse rw - fuse.sshfs host:/ rw
`;

describe("waits for storage, from recorded trees", { skip }, () => {
  let root: string;
  beforeEach(() => (root = mkdtempSync(join(tmpdir(), "xctl-recorded-"))));
  afterEach(() => rmSync(root, { recursive: true }));

  function put(path: string, text: string): void {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  /** A thread in read(3, …), of a file of this mount. */
  function reader({ state, stack, mountId }: { state: string; stack: string[]; mountId: number }): void {
    const fields = [state, ...Array.from({ length: 50 }, () => "0")].join(" ");
    put("proc/10/stat", `10 (reader) ${fields}\n`);
    put("proc/10/wchan", stack[0] as string);
    put("proc/10/task/10/stack", stack.map((name) => `[<0>] ${name}+0x1/0x2\n`).join(""));
    put("proc/10/syscall", "0 0x3 0x7f0000000000 0x10 0x0 0x0 0x0 0x7fff00000000 0x7f1111111111\n");
    put("proc/10/mountinfo", MOUNTS);
    put("proc/self/mountinfo", MOUNTS);
    put("proc/10/fdinfo/3", `pos:\t0\nflags:\t0100000\nmnt_id:\t${mountId}\nino:\t77\n`);
    mkdirSync(join(root, "proc/10/fd"));
    symlinkSync("/data/file", join(root, "proc/10/fd/3"));
  }

  async function look(wait: WaitResolver, waitedMs: number): Promise<Fact[] | "no match"> {
    const proc = join(root, "proc");
    const readers = {
      memory: nothing,
      maps: nothing,
      unixIn: noSockets,
      linksIn: nothing,
      driver: nothing,
      now: () => NOW_MS,
    };
    const view = new View(new Tables(proc, readers, new Map()), 0);
    const thread = { pid: 10, tid: 10, kthread: false, sinceMs: NOW_MS - waitedMs };
    const task = await readBlockedTask(proc, thread, nothing);
    assert.ok(task);
    return wait.matches(task) ? wait.resolve(task, view) : "no match";
  }

  const NFS = ["rpc_wait_bit_killable", "__rpc_execute", "nfs4_call_sync_sequence", "nfs_readpage_async"];

  it("NFS that is silent: the server's address and the mount", async () => {
    reader({ state: "D", stack: NFS, mountId: 64 });
    const [fact, ...others] = (await look(remoteFsWait, 9000)) as Fact[];
    assert.equal(others.length, 0);
    assert.ok(fact?.type === "wait");
    assert.deepEqual([fact.kind, fact.entity], ["fs.remote", "fs:10.0.0.5"]);
    assert.equal(fact.attrs.cause, "fs.unresponsive");
    assert.equal(fact.attrs.certainty, "observed");
    assert.match(String(fact.attrs.observed), /rpc_wait_bit_killable, for nfs4 10\.0\.0\.5:\/export on \/data/);
  });

  it("NFS that has not had time to answer is no fault", async () => {
    reader({ state: "D", stack: NFS, mountId: 64 });
    const [fact] = (await look(remoteFsWait, 100)) as Fact[];
    assert.equal(fact?.attrs.cause, "process.busy");
  });

  it("a read of another file system is none of NFS's", async () => {
    reader({ state: "D", stack: NFS, mountId: 24 });
    assert.deepEqual(await look(remoteFsWait, 9000), []);
  });

  it("FUSE without a process that serves it: the connection to abort", async () => {
    reader({ state: "S", stack: ["request_wait_answer", "__fuse_simple_request"], mountId: 65 });
    const [fact] = (await look(fuseWait, 9000)) as Fact[];
    assert.equal(fact?.entity, "fuse:60");
    assert.equal(fact?.attrs.cause, "fs.unresponsive");
    assert.equal(fact?.attrs.object, join(root, "sys/fs/fuse/connections/60/abort"));
  });

  it("a disk with a request in flight is slow only when it takes long", async () => {
    reader({ state: "D", stack: ["folio_wait_bit_common", "filemap_get_pages"], mountId: 24 });
    put("sys/devices/sda/dev", "8:0\n");
    put("sys/devices/sda/inflight", "1 0\n");
    put("sys/devices/sda/sda1/partition", "1\n");
    mkdirSync(join(root, "sys/dev/block"), { recursive: true });
    mkdirSync(join(root, "sys/class/block"), { recursive: true });
    symlinkSync("../../devices/sda/sda1", join(root, "sys/dev/block/8:1"));
    symlinkSync("../../devices/sda", join(root, "sys/class/block/sda"));
    const [long] = (await look(diskWait, 3000)) as Fact[];
    assert.equal(long?.entity, "block:8:1");
    assert.equal(long?.attrs.cause, "storage.slow");
    assert.match(String(long?.attrs.observed), /^1 reads and 0 writes/);
    assert.equal(long?.attrs.over, "sda1,sda");
    const [short] = (await look(diskWait, 100)) as Fact[];
    assert.equal(short?.attrs.cause, "process.busy");
    assert.equal(short?.attrs.over, undefined, "what is wrong with the disk is no cause of an ordinary wait");
    // Nothing in flight, no limit, no error: it is not known why.
    put("sys/devices/sda/inflight", "0 0\n");
    const [unknown] = (await look(diskWait, 3000)) as Fact[];
    assert.equal(unknown?.attrs.cause, undefined);
  });

  it("the lock of freezing is that of other things too", async () => {
    reader({ state: "D", stack: ["percpu_rwsem_wait", "cgroup_css_set_fork", "copy_process"], mountId: 24 });
    assert.equal(await look(fsFreezeWait, 1000), "no match");
    put("proc/10/task/10/stack", "[<0>] percpu_rwsem_wait+0x1/0x2\n[<0>] mnt_want_write+0x1/0x2\n");
    const [fact] = (await look(fsFreezeWait, 1000)) as Fact[];
    assert.deepEqual([fact?.entity, fact?.attrs.cause], ["fs:8:1", "fs.frozen"]);
  });
});

describe("what the files say", () => {
  it("a memory map: the files mapped, with their devices in decimal", () => {
    const text = `5650494f8000-5650494f9000 r--p 00000000 fe:00 1234                  /usr/bin/x
7fcd89cc5000-7fcd89cc6000 rw-s 00001000 00:27 2                          /mnt/a b
7ffd971aa000-7ffd971cb000 rw-p 00000000 00:00 0                          [stack]
7fcd89cc7000-7fcd89cc8000 rw-p 00000000 00:00 0 
`;
    assert.deepEqual(
      parseMaps(text).map(({ device, inode, path }) => [device, inode, path]),
      [
        ["254:0", 1234, "/usr/bin/x"],
        ["0:39", 2, "/mnt/a b"],
      ],
    );
  });

  it("I/O limits of cgroup v1 and v2", () => {
    assert.deepEqual(parseThrottle("7:0 1024\n8:0 0\n"), [{ device: "7:0", text: "7:0 1024" }]);
    const limits = parseIoMax("7:0 rbps=max wbps=1024 riops=max wiops=max\n8:0 rbps=max wbps=max riops=5 wiops=max\n");
    assert.deepEqual(
      limits.map(({ device, limits: directions }) => [device, [...directions].join(" ")]),
      [
        ["7:0", "write"],
        ["8:0", "read"],
      ],
    );
    assert.deepEqual(parseIoMax(""), []);
  });
});
