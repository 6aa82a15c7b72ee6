import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readFileSystemErrors } from "../../src/kernel/fs-health.ts";
import { storageFixture } from "./support.ts";

test("ext4 counts its errors, and says when and where the last one was", () => {
  const sys = `${storageFixture}/sys`;
  assert.deepEqual(readFileSystemErrors("ext4", "loop0", sys), {
    count: 1,
    source: `${sys}/fs/ext4/loop0/errors_count`,
    lastMs: 1_795_363_436_000,
    last: "trigger_test_error",
  });
  assert.equal(readFileSystemErrors("ext4", "vdb", sys), undefined);
  assert.equal(readFileSystemErrors("xfs", "loop0", sys), undefined);
});

test("btrfs counts them of each device and by sort", (context) => {
  const sys = mkdtempSync(join(tmpdir(), "xctl-sys-"));
  context.after(() => rmSync(sys, { recursive: true }));
  const volume = join(sys, "fs/btrfs/0e1f");
  const put = (device: number, text: string) => {
    mkdirSync(join(volume, `devinfo/${device}`), { recursive: true });
    writeFileSync(join(volume, `devinfo/${device}/error_stats`), text);
  };
  mkdirSync(join(volume, "devices/sda1"), { recursive: true });
  mkdirSync(join(volume, "devices/sdb1"));
  mkdirSync(join(sys, "fs/btrfs/features"), { recursive: true });
  put(1, "write_errs 0\nread_errs 0\nflush_errs 0\ncorruption_errs 0\ngeneration_errs 0\n");
  put(2, "write_errs 3\nread_errs 0\nflush_errs 0\ncorruption_errs 1\ngeneration_errs 0\n");
  assert.deepEqual(readFileSystemErrors("btrfs", "sda1", sys), {
    count: 4,
    source: `${volume}/devinfo/2/error_stats`,
    last: "corruption",
  });
  assert.equal(readFileSystemErrors("btrfs", "sdc1", sys), undefined);
});
