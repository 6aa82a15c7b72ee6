/** A GPU's reading as events: its figures, its MIG instances', and each process's share. */
import type { GpuProcess, GpuReading, MemoryReading } from "../../kernel/nvml-reading.ts";
import type { Attrs, Event } from "../../model/event.ts";
import { clocksReasonNames } from "./clocks.ts";
import { migId, placeOn } from "./gpu-names.ts";

const MAX_PROCESSES = 1024;
const MAX_TEXT = 96;

/** `processes`: those of the reading that are known to be what the driver means. */
export function figureEvents(
  entity: string,
  gpu: GpuReading,
  processes: readonly GpuProcess[],
  nowMs: number,
): Event[] {
  const events: Event[] = [];
  const facts = factsOf(gpu);
  const { utilPercent, memory } = gpu;
  if (utilPercent !== undefined) events.push(util(entity, utilPercent, nowMs, facts));
  // In MIG mode there is no utilisation to carry them.
  if (memory !== undefined) events.push(mem(entity, memory, nowMs, utilPercent === undefined ? facts : {}));
  for (const mig of gpu.migs) {
    if (mig.memory === undefined) continue;
    const { uuid, name, gpuInstance, computeInstance } = mig;
    const attrs = texts({ uuid, name, gpu_instance: gpuInstance, compute_instance: computeInstance });
    events.push(mem(migId(entity, mig), mig.memory, nowMs, attrs));
  }
  return [
    ...events,
    ...processes.slice(0, MAX_PROCESSES).flatMap((process) => shareEvents(entity, gpu, process, nowMs)),
  ];
}

/** A process's share; that it is on the GPU is told even where its share is not known. */
export function shareEvents(entity: string, { migs, memory }: GpuReading, process: GpuProcess, nowMs: number): Event[] {
  const { pid, usedBytes, smPercent } = process;
  const place = placeOn(entity, migs, process);
  const whole = place === entity ? memory : migs.find((mig) => migId(entity, mig) === place)?.memory;
  const percent = usedBytes === undefined || whole === undefined ? 0 : (100 * usedBytes) / whole.totalBytes;
  const attrs = usedBytes === undefined ? {} : { attrs: { used_bytes: usedBytes } };
  const common = { ts: nowMs, entity_id: place, pid };
  const events: Event[] = [{ ...common, event_type: "compute.mem", value: percentText(percent), ...attrs }];
  if (smPercent !== undefined) events.push({ ...common, event_type: "compute.util", value: percentText(smPercent) });
  return events;
}

function util(entity: string, percent: number, nowMs: number, attrs: Attrs): Event {
  return { ts: nowMs, event_type: "compute.util", entity_id: entity, value: percentText(percent), attrs };
}

function mem(entity: string, { usedBytes, totalBytes }: MemoryReading, nowMs: number, attrs: Attrs): Event {
  const value = percentText(totalBytes > 0 ? (100 * usedBytes) / totalBytes : 0);
  const all = { used_bytes: usedBytes, total_bytes: totalBytes, ...attrs };
  return { ts: nowMs, event_type: "compute.mem", entity_id: entity, value, attrs: all };
}

function factsOf(gpu: GpuReading): Attrs {
  const { name, uuid, pci, minor, figures, clocksReasons, links, migs } = gpu;
  return {
    ...texts({ name, uuid, pci, minor }),
    ...figures,
    ...(clocksReasons === undefined ? {} : { clocks_held_down_by: clocksReasonNames(clocksReasons).join(",") }),
    ...(links === undefined ? {} : { nvlinks_up: links.filter((link) => link === true).length }),
    ...(migs.length === 0 ? {} : { mig_instances: migs.length }),
  };
}

function texts(facts: Record<string, string | number | undefined>): Attrs {
  const attrs: Attrs = {};
  for (const [key, value] of Object.entries(facts)) {
    if (typeof value === "string") attrs[key] = value.slice(0, MAX_TEXT).toWellFormed();
    else if (value !== undefined) attrs[key] = value;
  }
  return attrs;
}

function percentText(percent: number): string {
  return String(Math.round(10 * Math.min(Math.max(percent, 0), 100)) / 10);
}
