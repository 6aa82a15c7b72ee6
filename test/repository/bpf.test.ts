/** The committed eBPF objects are those of the committed sources. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const FOLDER = join(import.meta.dirname, "..", "..", "bpf");
const HINT = "run bpf/build and commit what it makes";

/** `<sha256>  <path>` a line, as sha256sum writes them. */
const recorded = new Map(
  readFileSync(join(FOLDER, "objects.sha256"), "utf8")
    .trim()
    .split("\n")
    .map((line) => [line.slice(66).replace(/^\.\//, ""), line.slice(0, 64)] as const),
);

test("what was built from what is written down, and nothing has changed since", () => {
  for (const [file, sum] of recorded) {
    const now = createHash("sha256")
      .update(readFileSync(join(FOLDER, file)))
      .digest("hex");
    assert.equal(now, sum, `${file}: ${HINT}`);
  }
});

test("every source is built, for both architectures", () => {
  const sources = globSync("*.{h,bpf.c}", { cwd: FOLDER });
  const objects = globSync("*/*.o", { cwd: FOLDER });
  assert.ok(sources.includes("tasks.bpf.c"));
  assert.deepEqual([...recorded.keys()].toSorted(), [...sources, ...objects].toSorted(), HINT);
  for (const source of sources.filter((name) => name.endsWith(".c"))) {
    const name = source.replace(".bpf.c", ".o");
    assert.ok(objects.includes(`x64/${name}`) && objects.includes(`arm64/${name}`), `${source}: ${HINT}`);
  }
});
