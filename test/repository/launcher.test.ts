/** bin/xctl: from anywhere, through links, with the Node that came with it or the one on PATH, or a clear error. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, rmSync, symlinkSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { Sandbox } from "./sandbox.ts";

const LAUNCHER = join(import.meta.dirname, "..", "..", "bin", "xctl");
const MAIN = `console.log(JSON.stringify({ args: process.argv.slice(2), node: process.argv0, pid: process.pid }));`;
const skip = process.platform === "win32" ? "a POSIX shell script" : false;
const glibc = process.platform === "linux" && ["x64", "arm64"].includes(process.arch);
const skipWithoutNpmNode = glibc ? false : "npm has no Node 26 for this platform";

test("passes its arguments as they are, from any folder, through links", { skip }, async (t) => {
  const { box, xctl } = install(t);
  onPath(box, "v26.0.0");
  mkdirSync(join(box.root, "links"));
  symlinkSync(xctl, join(box.root, "links", "absolute"));
  symlinkSync("absolute", join(box.root, "links", "xctl"));
  const args = ["why", "4 2", "", "*", "--json", "$HOME", "it's"];
  const ended = await box.run("../links/xctl", args, join(box.root, "programs"));
  assert.equal(ended.stderr, "");
  assert.deepEqual(JSON.parse(ended.stdout).args, args);
});

test("becomes the Node it starts, so that signals and the exit status are that Node's", { skip }, async (t) => {
  const { box, xctl } = install(t);
  onPath(box, "v26.0.0");
  box.file("package/dist/main.js", `${MAIN} process.exitCode = 5;`);
  const ended = await box.run(xctl);
  assert.equal(JSON.parse(ended.stdout).pid, ended.pid);
  assert.equal(ended.status, 5);
});

for (const [where, modules] of [
  ["inside the package", "package/node_modules"],
  ["beside it, where npm hoisted it", "."],
]) {
  test(`prefers the Node that npm installed ${where}`, { skip: skip || skipWithoutNpmNode }, async (t) => {
    const { box, xctl } = install(t);
    onPath(box, "v20.0.0");
    const bin = join(box.root, `${modules}/node-linux-${process.arch}/bin`);
    mkdirSync(bin, { recursive: true });
    symlinkSync(process.execPath, join(bin, "node"));
    const ended = await box.run(xctl);
    assert.equal(ended.stderr, "");
    assert.match(JSON.parse(ended.stdout).node, /node-linux-/);
  });
}

test("without any Node says what to install", { skip }, async (t) => {
  const { box, xctl } = install(t);
  const ended = await box.run(xctl, ["ps"]);
  assert.equal(ended.status, 1);
  assert.equal(ended.stdout, "");
  assert.match(ended.stderr, /no node on PATH\n.*install Node 26/);
});

test("with too old a Node names its version", { skip }, async (t) => {
  const { box, xctl } = install(t);
  onPath(box, "v20.20.2");
  const ended = await box.run(xctl, ["ps"]);
  assert.equal(ended.status, 1);
  assert.equal(ended.stdout, "");
  assert.match(ended.stderr, /v20\.20\.2\n.*install Node 26/);
});

test("in a checkout sets up first, then only after a change, and keeps standard output clean", { skip }, async (t) => {
  const { box, xctl } = install(t);
  onPath(box, "v26.0.0");
  checkout(box, `echo setting up; mkdir -p node_modules; : >node_modules/.xctl-lock; : >dist/.stamp`);
  const setUps = async () => {
    const ended = await box.run(xctl, ["ps"]);
    assert.deepEqual(JSON.parse(ended.stdout).args, ["ps"]);
    return ended.stderr.split("setting up").length - 1;
  };
  const inAMinute = Date.now() / 1000 + 60;
  assert.equal(await setUps(), 1, "first");
  assert.equal(await setUps(), 0, "nothing changed");
  utimesSync(join(box.root, "package/src/deep/main.ts"), inAMinute, inAMinute);
  assert.equal(await setUps(), 1, "a source is newer");
  rmSync(join(box.root, "package/src/deep/main.ts"));
  utimesSync(join(box.root, "package/src/deep"), inAMinute, inAMinute);
  assert.equal(await setUps(), 1, "a source is gone");
  utimesSync(join(box.root, "package/src/deep"), 0, 0);
  assert.equal(await setUps(), 0, "nothing changed again");
  rmSync(join(box.root, "package/node_modules"), { recursive: true });
  assert.equal(await setUps(), 1, "no packages");
});

test("in a checkout that cannot be set up runs nothing", { skip }, async (t) => {
  const { box, xctl } = install(t);
  onPath(box, "v26.0.0");
  checkout(box, `echo '[setup] error: no network' >&2; exit 7`);
  const ended = await box.run(xctl, ["ps"]);
  assert.deepEqual([ended.status, ended.stdout, ended.stderr], [1, "", "[setup] error: no network\n"]);
});

/** A package as npm lays it out: the launcher and a main.js that tells what it was given. */
function install(t: TestContext): { box: Sandbox; xctl: string } {
  const box = new Sandbox(t);
  box.file("package/dist/main.js", MAIN);
  box.file("package/package.json", `{ "type": "module" }`);
  const xctl = box.file("package/bin/xctl", readFileSync(LAUNCHER, "utf8"), 0o755);
  return { box, xctl };
}

/** Makes it a checkout. `script` stands in for scripts/setup, which setup.test.ts is about. */
function checkout(box: Sandbox, script: string): void {
  for (const path of ["src/deep/main.ts", "package-lock.json", "rolldown.config.ts"]) box.file(`package/${path}`, "");
  box.file("package/scripts/setup", `cd "\${0%/*}/.."\n${script}\n`);
}

/** A node on PATH that claims a version, and is the one that runs this test. */
function onPath(box: Sandbox, version: string): void {
  box.program("node", `[ "$1" != --version ] || { echo ${version}; exit; }\nexec '${process.execPath}' "$@"`);
}
