/**
 * One graphics card's figures, as the drivers amdgpu, i915 and xe show them in sysfs: use, memory, sensors, link,
 * throttling, memory errors. What another driver shows under the same names is read as well. Many of these files ask
 * the card's firmware, which may take seconds when it is sick, so whoever reads them can be killed.
 */
import { realpathSync } from "node:fs";
import type { DrmCard } from "./drm.ts";
import { namesIn } from "./folders.ts";
import { numberIn, readSensors, sensorFiles, sensorFolder, type SensorReadings } from "./hwmon.ts";
import { readPcieLink, type PcieLink } from "./pcie-link.ts";
import { readText } from "./procfs.ts";

export interface CardFigures {
  /** The card sleeps, and reading its sensors would wake it: nothing else is known. */
  suspended?: true;
  busyPercent?: number;
  /** Share of the time in which the memory was at work; not how full it is. */
  memoryBusyPercent?: number;
  vramTotalBytes?: number;
  vramUsedBytes?: number;
  /** The machine's memory, as far as the card uses it. */
  gttUsedBytes?: number;
  sensors?: SensorReadings;
  clockMhz?: number;
  maxClockMhz?: number;
  link?: PcieLink;
  /** Why the clocks are held down, in the driver's words: `thermal`, `pl1`; empty where they are not. */
  throttled?: string[];
  /** Memory errors since the driver was loaded, by the part of the card, as of when they were last asked for. */
  errors?: ErrorCounts[];
}

export interface ErrorCounts {
  /** `umc`, `gfx`, `sdma`, … */
  block: string;
  corrected: number;
  uncorrected: number;
}

const MAX_TILES = 8;
const MAX_BLOCKS = 32;
const MAX_REASONS = 24;

export class CardReader {
  readonly card: DrmCard;
  readonly #folder: string;
  readonly #device: string;
  readonly #sensors: { folder: string; files: ReadonlySet<string> } | undefined;
  readonly #throttles: readonly string[];
  readonly #blocks: readonly string[];
  readonly #maxClockMhz: number | undefined;
  #errors: ErrorCounts[] | undefined;

