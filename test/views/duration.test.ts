import assert from "node:assert/strict";
import { test } from "node:test";
import { duration } from "../../src/views/duration.ts";

const CASES: [ms: number, en: string, zh: string][] = [
  [0, "0.0 s", "0.0 秒"],
  [-5, "0.0 s", "0.0 秒"],
  [12_449, "12.4 s", "12.4 秒"],
  [59_999, "59.9 s", "59.9 秒"],
  [60_000, "1m0s", "1分0秒"],
  [192_000, "3m12s", "3分12秒"],
  [3_599_999, "59m59s", "59分59秒"],
  [18_420_000, "5h7m", "5小时7分"],
  [187_200_000, "2d4h", "2天4小时"],
];

for (const [ms, en, zh] of CASES) {
  test(`${ms} ms is ${en}`, () => {
    assert.equal(duration(ms, "en"), en);
    assert.equal(duration(ms, "zh"), zh);
  });
}
