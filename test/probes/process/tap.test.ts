import assert from "node:assert/strict";
import { test } from "node:test";
import { Tap } from "../../../src/probes/process/tap.ts";

test("records are handed on until they cannot be read; that is said once, and asked no more", () => {
  let asked = 0;
  const source = {
    take: () => {
      asked += 1;
      if (asked > 1) throw new Error("the ring buffer cannot be read: errno 22");
      return [1, 2];
    },
  };
  const said: string[] = [];
  const tap = new Tap(source, (line) => said.push(line), "does not see ends");
  assert.deepEqual([tap.take(), tap.take(), tap.take()], [[1, 2], [], []]);
  assert.equal(asked, 2);
  assert.deepEqual(said, ["does not see ends any more: the ring buffer cannot be read: errno 22"]);
});
