/** What is said of disks and file systems, by what failed there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { STORAGE_ERRORS } from "../../src/model/storage-errors.ts";
import type { CauseParts } from "../../src/views/sentences/en.ts";
import { sentencesOf } from "../../src/views/sentences/index.ts";

const PARTS: CauseParts = {
  who: "cat (1)",
  actor: null,
  members: ["cat (1)"],
  tids: [],
  entity: "fs:/mnt",
  detail: "",
  wait: null,
  held: null,
  place: null,
};

for (const lang of ["en", "zh"] as const) {
  test(`each has a sentence of its own that names the thing and whom it hits: ${lang}`, () => {
    const { causes } = sentencesOf(lang);
    const said = STORAGE_ERRORS.map((head) => causes["storage.error"]({ ...PARTS, detail: `${head}:more` }));
    assert.equal(new Set(said).size, STORAGE_ERRORS.length);
    for (const sentence of said) {
      assert.match(sentence, /cat \(1\)/);
      assert.match(sentence, /(?<!fs:)\/mnt/);
      assert.doesNotMatch(sentence, /more/);
    }
  });

  test(`what is none of them is told in its own words: ${lang}`, () => {
    const { causes } = sentencesOf(lang);
    assert.match(causes["storage.error"]({ ...PARTS, entity: "lustre", detail: "OST_DOWN" }), /lustre.*OST_DOWN/);
    assert.match(causes["storage.slow"]({ ...PARTS, entity: "sda", detail: "block.io" }), /^sda/);
  });
}
