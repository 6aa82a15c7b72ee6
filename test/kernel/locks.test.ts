import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseLock, parseLocks, readLocks } from "../../src/kernel/locks.ts";
import { anyText, fixture } from "./support.ts";

test("recorded locks: a range, a holder, and the waiter below the lock that blocks it", async () => {
  const whole = { type: "FLOCK", access: "WRITE", device: "fe:00", inode: "2155032", start: "0", end: "EOF" };
  assert.deepEqual(await readLocks(fixture("x64-6.18")), [
    {
      id: 1,
      blocked: false,
      type: "POSIX",
      access: "WRITE",
      pid: 23110,
      device: "fe:00",
      inode: "2155033",
      start: "5",
      end: "14",
    },
    { id: 2, blocked: false, pid: 23110, ...whole },
    { id: 2, blocked: true, pid: 23112, ...whole },
  ]);
});

test("other kernels' and other locks' spellings", () => {
  const cases = [
    ["3: OFDLCK ADVISORY  READ -1 08:01:77 0 EOF", { type: "OFDLCK", access: "READ", pid: -1, blocked: false }],
    ["4: POSIX  MANDATORY WRITE 9 08:01:77 0 99", { type: "POSIX", pid: 9, end: "99" }],
    ["5: LEASE  BREAKING  READ  12 103:02:9 0 EOF", { type: "LEASE", device: "103:02" }],
    ["6: DELEG  ACTIVE    READ 12 00:2a:9 0 EOF", { type: "DELEG" }],
    ["7:  -> POSIX  ADVISORY  WRITE 13 08:01:77 0 EOF", { blocked: true, pid: 13 }],
    ["7:      -> POSIX  ADVISORY  WRITE 14 08:01:77 0 EOF", { blocked: true, pid: 14 }],
  ] as const;
  for (const [line, expected] of cases) assert.partialDeepStrictEqual(parseLock(line), expected, line);
});

test("recorded leases: one that is to be given back, and who waits for that, of no file", () => {
  const text =
    "1: LEASE  BREAKING  UNLCK 15367 fe:00:2150133 0 EOF\n" +
    "1: -> LEASE  BREAKER   READ 15408 <none>:0 0 EOF\n" +
    "1:  -> LEASE  BREAKER   WRITE 15409 <none>:0 0 EOF\n";
  assert.deepEqual(
    parseLocks(text).map(({ id, type, access, blocked, pid, device }) => [id, type, access, blocked, pid, device]),
    [
      [1, "LEASE", "UNLCK", false, 15367, "fe:00"],
      [1, "LEASE", "READ", true, 15408, "<none>"],
      [1, "LEASE", "WRITE", true, 15409, "<none>"],
    ],
  );
});

test("what is no lock on a file is left out", async () => {
  const text = ["1: ACCESS *NOINODE*   READ  7 <none>:0 0 EOF", "", "x"];
  assert.deepEqual(parseLocks(text.join("\n")), []);
  assert.equal(await readLocks("/nowhere"), undefined);
});

test("no text makes the parser throw", () => {
  fc.assert(fc.property(anyText, (text) => void parseLocks(text)));
});
