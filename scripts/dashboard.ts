/** The Grafana dashboard: a row for each family of resources, a panel for each of its metrics; first what is wrong. */
import { ERRORS_METRIC, FAMILIES, type Family, type ResourceMetric } from "../src/daemon/resource-metrics.ts";

const WIDTH = 24;
const PANEL_WIDTH = 8;
const PANEL_HEIGHT = 7;
const DATASOURCE = { type: "prometheus", uid: "${datasource}" };

/** Grafana's names of units, by how a metric's name ends. */
const UNITS: readonly [RegExp, string][] = [
  [/_seconds(_total)?$/, "s"],
  [/_bytes(_total)?$/, "bytes"],
  [/_ratio$/, "percentunit"],
  [/_celsius$/, "celsius"],
  [/_watts$/, "watt"],
  [/_joules(_total)?$/, "joule"],
  [/_hertz$/, "hertz"],
];

interface Target {
  expr: string;
  legend: string;
}

export function dashboard(): object {
  const panels: object[] = [];
  let y = 0;
  const row = (title: string, charts: readonly { title: string; unit: string; target: Target }[]) => {
    panels.push({ type: "row", title, gridPos: { x: 0, y: y++, w: WIDTH, h: 1 }, collapsed: false, panels: [] });
    for (const [index, { title: name, unit, target }] of charts.entries()) {
      const x = (index * PANEL_WIDTH) % WIDTH;
      if (index > 0 && x === 0) y += PANEL_HEIGHT;
      panels.push(chart(name, unit, target, { x, y, w: PANEL_WIDTH, h: PANEL_HEIGHT }));
    }
    y += PANEL_HEIGHT;
  };
  row("What is wrong, and xctl itself", [
    {
      title: "Faults and warnings that hold now",
      unit: "short",
      target: { expr: ERRORS_METRIC, legend: "{{severity}} {{resource}} {{error}}" },
    },
    { title: "Probes that run", unit: "short", target: { expr: "xctl_probe_up", legend: "{{probe}}" } },
    {
      title: "CPU of the daemon",
      unit: "percentunit",
      target: { expr: "rate(process_cpu_seconds_total[$__rate_interval])", legend: "cores" },
    },
  ]);
  for (const { label, metrics } of FAMILIES)
    row(
      titleOf({ label }),
      metrics.map((metric) => panelOf(metric, label)),
    );
  return {
    title: "xctl",
    uid: "xctl",
    tags: ["xctl"],
    schemaVersion: 39,
    editable: true,
    refresh: "10s",
    time: { from: "now-1h", to: "now" },
    templating: { list: [{ name: "datasource", type: "datasource", query: "prometheus", label: "Data source" }] },
    panels: panels.map((panel, index) => Object.assign({ id: index + 1 }, panel)),
  };
}

function titleOf({ label }: Pick<Family, "label">): string {
  const words = label.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function panelOf({ name, help, kind }: ResourceMetric, label: string) {
  const unit = UNITS.find(([end]) => end.test(name))?.[1] ?? "short";
  const expr = kind === "counter" ? `rate(${name}[$__rate_interval])` : name;
  // Seconds a second are a share; bytes a second have a unit of their own.
  const rated = unit === "s" ? "percentunit" : unit === "bytes" ? "Bps" : unit === "joule" ? "watt" : unit;
  return {
    title: help.replace(/\.$/, ""),
    unit: kind === "counter" ? rated : unit,
    target: { expr, legend: `{{${label}}}` },
  };
}

function chart(title: string, unit: string, { expr, legend }: Target, gridPos: object): object {
  return {
    type: "timeseries",
    title,
    datasource: DATASOURCE,
    gridPos,
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: [{ refId: "A", datasource: DATASOURCE, expr, legendFormat: legend }],
  };
}
