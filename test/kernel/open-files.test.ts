import assert from "node:assert/strict";
import { mkdtempSync, openSync, closeSync, rmSync, writeSync, constants } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isStream, listOpenFiles, openFile } from "../../src/kernel/open-files.ts";
import { anyText, notLinux } from "./support.ts";

test("how a file was opened, and how far it has got", () => {
  assert.deepEqual(openFile(3, "/mnt/log", "pos:\t5000\nflags:\t0102001\nmnt_id:\t44\nino:\t12\n"), {
    fd: 3,
    target: "/mnt/log",
    mountId: 44,
    canRead: false,
    canWrite: true,
    appends: true,
    nonBlocking: false,
    position: 5000,
  });
  const socket = openFile(4, "socket:[9]", "pos:\t0\nflags:\t02004002\nmnt_id:\t10\n");
  assert.ok(socket !== undefined && isStream(socket) && socket.nonBlocking && socket.canRead && socket.canWrite);
  assert.equal(openFile(5, "/x", "pos:\t0\n"), undefined);
  fc.assert(fc.property(anyText, (text) => void openFile(1, "/x", text)));
});

test("our own", { skip: notLinux }, (context) => {
  const folder = mkdtempSync(join(tmpdir(), "xctl-open-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const fd = openSync(join(folder, "log"), constants.O_WRONLY | constants.O_CREAT);
  try {
    writeSync(fd, "12345");
    const found = listOpenFiles("/proc", process.pid)?.find((file) => file.fd === fd);
    assert.deepEqual(found && [found.target, found.canRead, found.canWrite, found.position], [
      join(folder, "log"),
      false,
      true,
      5,
    ]);
  } finally {
    closeSync(fd);
  }
  assert.equal(listOpenFiles("/proc", 4_194_305), undefined);
});
