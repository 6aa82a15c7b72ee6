/** What is wrong with a card by its own figures: a link with fewer lanes, clocks held down, memory errors. */
import type { CardFigures, ErrorCounts } from "../../kernel/drm-card.ts";
import type { DrmSample } from "../../kernel/drm-sampler.ts";
import type { DrmCard } from "../../kernel/drm.ts";
import { gpuId } from "../../model/entity.ts";
import type { Event } from "../../model/event.ts";
import type { Trouble } from "../standing.ts";

/** A card at the limit of its power works as it should; one that saves itself from heat or from its supply does not. */
const OF_POWER_LIMIT = /^(?:pl\d|psys_pl\d|ratl|fastvmode|p0_freq|status)$/;

export function troublesOf({ cards }: Pick<DrmSample, "cards">): Trouble[] {
  return cards.flatMap(({ card, figures }) => [...linkTrouble(card, figures), ...clockTrouble(card, figures)]);
}

function linkTrouble(card: DrmCard, { link }: CardFigures): Trouble[] {
  if (link === undefined || link.width >= link.maxWidth) return [];
  return [
    {
      type: "topo.link_down",
      entity: gpuId(card.name),
      head: "PCIE_DEGRADED",
      more: `${link.width} of ${link.maxWidth} lanes`,
      severity: "warning",
      source: `/sys/class/drm/${card.name}/device/current_link_width`,
      observed: `${link.width} lanes, where the card and its slot have ${link.maxWidth}`,
      label: labelOf(card),
    },
  ];
}

function clockTrouble(card: DrmCard, { throttled = [], sensors }: CardFigures): Trouble[] {
  const reasons = throttled.filter((reason) => !OF_POWER_LIMIT.test(reason)).sort();
  const hot = sensors?.temperatures.find(({ celsius, criticalCelsius }) => celsius >= (criticalCelsius ?? Infinity));
  if (reasons.length === 0 && hot === undefined) return [];
  const device = `/sys/class/drm/${card.name}/device`;
  const heat =
    hot && `${`${hot.label} `.trimStart()}temperature ${hot.celsius} °C, critical from ${hot.criticalCelsius} °C`;
  return [
    {
      type: "error.hw",
      entity: gpuId(card.name),
      head: "THROTTLED",
      more: reasons.length > 0 ? reasons.join(", ") : "temperature",
      severity: "warning",
      cause: "gpu.throttled",
      source: reasons.length > 0 ? `${device}: the driver's reasons for throttling` : `${device}/hwmon`,
      observed: reasons.length > 0 ? reasons.join(", ") : (heat ?? ""),
      label: labelOf(card),
    },
  ];
}

/** Memory errors that could not be corrected since the last look: what was counted before, nobody waits for now. */
export class MemoryErrors {
  readonly #counted = new Map<string, number>();

  look({ cards }: Pick<DrmSample, "cards">, nowMs: number): Event[] {
    return cards.flatMap(({ card, figures }) =>
      (figures.errors ?? []).flatMap((counts) => this.#risen(card, counts, nowMs) ?? []),
    );
  }

  #risen(card: DrmCard, { block, uncorrected }: ErrorCounts, ts: number): Event | undefined {
    const key = `${card.name} ${block}`;
    const before = this.#counted.get(key);
    this.#counted.set(key, uncorrected);
    if (before === undefined || uncorrected <= before) return undefined;
    return {
      ts,
      event_type: "error.hw",
      entity_id: gpuId(card.name),
      value: `ECC_UNCORRECTED:${uncorrected - before} in ${block}`,
      attrs: {
        severity: "fault",
        source: `/sys/class/drm/${card.name}/device/ras/${block}_err_count`,
        observed: `ue: ${uncorrected}, before: ${before}`,
        label: labelOf(card),
      },
    };
  }
}

/** `amdgpu 0000:03:00.0` */
export function labelOf({ driver, pci, name }: DrmCard): string {
  return `${driver} ${pci ?? name}`;
}
