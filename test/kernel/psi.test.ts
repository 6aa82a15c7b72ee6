import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parsePressure, parseStalls } from "../../src/kernel/psi.ts";
import { anyText } from "./support.ts";

const TEXT = `some avg10=1.25 avg60=0.12 avg300=0.36 total=824864636
full avg10=0.01 avg60=0.12 avg300=0.16 total=136057055
`;

test("how long tasks have waited in all", () => {
  assert.deepEqual(parseStalls(TEXT), { someUs: 824_864_636, fullUs: 136_057_055 });
  assert.deepEqual(parseStalls(TEXT.split("\n", 1)[0] + "\n"), { someUs: 824_864_636, fullUs: undefined });
});

test("a total that was cut off is none", () => {
  const whole = TEXT.indexOf("\n") + 1;
  for (let length = 0; length < TEXT.length; length++) {
    assert.equal(parseStalls(TEXT.slice(0, length))?.someUs, length < whole ? undefined : 824_864_636, String(length));
    parsePressure(TEXT.slice(0, length));
  }
  fc.assert(fc.property(anyText, (text) => void parseStalls(text)));
});
