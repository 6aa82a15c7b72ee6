/** No file of the tree says that it is unfinished, or where it was written. */
import assert from "node:assert/strict";
import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const ROOT = join(import.meta.dirname, "..", "..");
const NOT_OURS = ["**/node_modules", ".git", "dist", "dist.*", "package-lock.json", "test/fixtures"];

const files = globSync(["**/*", ".*", ".ci/*"], { cwd: ROOT, exclude: NOT_OURS }).filter((file) =>
  statSync(join(ROOT, file)).isFile(),
);

test("the tree is searched", () => {
  for (const file of ["bin/xctl", "package.json", ".ci/run", "test/repository/paths.test.ts"]) {
    assert.ok(files.includes(file), file);
  }
});

test("nothing is marked as left to do", () => {
  // The brackets keep this line from finding itself.
  assert.deepEqual(linesWith(/\b(?:TO[D]O|FIX[M]E|X[X]X)\b/), []);
});

test("no path of the machine it was written on", (t) => {
  if (ROOT.split("/").length < 3) return t.skip(`the tree's own path, ${ROOT}, is too plain to search for`);
  const own = new RegExp(`${RegExp.escape(ROOT)}\\b|/home/[a-z]\\w*/|/Users/[A-Za-z]\\w*/`);
  assert.deepEqual(linesWith(own), []);
});

function linesWith(pattern: RegExp): string[] {
  return files.flatMap((file) =>
    readFileSync(join(ROOT, file), "utf8")
      .split("\n")
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 120)}`] : [])),
  );
}
