import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CAUSES, type CauseKind } from "../../src/model/cause.ts";
import { ProcessNode } from "../../src/model/nodes.ts";

function advise(
  kind: CauseKind,
  object: string | undefined,
  { state = "sleeping", node = "", setting = "", detail = "" } = {},
) {
  const process = new ProcessNode("pid-10", 1, 10, node || undefined, 0);
  process.state = state;
  const subject = { entityId: "x", process, members: [process], object, setting: setting || undefined, detail };
  return CAUSES[kind].advise(subject).map(({ key, command }) => [key, command]);
}

describe("what to do about storage", () => {
  it("a frozen file system is thawed at its mount point, whatever its name", () => {
    assert.deepEqual(advise("fs.frozen", "/mnt/it's here"), [
      ["thaw_filesystem", `sudo fsfreeze --unfreeze '/mnt/it'\\''s here'`],
    ]);
    assert.deepEqual(advise("fs.frozen", undefined), [["thaw_filesystem", null]]);
    assert.deepEqual(advise("fs.frozen", "/mnt", { node: "other" }), [["thaw_filesystem", null]]);
  });

  it("a FUSE connection that nobody serves is aborted; another server cannot be", () => {
    const abort = "/sys/fs/fuse/connections/39/abort";
    assert.deepEqual(advise("fs.unresponsive", abort)[0], ["abort_connection", `echo 1 | sudo tee ${abort}`]);
    assert.deepEqual(
      advise("fs.unresponsive", "10.0.0.5").map(([key]) => key),
      ["look_at_storage"],
    );
  });

  it("an I/O limit is lifted in its file", () => {
    const file = "/sys/fs/cgroup/job/io.max";
    assert.deepEqual(advise("storage.throttled", file, { setting: "7:0 wbps=max" })[0], [
      "raise_limit",
      `echo '7:0 wbps=max' | sudo tee ${file}`,
    ]);
  });

  it("who sleeps uninterruptibly is not to be killed", () => {
    const kinds: CauseKind[] = ["fs.frozen", "fs.unresponsive", "storage.slow", "storage.throttled", "storage.error"];
    for (const kind of kinds) {
      const keys = (state: string) => advise(kind, undefined, { state }).map(([key]) => key);
      assert.equal(keys("blocked").at(-1), "kill_does_not_help", kind);
      assert.equal(keys("sleeping").includes("kill_does_not_help"), false, kind);
    }
  });

  it("differs by what failed, and acts on that", () => {
    const steps = (detail: string, object: string | undefined, node = "") =>
      advise("storage.error", object, { detail, node }) as [string, string | null][];
    assert.deepEqual(steps("FS_FULL:0 of 8 bytes", "/mnt/it's"), [
      ["free_space", `sudo du -xm --max-depth=2 '/mnt/it'\\''s' | sort -n | tail -n 20`],
    ]);
    assert.match(steps("INODES_FULL", "/mnt")[0]?.[1] ?? "", /--inodes .* \/mnt /);
    assert.deepEqual(
      steps("FS_READ_ONLY:errors", "/mnt").map(([key]) => key),
      ["look_at_kernel_log", "check_file_system"],
    );
    assert.deepEqual(steps("IO_ERROR:sector 8", "/dev/sda")[1], ["look_at_disk", "sudo smartctl --all /dev/sda"]);
    assert.deepEqual(
      steps("IO_ERROR:sector 8", undefined).map(([key]) => key),
      ["look_at_kernel_log"],
    );
    assert.deepEqual(
      steps("block.io", undefined).map(([key]) => key),
      ["look_at_kernel_log"],
    );
    assert.deepEqual(steps("FS_FULL", "/mnt", "other"), [["free_space", null]], "another host's is not run here");
    assert.equal(advise("storage.slow", undefined, { detail: "DEGRADED:lacks 1" })[0]?.[1], "cat /proc/mdstat");
  });
});
