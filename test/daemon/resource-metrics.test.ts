/** What probes tell of resources becomes series, as many as there is room for and no older than believable. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FAMILIES, resourceSeries } from "../../src/daemon/resource-metrics.ts";
import type { Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";

const NOW = 1_700_000_000_000;

function seriesOf(events: readonly Omit<Event, "ts">[], atMs = NOW) {
  const graph = new Graph();
  for (const event of events) graph.apply({ ts: NOW, ...event });
  return resourceSeries(graph.resources(), graph.errors(), atMs);
}

const util = (gpu: string, value: string, rest: Partial<Event> = {}) =>
  ({ event_type: "compute.util", entity_id: gpu, value, ...rest }) as const;

test("a figure comes in base units, without the noise of the conversion", () => {
  const { series, leftOut } = seriesOf([util("gpu-00", "29")]);
  assert.deepEqual(series.get("xctl_gpu_utilization_ratio"), [{ labels: { gpu: "gpu-00" }, value: 0.29 }]);
  assert.equal(leftOut, 0);
});

test("a process's share is not the resource's figure", () => {
  assert.deepEqual([...seriesOf([util("gpu-00", "29", { pid: 10 })]).series], []);
});

test("what was not told for long is left out", () => {
  assert.deepEqual([...seriesOf([util("gpu-00", "29")], NOW + 301_000).series], []);
});

test("the series are bounded, and what had no room is counted", () => {
  const { series, leftOut } = seriesOf(Array.from({ length: 600 }, (_, index) => util(`gpu-${index}`, "1")));
  assert.equal(series.get("xctl_gpu_utilization_ratio")?.length, 512);
  assert.equal(leftOut, 88);
});

test("an error that holds is a series of its own until it ends", () => {
  const error = { event_type: "error.hw", entity_id: "gpu-00", value: "XID_79:fallen off the bus" } as const;
  assert.deepEqual(seriesOf([error]).series.get("xctl_resource_errors"), [
    { labels: { resource: "gpu-00", type: "error.hw", error: "XID_79", severity: "fault" }, value: 1 },
  ]);
  assert.equal(seriesOf([error, { ...error, attrs: { ended: true } }]).series.size, 0);
});

test("names and units are Prometheus's", () => {
  const metrics = FAMILIES.flatMap(({ metrics: own }) => own);
  const names = metrics.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, kind, help } of metrics) {
    assert.match(name, /^xctl_[a-z][a-z0-9_]*[a-z0-9]$/);
    assert.equal(name.endsWith("_total"), kind === "counter", name);
    assert.doesNotMatch(name, /_(?:ms|us|ns|kb|mb|mib|percent|mhz|watt_hours|millis\w*)(?:_total)?$/, name);
    assert.match(help, /^[A-Z].*\.$/, name);
  }
});
