import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import { FdIndex } from "../../src/kernel/fd-index.ts";
import type { FdHolder } from "../../src/kernel/fd-index.ts";
import { accessOf, listFds, readFd, readFdinfo } from "../../src/kernel/fds.ts";
import { readChildren, readStat } from "../../src/kernel/procfs.ts";
import { fixture, notLinux, until, withProgram } from "./support.ts";

const skip = notLinux;

test("a recorded machine: every process that has a pipe, and no plain file", async () => {
  const index = await FdIndex.build(fixture("x64-6.18"));
  const holders = index.holders("pipe:[80331]").map(({ pid, fd }) => `${pid}/${fd}`);
  assert.deepEqual(holders.sort(), ["23110/20", "23110/21", "23112/20", "23114/20"]);
  assert.deepEqual(index.holders("/tmp/example/lock"), []);
  assert.deepEqual(index.unreadable, []);
  const withPaths = await FdIndex.build(fixture("x64-6.18"), { paths: true });
  assert.deepEqual(withPaths.holders("/tmp/example/lock").map(({ pid }) => pid).sort(), [23110, 23112]); // prettier-ignore
});

test("both ends of a shell's pipe, each with the process that has it", { skip }, async () => {
  // One pipe between two sleeps, by a shell that then waits for them.
  const shell = spawn("sh", ["-c", "sleep 1000 | sleep 1001"], { stdio: "ignore", detached: true });
  try {
    let ends: string[] = [];
    await until(async () => {
      ends = await endsOfPipeBelow(shell.pid as number);
      return ends.join() === "sleep read,sleep write";
    }, "two sleeps share a pipe");
    assert.equal(ends.length, 2);
  } finally {
    process.kill(-(shell.pid as number), "SIGKILL");
    await once(shell, "exit");
  }
});

async function endsOfPipeBelow(shell: number): Promise<string[]> {
  const index = await FdIndex.build("/proc");
  const open = (readChildren("/proc", shell) ?? []).flatMap((child) => listFds("/proc", child) ?? []);
  const pipe = open.find(({ target }) => target.startsWith("pipe:["));
  return index
    .holders(pipe?.target ?? "")
    .map(describeEnd)
    .sort();
}

function describeEnd({ pid, fd }: FdHolder): string {
  return `${readStat("/proc", pid)?.comm} ${accessOf(readFdinfo("/proc", pid, fd)?.flags ?? 0)}`;
}

test("a FIFO by its path, only when asked", { skip }, async () => {
  const folder = mkdtempSync(`${tmpdir()}/xctl-fifo-`);
  const fifo = `${folder}/queue`;
  execFileSync("mkfifo", [fifo]);
  const script = `import fs from "node:fs"; fs.openSync(${JSON.stringify(fifo)}, "r+"); console.log("open"); setInterval(() => {}, 1e6)`;
  try {
    await withProgram(script, async (_, { pid }) => {
      const index = await FdIndex.build("/proc", { paths: true });
      assert.deepEqual(index.holders(fifo).map((holder) => holder.pid), [pid]); // prettier-ignore
      assert.deepEqual((await FdIndex.build("/proc")).holders(fifo), []);
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("the threads of an exited main thread still have its files", { skip: skip || noPython() }, async () => {
  const script =
    "import ctypes, os, threading, time\n" +
    "r, w = os.pipe()\n" +
    "threading.Thread(target=time.sleep, args=(1000,)).start()\n" +
    "print(os.readlink('/proc/self/fd/%d' % r), flush=True)\n" +
    "ctypes.CDLL(None).pthread_exit(None)\n";
  const python = spawn("python3", ["-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const [line] = (await once(python.stdout.setEncoding("utf8"), "data")) as [string];
    const pid = python.pid as number;
    await until(() => readStat("/proc", pid)?.state === "Z", "the main thread has exited");
    assert.equal(readFd("/proc", pid, 0), undefined);
    const index = await FdIndex.build("/proc");
    assert.deepEqual(index.holders(line.trim()).map((holder) => holder.pid), [pid, pid]); // prettier-ignore
  } finally {
    python.kill("SIGKILL");
  }
});

test(
  "whose fds we may not list is told",
  { skip: skip || (process.geteuid?.() === 0 ? false : "needs root, to give it up") },
  async () => {
    await withProgram(`console.log("up"); setInterval(() => {}, 1e6)`, async (_, { pid }) => {
      assert.ok(!(await FdIndex.build("/proc")).unreadable.includes(pid));
      process.seteuid?.(65_534);
      try {
        const { unreadable } = await FdIndex.build("/proc");
        assert.ok(unreadable.includes(pid));
        // Kernel threads have no fds to hide.
        assert.ok(!unreadable.includes(2));
      } finally {
        process.seteuid?.(0);
      }
    });
  },
);

test("the event loop is let in during the walk", { skip }, async () => {
  let turns = 0;
  const count = () => {
    turns += 1;
    immediate = setImmediate(count);
  };
  let immediate = setImmediate(count);
  await FdIndex.build("/proc", { sliceMs: 0 });
  clearImmediate(immediate);
  assert.ok(turns > 2, `${turns} turns`);
});

function noPython(): string | false {
  try {
    execFileSync("python3", ["-c", ""], { stdio: "ignore" });
    return false;
  } catch {
    return "python3 is not installed";
  }
}
