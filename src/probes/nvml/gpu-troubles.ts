/**
 * What is wrong with one GPU, by its readings one after the other. Only a GPU that does nothing any more is a fault to
 * all that use it; the rest is a cause only for those that wait for it.
 */
import type { GpuReading } from "../../kernel/nvml-reading.ts";
import { gpuCondition, type GpuCondition } from "../../model/xid.ts";
import type { Trouble } from "../standing.ts";
import { throttleReasons } from "./clocks.ts";
import type { KnownGpu } from "./gpu-names.ts";

/** New errors of the memory are told for so long. */
const ECC_TOLD_MS = 300_000;
/** From here on the GPU is at work: a slow PCIe generation saves no power then. */
const AT_WORK_PERCENT = 10;

export class GpuTroubles {
  readonly #gpu: KnownGpu;
  /** Links that were seen active. */
  readonly #linksUp = new Set<number>();
  #throttledBefore = false;
  #hasSlowGeneration = false;
  #eccUncorrected: number | undefined;
  #ecc: { more: string; untilMs: number } | undefined;

  constructor(gpu: KnownGpu) {
    this.#gpu = gpu;
  }

  take(gpu: GpuReading, nowMs: number): Trouble[] {
    if (gpu.state === "lost") return [this.lost("NVML: GPU is lost (15)")];
    const troubles: (Trouble | undefined)[] = [
      gpu.state === "reset" ? this.#trouble("RESET_REQUIRED", undefined, "NVML", "reset required (16)") : undefined,
      this.#throttled(gpu),
      this.#pcie(gpu),
      this.#links(gpu),
      this.#newEccErrors(gpu, nowMs),
      gpu.remapFailed
        ? this.#trouble("ROW_REMAP_FAILED", undefined, "nvmlDeviceGetRemappedRows", "a remapping failed")
        : undefined,
      gpu.remapPending
        ? this.#trouble("ROW_REMAP_PENDING", undefined, "nvmlDeviceGetRemappedRows", "a remapping is pending")
        : undefined,
      gpu.retirementPending
        ? this.#trouble("PAGE_RETIREMENT_PENDING", undefined, "nvmlDeviceGetRetiredPagesPendingStatus", "pending")
        : undefined,
    ];
    return troubles.filter((trouble) => trouble !== undefined);
  }

  lost(observed: string): Trouble {
    return this.#trouble("GPU_LOST", undefined, "libnvidia-ml.so.1", observed);
  }

  hung(call: string, observed: string): Trouble {
    return this.#trouble("DRIVER_HANG", call, "libnvidia-ml.so.1", observed);
  }

  /** Seen twice in a row: a slow-down by the hardware is also told for a moment while clocks change. */
  #throttled({ clocksReasons = 0, figures }: GpuReading): Trouble | undefined {
    const reasons = throttleReasons(clocksReasons);
    const lasts = this.#throttledBefore;
    this.#throttledBefore = reasons.length > 0;
    if (reasons.length === 0 || !lasts) return undefined;
    const facts = [
      `clocks event reasons 0x${clocksReasons.toString(16)}`,
      figures.temperature_c === undefined ? undefined : `${figures.temperature_c} °C`,
      figures.power_w === undefined ? undefined : `${Math.round(figures.power_w)} W`,
      figures.sm_clock_mhz === undefined ? undefined : `${figures.sm_clock_mhz} MHz`,
    ];
    const observed = facts.filter((fact) => fact !== undefined).join(", ");
    const source = "nvmlDeviceGetCurrentClocksEventReasons";
    return { ...this.#trouble("THROTTLED", reasons.join(" "), source, observed), cause: "gpu.throttled" };
  }

  #pcie({ figures, utilPercent = 0 }: GpuReading): Trouble | undefined {
    const { pcie_width, pcie_width_max = 0, pcie_generation, pcie_generation_max = 0 } = figures;
    if (pcie_generation !== undefined) {
      const isBelow = pcie_generation < pcie_generation_max;
      // At rest a low generation says nothing, neither that it is well.
      if (!isBelow || utilPercent >= AT_WORK_PERCENT) this.#hasSlowGeneration = isBelow;
    }
    const slow = [
      pcie_width !== undefined && pcie_width > 0 && pcie_width < pcie_width_max
        ? `x${pcie_width} of x${pcie_width_max}`
        : undefined,
      this.#hasSlowGeneration ? `below generation ${pcie_generation_max}` : undefined,
    ].filter((part) => part !== undefined);
    if (slow.length === 0) return undefined;
    const observed = `width ${pcie_width} of ${pcie_width_max}, generation ${pcie_generation} of ${pcie_generation_max}`;
    return this.#trouble("PCIE_DEGRADED", slow.join(", "), "nvmlDeviceGetCurrPcieLinkWidth", observed);
  }

  /** One that was up, or that is down while others are up. With none of them up it has no NVLink bridge. */
  #links({ links = [] }: GpuReading): Trouble | undefined {
    for (const [link, isActive] of links.entries()) if (isActive === true) this.#linksUp.add(link);
    if (this.#linksUp.size === 0) return undefined;
    const down = links.flatMap((isActive, link) => (isActive === false ? [link] : []));
    if (down.length === 0) return undefined;
    const more = `${down.length === 1 ? "link" : "links"} ${down.join(" ")}`;
    return {
      ...this.#trouble("NVLINK_DOWN", more, "nvmlDeviceGetNvLinkState", `${more} inactive, others active`),
      type: "topo.link_down",
    };
  }

  #newEccErrors({ figures }: GpuReading, nowMs: number): Trouble | undefined {
    const total = figures.ecc_uncorrected_total;
    const before = this.#eccUncorrected;
    this.#eccUncorrected = total ?? before;
    if (total !== undefined && before !== undefined && total > before) {
      this.#ecc = { more: `${total - before} new, ${total} in all`, untilMs: nowMs + ECC_TOLD_MS };
    }
    if (this.#ecc === undefined || nowMs > this.#ecc.untilMs) return undefined;
    const { more } = this.#ecc;
    return this.#trouble(
      "ECC_UNCORRECTED",
      more,
      "nvmlDeviceGetTotalEccErrors",
      `${more}, since the driver was loaded`,
    );
  }

  #trouble(head: GpuCondition, more: string | undefined, source: string, observed: string): Trouble {
    const { entity, uuid } = this.#gpu;
    return {
      type: "error.hw",
      entity,
      head,
      ...(more === undefined ? {} : { more }),
      severity: gpuCondition(head).reach === "gpu" ? "fault" : "warning",
      source,
      observed,
      ...(uuid === undefined ? {} : { object: uuid.slice(0, 96).toWellFormed() }),
    };
  }
}
