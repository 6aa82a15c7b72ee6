/** A sample and what was measured between it and the last one → figures of each card, and each process's share. */
import type { CardFigures } from "../../kernel/drm-card.ts";
import type { DrmSample } from "../../kernel/drm-sampler.ts";
import type { DrmCard } from "../../kernel/drm.ts";
import type { SensorReadings } from "../../kernel/hwmon.ts";
import { gpuId } from "../../model/entity.ts";
import type { Attrs, Event } from "../../model/event.ts";
import type { CardUse, Share, Usage } from "./usage.ts";

/** These tell no use of the whole card, but count that of each client: no clients, no use. */
const COUNTING_CLIENTS: ReadonlySet<string> = new Set(["i915", "xe"]);

export function figureEvents({ cards }: Pick<DrmSample, "cards">, usage: Usage, nowMs: number): Event[] {
  return cards.flatMap(({ card, figures }) => {
    const use = usage.get(card.name) ?? { shares: [], busyPercent: undefined };
    return [
      ...cardEvents(card, figures, use, nowMs),
      ...use.shares.flatMap((share) => shareEvents(card, figures, share, nowMs)),
    ];
  });
}

function cardEvents(card: DrmCard, figures: CardFigures, use: CardUse, ts: number): Event[] {
  const entity = gpuId(card.name);
  const events: Event[] = [];
  const busy = busyPercent(card, figures, use);
  if (busy !== undefined) events.push(event("compute.util", entity, busy, ts, factsOf(card, figures)));
  const { vramUsedBytes: used, vramTotalBytes: total } = figures;
  const full = percentOf(used, total);
  if (full === undefined) return events;
  const attrs = known({ used_bytes: used, total_bytes: total, gtt_used_bytes: figures.gttUsedBytes });
  return [...events, event("compute.mem", entity, full, ts, attrs)];
}

/** Who has a card open and neither memory on it nor work for it does not use it. */
function shareEvents(card: DrmCard, { vramTotalBytes }: CardFigures, share: Share, ts: number): Event[] {
  const { pid, busyPercent: busy, memoryBytes } = share;
  if (!memoryBytes && !busy) return [];
  const entity = gpuId(card.name);
  const events: Event[] = [];
  if (busy !== undefined) events.push({ ...event("compute.util", entity, busy, ts), pid });
  const full = percentOf(memoryBytes, vramTotalBytes);
  if (full !== undefined && memoryBytes) {
    events.push({ ...event("compute.mem", entity, full, ts, { used_bytes: memoryBytes }), pid });
  }
  return events;
}

function busyPercent({ driver }: DrmCard, figures: CardFigures, use: CardUse): number | undefined {
  if (figures.suspended) return 0;
  return figures.busyPercent ?? use.busyPercent ?? (COUNTING_CLIENTS.has(driver) ? 0 : undefined);
}

function factsOf(card: DrmCard, figures: CardFigures): Attrs {
  const { sensors, link, errors } = figures;
  const total = (of: "corrected" | "uncorrected") => errors?.reduce((sum, block) => sum + block[of], 0);
  return known({
    driver: card.driver,
    pci: card.pci,
    suspended: figures.suspended,
    memory_busy_percent: figures.memoryBusyPercent,
    ...temperatures(sensors),
    power_w: sensors?.powerW,
    power_limit_w: sensors?.powerLimitW,
    energy_joules_total: sensors?.energyJ,
    fan_rpm: sensors?.fanRpm,
    sm_clock_mhz: figures.clockMhz ?? sensors?.clockMhz,
    sm_clock_max_mhz: figures.maxClockMhz,
    clocks_held_down_by: figures.throttled?.join(","),
    pcie_width: link?.width,
    pcie_width_max: link?.maxWidth,
    pcie_speed_gts: link?.speedGts,
    pcie_speed_max_gts: link?.maxSpeedGts,
    ecc_corrected_total: total("corrected"),
    ecc_uncorrected_total: total("uncorrected"),
  });
}

/** `edge` is what is meant by a card's temperature where there are several. */
function temperatures(sensors: SensorReadings | undefined): Record<string, number | undefined> {
  const of = (pattern: RegExp) => sensors?.temperatures.find(({ label }) => pattern.test(label))?.celsius;
  return {
    temperature_c: of(/^(?:edge|pkg)$/) ?? sensors?.temperatures[0]?.celsius,
    hotspot_temperature_c: of(/^junction$/),
    memory_temperature_c: of(/^(?:mem|vram)$/),
  };
}

function percentOf(part: number | undefined, whole: number | undefined): number | undefined {
  return part === undefined || whole === undefined || whole <= 0 ? undefined : Math.min(100, (100 * part) / whole);
}

function event(
  type: "compute.util" | "compute.mem",
  entity: string,
  percent: number,
  ts: number,
  attrs?: Attrs,
): Event {
  const value = String(Math.round(percent * 10) / 10);
  return { ts, event_type: type, entity_id: entity, value, ...(attrs === undefined ? {} : { attrs }) };
}

function known(facts: Record<string, string | number | boolean | undefined>): Attrs {
  const attrs: Attrs = {};
  for (const [key, value] of Object.entries(facts)) {
    if (value === undefined || (typeof value === "number" && !Number.isFinite(value))) continue;
    attrs[key] = typeof value === "number" ? Math.round(value * 1000) / 1000 : value;
  }
  return attrs;
}
