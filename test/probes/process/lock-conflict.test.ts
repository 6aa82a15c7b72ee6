import assert from "node:assert/strict";
import { test } from "node:test";
import { parseLock, type Lock } from "../../../src/kernel/locks.ts";
import { conflicts } from "../../../src/probes/process/waits/lock-conflict.ts";

const lock = (line: string) => parseLock(line) as Lock;

const REQUEST = lock("1: -> POSIX  ADVISORY  WRITE 10 08:01:77 100 199");

for (const [what, line, expected] of [
  ["the same bytes", "1: POSIX  ADVISORY  WRITE 11 08:01:77 100 199", true],
  ["one byte in common", "1: POSIX  ADVISORY  READ 11 08:01:77 199 EOF", true],
  ["the byte before", "1: POSIX  ADVISORY  WRITE 11 08:01:77 0 99", false],
  ["the byte behind", "1: POSIX  ADVISORY  WRITE 11 08:01:77 200 EOF", false],
  ["an open file's lock excludes a process's", "1: OFDLCK ADVISORY  WRITE -1 08:01:77 0 EOF", true],
  ["flock excludes only flock", "1: FLOCK  ADVISORY  WRITE 11 08:01:77 0 EOF", false],
  ["its own lock gives way", "1: POSIX  ADVISORY  WRITE 10 08:01:77 0 EOF", false],
  ["another file", "1: POSIX  ADVISORY  WRITE 11 08:01:78 0 EOF", false],
  ["the same number on another device", "1: POSIX  ADVISORY  WRITE 11 08:02:77 0 EOF", false],
  ["one who waits has nothing yet", "1: -> POSIX  ADVISORY  WRITE 11 08:01:77 0 EOF", false],
  ["a lease is no lock", "1: LEASE  ACTIVE    WRITE 11 08:01:77 0 EOF", false],
] as const) {
  test(`a lock on bytes 100 to 199 is in conflict or not: ${what}`, () => {
    assert.equal(conflicts(lock(line), REQUEST), expected);
  });
}

test("two who only read do not exclude each other", () => {
  const shared = lock("1: FLOCK  ADVISORY  READ 11 08:01:77 0 EOF");
  assert.equal(conflicts(shared, lock("1: -> FLOCK  ADVISORY  READ 10 08:01:77 0 EOF")), false);
  assert.equal(conflicts(shared, lock("1: -> FLOCK  ADVISORY  WRITE 10 08:01:77 0 EOF")), true);
});
