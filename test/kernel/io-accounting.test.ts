import assert from "node:assert/strict";
import { closeSync, openSync, readSync, writeSync } from "node:fs";
import { test } from "node:test";
import { parseIoAccounting, readIoAccounting } from "../../src/kernel/io-accounting.ts";
import { notLinux } from "./support.ts";

const TEXT =
  "rchar: 10\nwchar: 20\nsyscr: 3\nsyscw: 4\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 7\n";

test("what a process has read and written", () => {
  assert.deepEqual(parseIoAccounting(TEXT), {
    readBytes: 10,
    writtenBytes: 20,
    readCalls: 3,
    writeCalls: 4,
    storageReadBytes: 4096,
    storageWriteBytes: 8192,
  });
});

test("cut off anywhere before its last field, it tells nothing rather than something wrong", () => {
  const needed = TEXT.indexOf("cancelled");
  for (let length = 0; length < TEXT.length; length++) {
    const parsed = parseIoAccounting(TEXT.slice(0, length));
    assert.equal(parsed === undefined, length < needed, String(length));
  }
});

test("a write that fails is a call without bytes", { skip: notLinux }, () => {
  const full = openSync("/dev/full", "r+");
  try {
    const before = readIoAccounting("/proc", process.pid);
    assert.throws(() => writeSync(full, "x"), { code: "ENOSPC" });
    readSync(full, Buffer.alloc(1));
    const after = readIoAccounting("/proc", process.pid);
    assert.ok(before !== undefined && after !== undefined);
    assert.ok(after.writeCalls > before.writeCalls);
    assert.equal(after.writtenBytes, before.writtenBytes);
  } finally {
    closeSync(full);
  }
});
