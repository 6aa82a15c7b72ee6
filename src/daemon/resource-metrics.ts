/**
 * What probes tell of resources, under Prometheus's names and in its base units. A probe's new figure is a line here.
 * The series are bounded: figures of this list only, and so many resources of a family.
 */
import type { Attrs, EventType } from "../model/event.ts";
import type { ErrorNode, ResourceNode } from "../model/nodes.ts";
import { INTERFACE_FAMILY, RDMA_FAMILY, STACK_FAMILIES } from "./network-metrics.ts";
import { STORAGE_FAMILIES } from "./storage-metrics.ts";
import { TCP_FAMILY } from "./tcp-metrics.ts";

/** A kind of resource, whose figures share a label. */
export interface Family {
  /** The label that carries the resource's id. */
  label: string;
  has(entityId: string): boolean;
  /** Texts that come with the figures, as labels of one series that is always 1. */
  info?: { name: string; help: string; from: EventType; keys: readonly string[] };
  metrics: readonly ResourceMetric[];
}

export interface ResourceMetric {
  name: string;
  help: string;
  kind: "gauge" | "counter";
  from: EventType;
  /** Of the event's `attrs`; without it the event's value is meant. */
  key?: string;
  /** From the unit of the event to the base unit of the metric. */
  scale?: number;
}

const isGpu = (id: string) => id.startsWith("gpu-");

export const FAMILIES: readonly Family[] = [
  ...STORAGE_FAMILIES,
  TCP_FAMILY,
  {
    label: "gpu",
    has: isGpu,
    info: {
      name: "xctl_gpu_info",
      help: "What the GPU is called, and where it is plugged in.",
      from: "compute.util",
      keys: ["name", "uuid", "pci", "minor"],
    },
    metrics: [
      {
        name: "xctl_gpu_utilization_ratio",
        help: "Share of the time in which a kernel ran on the GPU.",
        kind: "gauge",
        from: "compute.util",
        scale: 0.01,
      },
      {
        name: "xctl_gpu_memory_used_bytes",
        help: "Memory of the GPU that is used.",
        kind: "gauge",
        from: "compute.mem",
        key: "used_bytes",
      },
      {
        name: "xctl_gpu_memory_size_bytes",
        help: "Memory of the GPU in all.",
        kind: "gauge",
        from: "compute.mem",
        key: "total_bytes",
      },
      {
        name: "xctl_gpu_memory_busy_ratio",
        help: "Share of the time in which the GPU's memory was read or written.",
        kind: "gauge",
        from: "compute.util",
        key: "memory_busy_percent",
        scale: 0.01,
      },
      {
        name: "xctl_gpu_temperature_celsius",
        help: "Temperature of the GPU.",
        kind: "gauge",
        from: "compute.util",
        key: "temperature_c",
      },
      {
        name: "xctl_gpu_hotspot_temperature_celsius",
        help: "Temperature of the GPU's hottest place.",
        kind: "gauge",
        from: "compute.util",
        key: "hotspot_temperature_c",
      },
      {
        name: "xctl_gpu_memory_temperature_celsius",
        help: "Temperature of the GPU's memory.",
        kind: "gauge",
        from: "compute.util",
        key: "memory_temperature_c",
      },
      {
        name: "xctl_gpu_gtt_used_bytes",
        help: "Memory of the machine that the GPU uses.",
        kind: "gauge",
        from: "compute.mem",
        key: "gtt_used_bytes",
      },
      {
        name: "xctl_gpu_power_watts",
        help: "Power that the GPU draws.",
        kind: "gauge",
        from: "compute.util",
        key: "power_w",
      },
      {
        name: "xctl_gpu_power_limit_watts",
        help: "Power that the GPU may draw.",
        kind: "gauge",
        from: "compute.util",
        key: "power_limit_w",
      },
      {
        name: "xctl_gpu_energy_joules_total",
        help: "Energy drawn since the driver was loaded.",
        kind: "counter",
        from: "compute.util",
        key: "energy_joules_total",
      },
      {
        name: "xctl_gpu_sm_clock_hertz",
        help: "Clock of the GPU's multiprocessors.",
        kind: "gauge",
        from: "compute.util",
        key: "sm_clock_mhz",
        scale: 1e6,
      },
      {
        name: "xctl_gpu_sm_clock_max_hertz",
        help: "Highest clock of the GPU's multiprocessors.",
        kind: "gauge",
        from: "compute.util",
        key: "sm_clock_max_mhz",
        scale: 1e6,
      },
      {
        name: "xctl_gpu_memory_clock_hertz",
        help: "Clock of the GPU's memory.",
        kind: "gauge",
        from: "compute.util",
        key: "memory_clock_mhz",
        scale: 1e6,
      },
      {
        name: "xctl_gpu_memory_clock_max_hertz",
        help: "Highest clock of the GPU's memory.",
        kind: "gauge",
        from: "compute.util",
        key: "memory_clock_max_mhz",
        scale: 1e6,
      },
      {
        name: "xctl_gpu_ecc_corrected_errors_total",
        help: "Errors of the GPU's memory that were corrected, since the driver was loaded.",
        kind: "counter",
        from: "compute.util",
        key: "ecc_corrected_total",
      },
      {
        name: "xctl_gpu_ecc_uncorrected_errors_total",
        help: "Errors of the GPU's memory that could not be corrected, since the driver was loaded.",
        kind: "counter",
        from: "compute.util",
        key: "ecc_uncorrected_total",
      },
      {
        name: "xctl_gpu_retired_pages",
        help: "Pages of the GPU's memory that are out of use.",
        kind: "gauge",
        from: "compute.util",
        key: "retired_pages",
      },
      {
        name: "xctl_gpu_remapped_rows",
        help: "Rows of the GPU's memory that were replaced.",
        kind: "gauge",
        from: "compute.util",
        key: "remapped_rows",
      },
      {
        name: "xctl_gpu_pcie_link_width",
        help: "Lanes of the PCIe link that are in use.",
        kind: "gauge",
        from: "compute.util",
        key: "pcie_width",
      },
      {
        name: "xctl_gpu_pcie_link_width_max",
        help: "Lanes that the PCIe link may have.",
        kind: "gauge",
        from: "compute.util",
        key: "pcie_width_max",
      },
      {
        name: "xctl_gpu_pcie_link_generation",
        help: "Generation at which the PCIe link runs; a GPU at rest lowers it.",
        kind: "gauge",
        from: "compute.util",
        key: "pcie_generation",
      },
      {
        name: "xctl_gpu_pcie_link_generation_max",
        help: "Highest generation of the PCIe link.",
        kind: "gauge",
        from: "compute.util",
        key: "pcie_generation_max",
      },
      {
        name: "xctl_gpu_pcie_replays_total",
        help: "Packets that were sent again over PCIe.",
        kind: "counter",
        from: "compute.util",
        key: "pcie_replay_total",
      },
      {
        name: "xctl_gpu_mig_instances",
        help: "Parts that the GPU is split into (MIG).",
        kind: "gauge",
        from: "compute.mem",
        key: "mig_instances",
      },
      {
        name: "xctl_gpu_nvlinks_up",
        help: "NVLinks of the GPU that are up.",
        kind: "gauge",
        from: "compute.util",
        key: "nvlinks_up",
      },
      {
        name: "xctl_gpu_nvlink_replays_total",
        help: "Packets that were sent again over NVLink.",
        kind: "counter",
        from: "compute.util",
        key: "nvlink_replay_total",
      },
      {
        name: "xctl_gpu_nvlink_recoveries_total",
        help: "Times that an NVLink was set up anew.",
        kind: "counter",
        from: "compute.util",
        key: "nvlink_recovery_total",
      },
      {
        name: "xctl_gpu_nvlink_crc_errors_total",
        help: "Packets with a wrong check sum on NVLink.",
        kind: "counter",
        from: "compute.util",
        key: "nvlink_crc_total",
      },
    ],
  },
  ...STACK_FAMILIES,
  RDMA_FAMILY,
  INTERFACE_FAMILY,
];