  constructor(card: DrmCard, sys: string) {
    this.card = card;
    this.#folder = `${sys}/class/drm/${card.name}`;
    this.#device = resolved(`${this.#folder}/device`);
    const sensors = sensorFolder(this.#device);
    this.#sensors = sensors === undefined ? undefined : { folder: sensors, files: sensorFiles(sensors) };
    this.#throttles = throttleFolders(this.#folder, this.#device);
    this.#blocks = namesIn(`${this.#device}/ras`)
      .filter((name) => name.endsWith("_err_count"))
      .slice(0, MAX_BLOCKS);
    this.#maxClockMhz = this.#isSuspended() ? undefined : this.#readMaxClock();
  }

  /** `withErrors`: the memory errors anew, for which the driver looks through the card's registers. */
  read(withErrors: boolean): CardFigures {
    if (this.#isSuspended()) return { suspended: true };
    if (withErrors && this.#blocks.length > 0) this.#errors = this.#readErrors();
    const figures: CardFigures = {};
    const read = (name: string) => numberIn(readText(`${this.#device}/${name}`));
    const known = {
      busyPercent: percent(read("gpu_busy_percent")),
      memoryBusyPercent: percent(read("mem_busy_percent")),
      vramTotalBytes: read("mem_info_vram_total"),
      vramUsedBytes: read("mem_info_vram_used"),
      gttUsedBytes: read("mem_info_gtt_used"),
      sensors: this.#sensors && readSensors(this.#sensors.folder, this.#sensors.files),
      clockMhz: this.#readClock(),
      maxClockMhz: this.#maxClockMhz,
      link: this.card.pci === undefined ? undefined : readPcieLink(this.#device),
      throttled: this.#readThrottle(),
      errors: this.#errors,
    };
    for (const [key, value] of Object.entries(known)) if (value !== undefined) Object.assign(figures, { [key]: value });
    return figures;
  }

  /** Documentation/ABI/testing/sysfs-devices-power; reading this wakes nothing. */
  #isSuspended(): boolean {
    return readText(`${this.#device}/power/runtime_status`)?.trim() === "suspended";
  }

  /** Of i915 and xe; amdgpu's is a sensor. */
  #readClock(): number | undefined {
    return (
      numberIn(readText(`${this.#folder}/gt/gt0/rps_act_freq_mhz`)) ??
      numberIn(readText(`${this.#folder}/gt_act_freq_mhz`)) ??
      numberIn(readText(`${this.#device}/tile0/gt0/freq0/act_freq`))
    );
  }

  #readMaxClock(): number | undefined {
    return (
      parseHighestLevel(readText(`${this.#device}/pp_dpm_sclk`) ?? "") ??
      numberIn(readText(`${this.#folder}/gt/gt0/rps_RP0_freq_mhz`)) ??
      numberIn(readText(`${this.#folder}/gt_RP0_freq_mhz`)) ??
      numberIn(readText(`${this.#device}/tile0/gt0/freq0/rp0_freq`))
    );
  }

  /** Undefined where the driver does not tell. */
  #readThrottle(): string[] | undefined {
    if (this.#throttles.length === 0) return undefined;
    const reasons = new Set<string>();
    for (const folder of this.#throttles) {
      if (numberIn(readText(`${folder}/status`) ?? readText(`${folder}/throttle_reason_status`)) === 0) continue;
      for (const name of namesIn(folder)) {
        const reason = /^(?:throttle_)?reason_(?!status$)(\w+)$/.exec(name)?.[1];
        if (reason === undefined || reasons.size >= MAX_REASONS) continue;
        if ((numberIn(readText(`${folder}/${name}`)) ?? 0) > 0) reasons.add(reason);
      }
    }
    return [...reasons];
  }

  #readErrors(): ErrorCounts[] {
    return this.#blocks.flatMap((name) => {
      const counts = parseErrorCounts(readText(`${this.#device}/ras/${name}`) ?? "");
      return counts === undefined ? [] : { block: name.slice(0, -"_err_count".length), ...counts };
    });
  }
}

/** `ue: 0`, `ce: 3`, and of newer drivers `de: 0`, a line each; drivers/gpu/drm/amd/amdgpu/amdgpu_ras.c. */
export function parseErrorCounts(text: string): { corrected: number; uncorrected: number } | undefined {
  const uncorrected = numberIn(/^ue: (\d+)$/m.exec(text)?.[1]);
  const corrected = numberIn(/^ce: (\d+)$/m.exec(text)?.[1]);
  return uncorrected === undefined || corrected === undefined ? undefined : { corrected, uncorrected };
}

/** `0: 500Mhz`, `1: 1700Mhz *`: the levels of a clock, the highest last; an S before the colon is asleep. */
export function parseHighestLevel(text: string): number | undefined {
  const levels = Array.from(text.matchAll(/^(?:\d+|S): (\d{1,6})Mhz(?: \*)?$/gim), ([, mhz]) => Number(mhz));
  return levels.length === 0 ? undefined : Math.max(...levels);
}

/** i915: gt/gt0 of the card; xe: tile0/gt0/freq0/throttle of the device. */
function throttleFolders(card: string, device: string): string[] {
  const folders: string[] = [];
  for (const gt of namesIn(`${card}/gt`)) {
    const folder = `${card}/gt/${gt}`;
    if (/^gt\d$/.test(gt) && namesIn(folder).includes("throttle_reason_status")) folders.push(folder);
  }
  const tiles = namesIn(device).filter((name) => /^tile\d$/.test(name));
  for (const tile of tiles.slice(0, MAX_TILES)) {
    for (const gt of namesIn(`${device}/${tile}`)) {
      const folder = `${device}/${tile}/${gt}/freq0/throttle`;
      if (/^gt\d$/.test(gt) && namesIn(folder).includes("status")) folders.push(folder);
    }
  }
  return folders;
}

function percent(value: number | undefined): number | undefined {
  return value === undefined || value < 0 ? undefined : Math.min(value, 100);
}

/** The way over the link costs the kernel more than the read. */
function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
