import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { pickVariables } from "../../src/kernel/environ.ts";

const NAMES = new Set(["RANK", "WORLD_SIZE", "TORCHELASTIC_RUN_ID"]);
const pick = (environ: string | Uint8Array) => pickVariables(Buffer.from(environ as string), NAMES);

test("variables of those names, and no others", () => {
  assert.deepEqual(pick("HOME=/root\0RANK=3\0AWS_SECRET_ACCESS_KEY=x\0WORLD_SIZE=8\0"), { RANK: "3", WORLD_SIZE: "8" });
});

const ODD: [what: string, environ: string | Uint8Array, found: Record<string, string>][] = [
  ["nothing", "", {}],
  ["no NUL at all", "RANK=3", {}],
  ["an entry that is cut off", "WORLD_SIZE=8\0RANK=3", { WORLD_SIZE: "8" }],
  ["a variable set twice: getenv returns the first", "RANK=1\0RANK=2\0", { RANK: "1" }],
  ["a first value that does not fit, and a second", `RANK=${"9".repeat(513)}\0RANK=2\0`, {}],
  ["the longest value", `RANK=${"9".repeat(512)}\0`, { RANK: "9".repeat(512) }],
  ["an empty value", "RANK=\0", { RANK: "" }],
  ["a value with = in it", "RANK=a=b\0", { RANK: "a=b" }],
  ["no name", "=RANK=3\0=\0\0", {}],
  ["no value", "RANK\0", {}],
  ["a longer name", "SLURM_RANK=3\0RANK_=3\0", {}],
  [
    "no UTF-8",
    new Uint8Array([...Buffer.from("RANK="), 0xff, 0, ...Buffer.from("WORLD_SIZE=8"), 0]),
    { WORLD_SIZE: "8" },
  ],
  ["UTF-8", "TORCHELASTIC_RUN_ID=训练\0", { TORCHELASTIC_RUN_ID: "训练" }],
  ["a terminal's escape", "TORCHELASTIC_RUN_ID=\u001b[2J\0RANK=3\0", { RANK: "3" }],
  ["a mark that reverses text", "TORCHELASTIC_RUN_ID=a\u202eb\0RANK=3\0", { RANK: "3" }],
  ["two lines", "TORCHELASTIC_RUN_ID=a\nb\0RANK=3\0", { RANK: "3" }],
  ["a title in place of the first variables", "ray::IDLE\0\0\0\0\0K=4\0WORLD_SIZE=8\0", { WORLD_SIZE: "8" }],
  ["a name of an object's", "__proto__=1\0constructor=2\0RANK=3\0", { RANK: "3" }],
];

for (const [what, environ, found] of ODD)
  test(`an environment of ${what}`, () => assert.deepEqual(pick(environ), found));

test("of whatever bytes, only short printable values of those names come out", () => {
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 700 }),
    fc.constantFrom("RANK=", "WORLD_SIZE=", "\0", "=", "RANK=1\0").map((text) => new Uint8Array(Buffer.from(text))),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 20 }), (parts) => {
      for (const [name, value] of Object.entries(pick(Buffer.concat(parts)))) {
        assert.ok(NAMES.has(name));
        assert.ok(Buffer.byteLength(value) <= 512);
        assert.doesNotMatch(value, /[\p{Cc}\p{Cf}]/u);
      }
    }),
  );
});

test("what is set is found, whatever else is set", () => {
  const others = fc.array(fc.tuple(fc.stringMatching(/^[A-Z]{1,4}_X$/), fc.stringMatching(/^[ -~]{0,40}$/)));
  fc.assert(
    fc.property(others, others, fc.nat(), (before, after, rank) => {
      const entries = [...before, ["RANK", String(rank)], ...after].map(([name, value]) => `${name}=${value}\0`);
      assert.deepEqual(pick(entries.join("")), { RANK: String(rank) });
    }),
  );
});
