import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { accessOf, listFds, parseFdinfo, readFd, readFdinfo } from "../../src/kernel/fds.ts";
import { anyText, fixture, notLinux, withProgram } from "./support.ts";

const PROC = fixture("x64-6.18");

test("a recorded process's fds, and which end of a pipe each is", () => {
  assert.equal(readFd(PROC, 23110, 20), "pipe:[80331]");
  assert.equal(readFd(PROC, 23110, 99), undefined);
  const pipes = listFds(PROC, 23110)?.filter(({ target }) => target === "pipe:[80331]");
  const ends = pipes?.map(({ fd }) => [fd, accessOf(readFdinfo(PROC, 23110, fd)?.flags ?? -1)]);
  assert.deepEqual(ends?.sort(), [[20, "read"], [21, "write"]]); // prettier-ignore
  assert.equal(listFds(PROC, 999_999), undefined);
});

test("fdinfo tells inode, mount, locks and what an epoll set watches", () => {
  const locked = readFdinfo(PROC, 23110, 22);
  assert.equal(locked?.ino, 2155032);
  assert.deepEqual(
    locked?.locks.map(({ type, pid, inode }) => [type, pid, inode]),
    [["FLOCK", 23110, "2155032"]],
  );
  assert.deepEqual(readFdinfo(PROC, 23110, 24)?.tfds, [{ fd: 5, events: 0x19, ino: 80316 }, { fd: 20, events: 0x19, ino: 80331 }]); // prettier-ignore
});

test("fdinfo before Linux 5.14, of a pidfd, and of nothing", () => {
  assert.deepEqual(parseFdinfo("pos:\t0\nflags:\t0100002\nmnt_id:\t15\n"), {
    flags: 0o100002,
    mntId: 15,
    locks: [],
    tfds: [],
  });
  assert.equal(parseFdinfo("pos:\t0\nflags:\t02000002\nmnt_id:\t15\nPid:\t4711\nNSpid:\t4711\n")?.pidfd, 4711);
  const master = "pos:\t0\nflags:\t0100002\nmnt_id:\t24\nino:\t91\ntty-index:\t7\n";
  assert.deepEqual(parseFdinfo(master), { flags: 0o100002, mntId: 24, ino: 91, ttyIndex: 7, locks: [], tfds: [] });
  assert.equal(parseFdinfo("pos:\t0\n"), undefined);
  assert.deepEqual([0, 1, 2, 0o2000001].map(accessOf), ["read", "write", "both", "write"]);
});

test("a running process's pipe", { skip: notLinux }, async () => {
  await withProgram(`console.log("up"); setInterval(() => {}, 1e6)`, async (_, { pid }) => {
    assert.match(readFd("/proc", pid, 1) ?? "", /^(pipe|socket):\[\d+\]$/);
    assert.ok(listFds("/proc", pid)?.some(({ fd, target }) => fd === 1 && target === readFd("/proc", pid, 1)));
    assert.notEqual(readFdinfo("/proc", pid, 1), undefined);
  });
});

test("no text makes the parser throw", () => {
  const line = fc.tuple(fc.constantFrom("flags", "tfd", "lock", "ino", "Pid"), anyText);
  fc.assert(fc.property(fc.array(line), (lines) => void parseFdinfo(lines.map((pair) => pair.join(":\t")).join("\n"))));
});
