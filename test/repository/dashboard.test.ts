/** The dashboard in docs/ is the one that the catalogue of metrics makes. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { dashboard } from "../../scripts/dashboard.ts";
import { FAMILIES } from "../../src/daemon/resource-metrics.ts";

const FILE = join(import.meta.dirname, "..", "..", "docs", "grafana-dashboard.json");

test("docs/grafana-dashboard.json is up to date", () => {
  const hint = "node scripts/grafana.ts >docs/grafana-dashboard.json";
  assert.deepEqual(JSON.parse(readFileSync(FILE, "utf8")), JSON.parse(JSON.stringify(dashboard())), hint);
});

test("every metric of a resource is on it", () => {
  const text = readFileSync(FILE, "utf8");
  for (const { name } of FAMILIES.flatMap(({ metrics }) => metrics)) assert.ok(text.includes(name), name);
});