export interface Series {
  labels: Record<string, string>;
  value: number;
}

/** By a metric's name: its series at this moment. */
export interface ResourceSeries {
  series: Map<string, Series[]>;
  /** Resources that a family had no room for. */
  leftOut: number;
}

const MAX_RESOURCES_PER_FAMILY = 512;
const MAX_ERRORS = 512;
/** What was not told for so long is no figure of now. */
const STALE_AFTER_MS = 300_000;

export const ERRORS_METRIC = "xctl_resource_errors";

export function resourceSeries(
  resources: Iterable<ResourceNode>,
  errors: Iterable<ErrorNode>,
  nowMs: number,
): ResourceSeries {
  const series = new Map<string, Series[]>();
  const counts = new Map<Family, number>();
  let leftOut = 0;
  const add = (name: string, labels: Record<string, string>, value: number) => {
    const list = series.get(name);
    if (list === undefined) series.set(name, [{ labels, value }]);
    else list.push({ labels, value });
  };
  for (const resource of resources) {
    if (resource.metrics === undefined || nowMs - resource.metricAtMs > STALE_AFTER_MS) continue;
    const family = FAMILIES.find(({ has }) => has(resource.id));
    if (family === undefined) continue;
    const count = (counts.get(family) ?? 0) + 1;
    counts.set(family, count);
    if (count > MAX_RESOURCES_PER_FAMILY) leftOut++;
    else addResource(resource, family, add);
  }
  let shown = 0;
  for (const { entityId, eventType, value, told } of errors) {
    if (++shown > MAX_ERRORS) leftOut++;
    else {
      const error = value.split(":", 1)[0] as string;
      add(ERRORS_METRIC, { resource: entityId, type: eventType, error, severity: told.severity }, 1);
    }
  }
  return { series, leftOut };
}

function addResource(
  resource: ResourceNode,
  { label, info, metrics }: Family,
  add: (name: string, labels: Record<string, string>, value: number) => void,
): void {
  const labels = { [label]: resource.id };
  const known = info?.keys.map((key) => [key, factOf(resource, info.from, key)] as const) ?? [];
  if (info !== undefined && known.some(([, fact]) => fact !== undefined)) {
    add(info.name, { ...labels, ...Object.fromEntries(known.map(([key, fact]) => [key, String(fact ?? "")])) }, 1);
  }
  for (const { name, from, key, scale = 1 } of metrics) {
    const value = key === undefined ? figure(resource, from) : Number(factOf(resource, from, key));
    if (value !== undefined && Number.isFinite(value)) add(name, labels, scaled(value, scale));
  }
}

/** Where the figure that it mostly comes with is not known, it may come with another: a GPU in parts has no utilisation. */
function factOf({ facts }: ResourceNode, from: EventType, key: string): Attrs[string] | undefined {
  const told = [...(facts?.values() ?? [])];
  return facts?.get(from)?.[key] ?? told.find((each) => each[key] !== undefined)?.[key];
}

/** Of the resource as a whole, not of one process on it. */
function figure({ metrics }: ResourceNode, type: EventType): number | undefined {
  return metrics?.find((metric) => metric.type === type && !metric.ofProcess)?.value;
}

/** Without the last digit's noise that 29 * 0.01 leaves. */
function scaled(value: number, scale: number): number {
  return scale === 1 ? value : Number((value * scale).toPrecision(12));
}
