import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { PickleError, readPickle } from "../../src/lib/pickle.ts";

const plainData = `{"a": [1, -5, 70000, 2**40, 1.5, None, True, False], "b": ("x", ("y", 2), (1, 2, 3, 4)), "c": {"ä": "a" * 300}, "d": b"z"}`;
const hasPython = (() => {
  try {
    execFileSync("python3", ["-c", ""]);
    return true;
  } catch {
    return false;
  }
})();
const pickled = (source: string, protocol: number) =>
  execFileSync("python3", [
    "-c",
    `import pickle, sys; sys.stdout.buffer.write(pickle.dumps(${source}, protocol=${protocol}))`,
  ]);

for (const protocol of [3, 4, 5]) {
  test(`plain data that Python wrote, protocol ${protocol}`, { skip: hasPython ? false : "needs python3" }, () => {
    const value = readPickle(pickled(plainData, protocol)) as Map<string, unknown>;
    assert.deepEqual(value.get("a"), [1, -5, 70_000, 2 ** 40, 1.5, null, true, false]);
    assert.deepEqual(value.get("b"), ["x", ["y", 2], [1, 2, 3, 4]]);
    assert.deepEqual(value.get("c"), new Map([["ä", "a".repeat(300)]]));
  });
}

test("whatever names something of Python's is refused", { skip: hasPython ? false : "needs python3" }, () => {
  for (const source of ["print", "__import__('os').stat", "{'a': __import__('decimal').Decimal(1)}", "{1, 2}"]) {
    for (const protocol of [2, 4]) assert.throws(() => readPickle(pickled(source, protocol)), PickleError, source);
  }
  const call = Buffer.from("cos\nsystem\n(X\x02\x00\x00\x00idtR.");
  assert.throws(() => readPickle(call), PickleError);
});

test("torch's makers of lists make their lists, and nothing else does", () => {
  const list = Buffer.from("\x80\x02ctorch.jit._pickle\nbuild_intlist\nq\x00(](K\x01K\x02etR.", "latin1");
  assert.deepEqual(readPickle(list), [1, 2]);
  assert.throws(
    () => readPickle(Buffer.from("\x80\x02ctorch.jit._pickle\nbuild_intlist\nq\x00.", "latin1")),
    PickleError,
  );
});

test("garbage and cut-off pickles are refused, and never anything worse", () => {
  const whole = Buffer.from("\x80\x02}(X\x01\x00\x00\x00aK\x01u.", "latin1");
  assert.deepEqual(readPickle(whole), new Map([["a", 1]]));
  for (let length = 0; length < whole.length; length++) {
    assert.throws(() => readPickle(whole.subarray(0, length)), PickleError);
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        readPickle(bytes);
      } catch (error) {
        assert.ok(error instanceof PickleError, String(error));
      }
    }),
    { numRuns: 3000 },
  );
});
