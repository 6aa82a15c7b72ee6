/** The whole probe, on a recorded machine: what it tells, and that nothing it reads can break it. */
import assert from "node:assert/strict";
import { cpSync, globSync, lstatSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { check, type Event } from "../../../src/model/event.ts";
import { storageProbe } from "../../../src/probes/storage/index.ts";
import { StorageWatch } from "../../../src/probes/storage/watch.ts";
import { notLinux, storageFixture } from "../../kernel/support.ts";

const NOW_MS = 1_795_363_440_000;

function watchOn(context: TestContext, root: string): StorageWatch {
  const watch = new StorageWatch(`${root}/proc`, () => NOW_MS);
  context.after(() => watch.close());
  return watch;
}

function copyOfMachine(context: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), "xctl-storage-"));
  context.after(() => rmSync(root, { recursive: true }));
  cpSync(storageFixture, root, { recursive: true, verbatimSymlinks: true });
  return root;
}

function errors(events: readonly Event[]): string[] {
  return events.flatMap(({ event_type, entity_id, value }) =>
    event_type === "error.hw" ? [`${entity_id} ${value.split(":", 1)[0]}`] : [],
  );
}

describe("the storage probe", { skip: notLinux }, () => {
  it("tells of every disk, file system and pressure at each look, and of what is wrong", async (context) => {
    const watch = watchOn(context, storageFixture);
    const first = await watch.look();
    assert.deepEqual(errors(first).sort(), ["fs:/mnt/disk FS_ERROR", "fs:/mnt/disk FS_READ_ONLY"]);
    const second = await watch.look();
    assert.deepEqual(errors(second), [], "told again only after a while");
    assert.deepEqual(
      [...new Set(second.map(({ entity_id }) => entity_id))],
      ["loop0", "vda", "fs:/", "fs:/mnt/disk", "fs:/dev/shm", "pressure"],
    );
    for (const event of [...first, ...second]) assert.equal(typeof check(event), "object", JSON.stringify(event));
  });

  it("a file system that takes writes again is told of at once", async (context) => {
    const root = copyOfMachine(context);
    const watch = watchOn(context, root);
    await watch.look();
    const file = `${root}/proc/self/mountinfo`;
    writeFileSync(file, readFileSync(file, "utf8").replace(",emergency_ro", ""));
    const ended = (await watch.look()).filter(({ attrs }) => attrs?.ended === true);
    assert.deepEqual(errors(ended), ["fs:/mnt/disk FS_READ_ONLY"]);
  });

  it("is broken by no file that was cut off anywhere", async (context) => {
    const root = copyOfMachine(context);
    const files = globSync("**", { cwd: root }).filter((path) => lstatSync(join(root, path)).isFile());
    assert.ok(files.length > 15);
    const watch = watchOn(context, root);
    for (const path of files) {
      const file = join(root, path);
      const whole = readFileSync(file);
      const step = Math.max(1, Math.floor(whole.length / 7));
      for (let length = 0; length < whole.length; length += step) {
        writeFileSync(file, whole.subarray(0, length));
        for (const event of await watch.look()) assert.equal(typeof check(event), "object", path);
      }
      rmSync(file);
      await watch.look();
      writeFileSync(file, whole);
    }
    assert.ok((await watch.look()).some(({ entity_id }) => entity_id === "vda"));
  });

  it("ends when it is told to, also in the midst of its rest", async () => {
    const stop = new AbortController();
    const probe = storageProbe();
    assert.equal(probe.supported(), true);
    const context = { signal: stop.signal, now: Date.now, log: () => {}, interval: 1000, reject: () => {} };
    let batches = 0;
    for await (const events of probe.run(context)) {
      batches++;
      assert.ok(events.length > 0);
      setTimeout(() => stop.abort(), 50);
    }
    assert.equal(batches, 1);
  });

  it("says why it cannot run where there is no such file", () => {
    assert.match(String(storageProbe({ proc: "/nonexistent" }).supported()), /not mounted/);
  });
});
