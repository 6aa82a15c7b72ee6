/** What vocabulary.ts says that the probes say, they say, and what they say is there. */
import assert from "node:assert/strict";
import { globSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { STORAGE_ERRORS } from "../../src/model/storage-errors.ts";
import { GPU_CONDITIONS } from "../../src/model/xid.ts";
import { HEADS, isToldHead, isToldWaitKind, MADE_HEADS, MADE_WAIT_KINDS, ROLES, WAIT_KINDS } from "./vocabulary.ts";

const ROOT = join(import.meta.dirname, "..", "..");

/** The code of a file or of all files below a folder, without its comments. */
function codeOf(place: string): string {
  const path = join(ROOT, place);
  const files = statSync(path).isDirectory()
    ? globSync("**/*.ts", { cwd: path }).map((file) => join(path, file))
    : [path];
  assert.ok(files.length > 0, place);
  return files.map((file) => readFileSync(file, "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "")).join("\n");
}

const PROBES = ["network", "ebpf-network", "storage", "nvml", "drm", "process"].map((name) => `src/probes/${name}`);

test("every head of an error is a word of its probe's", () => {
  for (const [place, heads] of Object.entries(HEADS)) {
    const code = codeOf(place);
    assert.deepEqual(
      heads.filter((head) => !code.includes(`"${head}"`)),
      [],
      place,
    );
  }
  for (const [, file, text] of MADE_HEADS) assert.ok(codeOf(file).includes(text), `${file}: ${text}`);
});

test("every head that a probe's source gives an error is in the list", () => {
  const heads = PROBES.flatMap((place) =>
    Array.from(
      codeOf(place).matchAll(/\bhead(?:: | = )(?:[^",;]+\? )?"(\w+)"(?: : "(\w+)")?/g),
      ([, first, second]) => [first as string, ...(second === undefined ? [] : [second])],
    ).flat(),
  );
  assert.ok(heads.length > 20, heads.join(" "));
  assert.deepEqual(
    heads.filter((head) => !isToldHead(head)),
    [],
  );
});

test("the model knows the storage probe's heads and those of GPUs, and no others", () => {
  const storage = [...(HEADS["src/probes/storage"] ?? []), ...(HEADS["src/kernel/kmsg.ts"] ?? [])];
  assert.deepEqual([...new Set(storage)].toSorted(), STORAGE_ERRORS.toSorted());
  const gpu = [...(HEADS["src/probes/nvml"] ?? []), ...(HEADS["src/probes/drm"] ?? [])];
  assert.deepEqual([...new Set(gpu)].toSorted(), GPU_CONDITIONS.toSorted());
});

test("every kind of wait is a word of the process probe's, or made by it or the network probe's", () => {
  const code = codeOf("src/probes/process");
  assert.deepEqual(
    WAIT_KINDS.filter((kind) => !code.includes(`"${kind}"`)),
    [],
  );
  for (const [, file, text] of MADE_WAIT_KINDS) assert.ok(codeOf(file).includes(text), `${file}: ${text}`);
});

test("every kind that the process probe's source gives a wait is in the list", () => {
  const code = codeOf("src/probes/process");
  const kinds = Array.from(
    code.matchAll(/waitFact\(\s*task,\s*(?:\w+ \? )?"([^"]+)"(?: : "([^"]+)")?|\bkind: "([a-z]+\.[a-z]+)"/g),
    ([, ...found]) => found.filter((kind) => kind !== undefined),
  ).flat();
  assert.ok(kinds.length > 30, kinds.join(" "));
  assert.deepEqual(
    kinds.filter((kind) => !isToldWaitKind(kind)),
    [],
  );
});

test("the roles are those of the process probe's facts", () => {
  const type = /export type Role = ([^;]+);/.exec(codeOf("src/probes/process/fact.ts"))?.[1] ?? "";
  const roles = Array.from(type.matchAll(/"(\w+)"/g), (match) => match[1]);
  assert.deepEqual(roles.toSorted(), ROLES.toSorted());
});

test("docs/events.md tells of every kind of wait and role, the documents of the probes of every head", () => {
  const events = readFileSync(join(ROOT, "docs/events.md"), "utf8");
  assert.deepEqual(
    [...WAIT_KINDS, ...ROLES].filter((word) => !events.includes(`\`${word}\``)),
    [],
  );
  const probes = ["docs/probes.md", "docs/ebpf.md"].map((file) => readFileSync(join(ROOT, file), "utf8")).join("\n");
  assert.deepEqual(
    Object.values(HEADS)
      .flat()
      .filter((head) => !new RegExp(`\`${head}\\b`).test(probes)),
    [],
  );
});
