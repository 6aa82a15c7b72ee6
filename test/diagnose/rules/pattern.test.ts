import assert from "node:assert/strict";
import { test } from "node:test";
import { matchesAny, matchesCommandLine } from "../../../src/diagnose/rules/pattern.ts";

const CASES: [pattern: string, text: string, fits: boolean][] = [
  ["flock", "flock", true],
  ["flock", "flocks", false],
  ["XID_79", "xid_79", true],
  ["tcp.*", "tcp.recv", true],
  ["tcp.*", "tcprecv", false],
  ["*copied by a fork*", "x; the lock was copied by a fork", true],
  ["a*b*c", "a-b-b-c", true],
  ["a*b*c", "a-c-b", false],
  ["XID_14?", "XID_144", true],
  ["XID_14?", "XID_14", false],
  ["*", "", true],
  ["", "", true],
  ["gpu-*", "gpu-03/mig-1", true],
  // Nothing else has a meaning of its own.
  ["a.c", "abc", false],
  ["[ab]", "a", false],
  ["(a+)+$", "aaaa", false],
];

for (const [pattern, text, fits] of CASES) {
  test(`"${pattern}" ${fits ? "fits" : "does not fit"} "${text}"`, () => {
    assert.equal(matchesAny([pattern], text), fits);
  });
}

test("no pattern takes for ever", () => {
  const pattern = `${"*a".repeat(63)}*b`;
  const startMs = performance.now();
  assert.equal(matchesAny([pattern], "a".repeat(100_000)), false);
  assert.ok(performance.now() - startMs < 5000);
});

test("a command line fits by a word, by the last part of a path, or as a whole", () => {
  const line = "/opt/conda/bin/python3 -m torch.distributed.run --ckpt=/data/ckpt-10 train.py";
  for (const pattern of ["python3", "torch.distributed.*", "ckpt-10", "*ckpt*", "* -m torch.* train.py"]) {
    assert.ok(matchesCommandLine([pattern], line), pattern);
  }
  for (const pattern of ["python", "train", "rm", "-m torch"]) assert.ok(!matchesCommandLine([pattern], line), pattern);
});
