/** Who is hit by a trouble, on a recorded /proc; only the files that are written to are real. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { BlockingReader } from "../../../src/kernel/blocking.ts";
import type { StorageError } from "../../../src/kernel/kmsg.ts";
import { parseMountinfo } from "../../../src/kernel/mounts.ts";
import type { Fault } from "../../../src/probes/storage/fault-book.ts";
import type { FileSystem } from "../../../src/probes/storage/file-systems.ts";
import { Victims } from "../../../src/probes/storage/victims.ts";
import { notLinux, storageFixture } from "../../kernel/support.ts";

const MOUNTS = parseMountinfo(`27 1 254:0 / / rw - ext4 /dev/vda rw
44 27 7:0 / /mnt/disk rw - ext4 /dev/loop0 rw,errors=remount-ro
`);
const APPENDS = 0o102001;
const OFTEN = { syscw: 5 };
const NOW_MS = 1_700_000_000_000;
const FAILED: StorageError = { kind: "IO_ERROR", device: "loop0", atMs: 0, text: "I/O error, dev loop0, sector 8" };

function fileSystem(head: Fault["head"]): FileSystem {
  const fault: Fault = { entity: "fs:/mnt/disk", head, words: "", label: "/mnt/disk", source: "", observed: "" };
  return { mount: MOUNTS[1] as FileSystem["mount"], device: "7:0", name: "loop0", use: undefined, faults: [fault] };
}

const pids = (faults: readonly Fault[]) => faults.map(({ pid }) => pid);

describe("who is hit", { skip: notLinux }, () => {
  let root: string;
  let reader: BlockingReader;
  let victims: Victims;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "xctl-victims-"));
    const proc = join(root, "proc");
    reader = new BlockingReader(proc);
    victims = new Victims({ proc, sys: `${storageFixture}/sys`, reader, restAfter: 0 });
  });
  afterEach(() => {
    reader.close();
    rmSync(root, { recursive: true });
  });

  function put(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }

  interface Counters {
    rchar?: number;
    wchar?: number;
    syscr?: number;
    syscw?: number;
    read_bytes?: number;
    write_bytes?: number;
  }

  /** Called again, it says what the process did since. */
  function process(pid: number, counters: Counters): void {
    const all = { rchar: 0, wchar: 0, syscr: 0, syscw: 0, read_bytes: 0, write_bytes: 0, ...counters };
    put(
      `proc/${pid}/io`,
      Object.entries(all)
        .map(([name, count]) => `${name}: ${count}\n`)
        .join(""),
    );
    mkdirSync(join(root, `proc/${pid}/fd`), { recursive: true });
  }

  /** A file on the mount with this id. */
  function opens(pid: number, fd: number, { mountId = 44, flags = APPENDS, position = 0 } = {}): void {
    put(`file-${pid}-${fd}`, "begun\n");
    modified(pid, fd, NOW_MS - 60_000);
    symlinkSync(join(root, `file-${pid}-${fd}`), join(root, `proc/${pid}/fd/${fd}`));
    put(`proc/${pid}/fdinfo/${fd}`, `pos:\t${position}\nflags:\t0${flags.toString(8)}\nmnt_id:\t${mountId}\n`);
  }

  function modified(pid: number, fd: number, atMs: number): void {
    utimesSync(join(root, `file-${pid}-${fd}`), atMs / 1000, atMs / 1000);
  }

  function stream(pid: number, fd: number, flags: number): void {
    symlinkSync("pipe:[7]", join(root, `proc/${pid}/fd/${fd}`));
    put(`proc/${pid}/fdinfo/${fd}`, `pos:\t0\nflags:\t0${flags.toString(8)}\nmnt_id:\t15\n`);
  }

  function look(atMs: number, heads: Fault["head"][], failed: StorageError[] = []): Promise<Fault[]> {
    return victims.look({ fileSystems: heads.map(fileSystem), failed, mounts: MOUNTS }, NOW_MS + atMs);
  }

  it("of a full file system: who wrote to a file there in vain, and nobody else", async () => {
    for (const pid of [10, 11, 12, 13]) {
      process(pid, {});
      opens(pid, 3, { mountId: pid === 13 ? 27 : 44 });
    }
    assert.deepEqual(await look(0, ["FS_FULL"]), []);
    for (const pid of [10, 12, 13]) process(pid, OFTEN);
    // 11 rests; 12 calls in vain elsewhere; 13 writes to a file elsewhere.
    for (const pid of [10, 13]) modified(pid, 3, NOW_MS + 1500);
    const faults = await look(2000, ["FS_FULL"]);
    assert.deepEqual(pids(faults), [10]);
    assert.equal(faults[0]?.source, "/proc/10/io");
    assert.equal(faults[0]?.observed, "5 writes, 0 bytes written in 2.0 s; file system full");
  });

  it("of a full file system: who logs elsewhere that it fails, where its own file is known not to grow", async () => {
    process(10, {});
    opens(10, 3);
    const failing = (count: number) => process(10, { syscw: 10 * count, wchar: 100 * count });
    assert.deepEqual(await look(0, ["FS_FULL"]), []);
    failing(1);
    modified(10, 3, NOW_MS + 1500);
    assert.deepEqual(await look(2000, ["FS_FULL"]), [], "seen once, it may have been written over");
    failing(2);
    modified(10, 3, NOW_MS + 3500);
    const [fault] = await look(4000, ["FS_FULL"]);
    assert.equal(fault?.pid, 10);
    assert.match(fault.observed, /did not grow in 2\.0 s; file system full$/);
  });

  it("of a read-only file system: whose writes all fail, unless they may be those to a pipe that does not wait", async () => {
    for (const pid of [10, 11, 12]) {
      process(pid, {});
      opens(pid, 3);
    }
    stream(11, 4, 0o4001);
    assert.deepEqual(await look(0, ["FS_READ_ONLY"]), []);
    process(10, OFTEN);
    process(11, OFTEN);
    process(12, { syscw: 5, wchar: 500 });
    assert.deepEqual(pids(await look(2000, ["FS_READ_ONLY"])), [10]);
  });

  it("of a device that fails: who had it read and got nothing", async () => {
    for (const pid of [10, 11, 12, 13]) {
      process(pid, {});
      opens(pid, 3, { flags: 0, mountId: pid === 13 ? 27 : 44 });
    }
    assert.deepEqual(await look(0, [], [FAILED]), []);
    process(10, { syscr: 7, read_bytes: 8192 });
    // 11 reads at a file's end, 12 reads what is good, 13 reads in vain from another device.
    process(11, { syscr: 7 });
    process(12, { syscr: 7, read_bytes: 8192, rchar: 4096 });
    process(13, { syscr: 7, read_bytes: 8192 });
    const faults = await look(2000, [], [FAILED]);
    assert.deepEqual(pids(faults), [10]);
    assert.deepEqual([faults[0]?.entity, faults[0]?.head], ["loop0", "IO_ERROR"]);
    assert.equal(faults[0]?.observed, "7 reads, 0 bytes read in 2.0 s; I/O error, dev loop0, sector 8");
  });

  it("for half a minute after the last sign of it, or until the trouble is over", async () => {
    process(10, {});
    opens(10, 3);
    await look(0, ["FS_READ_ONLY"]);
    assert.equal(victims.isSearching, true);
    process(10, OFTEN);
    assert.deepEqual(pids(await look(2000, ["FS_READ_ONLY"])), [10]);
    assert.deepEqual(pids(await look(31_999, ["FS_READ_ONLY"])), [10]);
    assert.equal(victims.isSearching, false, "what lasts is looked at as often as ever");
    assert.deepEqual(pids(await look(32_000, ["FS_READ_ONLY"])), []);
    await look(32_001, ["FS_READ_ONLY", "FS_FULL"]);
    assert.equal(victims.isSearching, true, "another trouble began");
    process(10, { syscw: 9 });
    assert.deepEqual(pids(await look(34_000, ["FS_READ_ONLY"])), [10]);
    assert.deepEqual(await look(36_000, []), []);
    assert.equal(victims.isSearching, false);
    assert.deepEqual(await look(38_000, ["FS_READ_ONLY"]), [], "it is looked at anew");
  });

  it("is not read where nothing is in trouble", async () => {
    process(10, OFTEN);
    assert.deepEqual(await look(0, ["INODES_FULL"]), []);
  });
});
