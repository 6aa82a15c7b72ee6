/** The exposition text, with a series of every metric there is, as Prometheus's own checker reads it. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { makeMetrics } from "../../src/daemon/metrics.ts";
import { ERRORS_METRIC, FAMILIES, type Series } from "../../src/daemon/resource-metrics.ts";
import type { StatusResult } from "../../src/protocol/methods.ts";

const installed = spawnSync("promtool", ["--version"]).status === 0;

const STATUS: StatusResult = {
  version: "0",
  node: "vm",
  uptime_ms: 1,
  rss_bytes: 1,
  events: { received: 1, applied: 1, rejected: 0, dropped: 0 },
  rejections: { ts: 1 },
  graph: { processes: 1, resources: 1, errors: 1, edges: { consumes: 1, waits_on: 1, held_by: 1, blocked_by: 1 } },
  sampler: null,
  ebpf_lost: { process: 3 },
  probes: [
    { name: "nvml", state: "running", pid: null, restarts: 0, events: 1, rejected: 0, last_error: null },
    { name: 'a "b"\n\\', state: "failed", pid: 1, restarts: 1, events: 1, rejected: 0, last_error: "x" },
  ],
  recording: null,
};

async function exposition(): Promise<string> {
  const series = new Map<string, Series[]>();
  for (const { label, info, metrics } of FAMILIES) {
    const labels = { [label]: 'one "of"\nthem' };
    for (const { name } of metrics) series.set(name, [{ labels, value: 1.5 }]);
    const facts = Object.fromEntries((info?.keys ?? []).map((key) => [key, "\\ text"]));
    if (info !== undefined) series.set(info.name, [{ labels: { ...labels, ...facts }, value: 1 }]);
  }
  const error = { resource: "gpu-00", type: "error.hw", error: "XID_79", severity: "fault" };
  series.set(ERRORS_METRIC, [{ labels: error, value: 1 }]);
  return (await makeMetrics()).text(STATUS, 0, { series, leftOut: 0 });
}

test("promtool finds nothing to complain of", { skip: installed ? false : "promtool is not installed" }, async () => {
  const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], {
    input: await exposition(),
    encoding: "utf8",
  });
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
});

test("there is a series of every metric", async () => {
  const text = await exposition();
  for (const { name } of FAMILIES.flatMap(({ metrics }) => metrics)) assert.match(text, new RegExp(`^${name}\\{`, "m"));
});
