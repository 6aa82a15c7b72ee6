/** scripts/setup: does what is out of date, once, and says what is missing. npm and the bundler are stand-ins here. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Sandbox } from "./sandbox.ts";

const SETUP = join(import.meta.dirname, "..", "..", "scripts", "setup");
const skip = process.platform === "win32" ? "a POSIX shell script" : false;

/** Installs a Node 26 and a bundler that copies src/main.ts to where `--dir` says. */
const NPM = `
echo npm >>log
echo 'added 2 packages'
mkdir -p node_modules/.bin
printf '#!/bin/sh\\necho v26.0.0\\n' >node_modules/.bin/node
printf '#!/bin/sh\\necho build >>log; echo a chart; sleep 0.2; cp src/main.ts "$4/main.js"\\n' >node_modules/.bin/rolldown
chmod +x node_modules/.bin/*
`;

test("installs and builds in a fresh checkout, a line a step, nothing on standard output", { skip }, async (t) => {
  const box = checkout(t);
  const ended = await setUp(box);
  assert.deepEqual(ended, {
    status: 0,
    stdout: "",
    stderr: "[setup] installing packages\n[setup] building dist\n",
  });
  assert.equal(readFileSync(join(box.root, "dist/main.js"), "utf8"), "1");
  assert.deepEqual(steps(box), ["npm", "build"]);
});

test("does nothing, and says nothing, where nothing changed", { skip }, async (t) => {
  const box = checkout(t);
  await setUp(box);
  assert.deepEqual(await setUp(box), { status: 0, stdout: "", stderr: "" });
  assert.deepEqual(steps(box), ["npm", "build"]);
});

test("builds after a source changed, installs after the lock file did", { skip }, async (t) => {
  const box = checkout(t);
  await setUp(box);
  box.file("src/main.ts", "2");
  await setUp(box);
  assert.equal(readFileSync(join(box.root, "dist/main.js"), "utf8"), "2");
  assert.deepEqual(steps(box), ["npm", "build", "build"]);
  box.file("src/main.ts", "3");
  box.file("package-lock.json", "another");
  await setUp(box);
  assert.deepEqual(steps(box), ["npm", "build", "build", "npm", "build"]);
});

test("a build that fails leaves the old bundle in place", { skip }, async (t) => {
  const box = checkout(t);
  await setUp(box);
  rmSync(join(box.root, "src/main.ts"));
  const ended = await setUp(box);
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /\[setup\] error: the build failed/);
  assert.equal(readFileSync(join(box.root, "dist/main.js"), "utf8"), "1");
});

test("two at once do the work once", { skip }, async (t) => {
  const box = checkout(t);
  if (!existsSync(join(box.root, "programs/flock"))) return t.skip("no flock(1) here");
  const both = await Promise.all([setUp(box), setUp(box)]);
  assert.deepEqual(
    both.map((ended) => ended.status),
    [0, 0],
  );
  assert.deepEqual(steps(box), ["npm", "build"]);
});

test("without npm says what to install", { skip }, async (t) => {
  const box = checkout(t);
  rmSync(join(box.root, "programs/npm"));
  const ended = await setUp(box);
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /error: npm is missing\n.*install Node 20/);
});

test("with a Node below 20 names its version", { skip }, async (t) => {
  const box = checkout(t);
  box.program("node", "echo v18.19.0");
  const ended = await setUp(box);
  assert.equal(ended.status, 1);
  assert.match(ended.stderr, /v18\.19\.0\n/);
  assert.equal(existsSync(join(box.root, "log")), false);
});

test("when npm fails shows why, and tries again the next time", { skip }, async (t) => {
  const box = checkout(t);
  box.program("npm", "echo 'npm error code ENOTFOUND' >&2; mkdir node_modules; exit 1");
  const failed = await setUp(box);
  assert.equal(failed.status, 1);
  assert.match(failed.stderr, /ENOTFOUND\n\[setup\] error: npm could not install/);
  box.program("npm", NPM);
  assert.equal((await setUp(box)).status, 0);
});

function checkout(t: TestContext): Sandbox {
  const box = new Sandbox(t);
  box.file("scripts/setup", readFileSync(SETUP, "utf8"), 0o755);
  box.file("src/main.ts", "1");
  box.file("package-lock.json", "{}");
  box.file("rolldown.config.ts", "");
  box.program("node", "echo v20.0.0");
  box.program("npm", NPM);
  return box;
}

async function setUp(box: Sandbox): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const { status, stdout, stderr } = await box.run(join(box.root, "scripts/setup"), [], "/");
  return { status, stdout, stderr };
}

function steps(box: Sandbox): string[] {
  return readFileSync(join(box.root, "log"), "utf8").trim().split("\n");
}
