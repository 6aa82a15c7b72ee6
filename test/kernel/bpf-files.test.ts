/** The iterator over open files names the holders that a walk over /proc names, for whoever does not move. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { BpfFiles } from "../../src/kernel/bpf-files.ts";
import { FdIndex } from "../../src/kernel/fd-index.ts";
import { listFds } from "../../src/kernel/fds.ts";

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

function entriesOf(index: FdIndex): Map<string, string> {
  return new Map(
    Array.from(index.entries(), ([target, holders]) => [
      target,
      holders
        .map(({ pid, fd }) => `${pid}/${fd}`)
        .sort()
        .join(" "),
    ]),
  );
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
      const before = await FdIndex.build("/proc");
      const shown = await FdIndex.build("/proc", { files });
      const after = entriesOf(await FdIndex.build("/proc"));
      assert.deepEqual(shown.unreadable, before.unreadable);
      const byEbpf = entriesOf(shown);
      // Others come and go between the looks; what this program has stays as it is.
      const known = entriesOf(before);
      for (const { target } of own) {
        assert.equal(known.get(target), after.get(target), target);
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
