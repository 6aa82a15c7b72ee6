/** Who has a file open under whatever name: the same by eBPF and by the walk over /proc. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { linkSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { BpfFiles } from "../../../src/kernel/bpf-files.ts";
import { Tables, View } from "../../../src/probes/process/view.ts";
import { notLinux } from "../../kernel/support.ts";

const HOLD = `
import os, sys, time
held = [os.open(path, os.O_RDONLY) for path in sys.argv[1:]]
if os.fork() == 0:
    time.sleep(1000)
print("ready", flush=True)
time.sleep(1000)
`;

const nothing = () => Promise.resolve(undefined);
const noSockets = () => Promise.resolve("none");

const opened = await BpfFiles.open().catch((error: Error) => error.message);
const files = typeof opened === "string" ? undefined : opened;
const skip = files === undefined && `no eBPF here: ${opened as string}`;

function viewWith(source: BpfFiles | undefined, { walks = true } = {}): View {
  const readers = {
    memory: nothing,
    maps: nothing,
    unixIn: noSockets,
    linksIn: nothing,
    driver: nothing,
    now: Date.now,
  };
  const tables = new Tables("/proc", { ...readers, files: source }, new Map());
  if (!walks) tables.paths.since = () => assert.fail("walked");
  return new View(tables, 0);
}

describe("who has a file open", { skip: notLinux }, () => {
  let folder: string;
  let program: ChildProcess & { pid: number };
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "xctl-openers-"));
    writeFileSync(join(folder, "file"), "");
    linkSync(join(folder, "file"), join(folder, "other"));
    const paths = [join(folder, "other"), join(folder, "file")];
    program = spawn("python3", ["-c", HOLD, ...paths], {
      detached: true,
      stdio: ["ignore", "pipe", "ignore"],
    }) as typeof program;
    await once(program.stdout as NodeJS.ReadableStream, "data");
  });
  after(() => {
    process.kill(-program.pid, "SIGKILL");
    files?.close();
    rmSync(folder, { recursive: true });
  });

  /** Parent and child have the same fds: the lower is `other`, which was opened first. */
  async function openersOf(view: View): Promise<{ fds: number[]; pids: Set<number> }> {
    const found = { fds: [] as number[], pids: new Set<number>() };
    const path = join(folder, "file");
    for await (const { pid, fd } of view.openers(path, statSync(path).ino)) {
      found.fds.push(fd);
      found.pids.add(pid);
    }
    return found;
  }

  function assertAll({ fds, pids }: { fds: number[]; pids: Set<number> }): void {
    assert.equal(pids.size, 2);
    assert.ok(pids.has(program.pid));
    assert.equal(fds.length, 4);
    const [other, file] = [Math.min(...fds), Math.max(...fds)];
    assert.deepEqual(fds, [file, file, other, other], "namesakes come first");
  }

  it("by the walk", async () => assertAll(await openersOf(viewWith(undefined))));

  it("by eBPF, without the walk", { skip }, async () => {
    const view = viewWith(files, { walks: false });
    assertAll(await openersOf(view));
    const path = join(folder, "file");
    const { holders } = await view.holders(path, { byPath: true, inode: statSync(path).ino });
    assert.equal(holders.length, 2);
  });

  it("by the walk where eBPF has been shut down", { skip }, async () => {
    const closed = await BpfFiles.open();
    closed.close();
    const view = viewWith(closed);
    assertAll(await openersOf(view));
    const path = join(folder, "file");
    const { holders } = await view.holders(path, { byPath: true, inode: statSync(path).ino });
    assert.equal(holders.length, 2);
  });
});
