/**
 * The probe of graphics cards by AMD's, Intel's and other DRM drivers: figures, each process's share, what is wrong.
 * NVIDIA's have a probe of their own. Here is only its outside and its pace.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { BlockingReader } from "../../kernel/blocking.ts";
import { readComputingCards } from "../../kernel/drm-sampler.ts";
import { readDrmCards } from "../../kernel/drm.ts";
import type { Event } from "../../model/event.ts";
import { intervalFrom } from "../interval.ts";
import type { Probe, ProbeContext } from "../probe.ts";
import { Standing } from "../standing.ts";
import { figureEvents } from "./figures.ts";
import { CardLog } from "./log.ts";
import { MemoryErrors, troublesOf } from "./troubles.ts";
import { UsageMeter } from "./usage.ts";

export interface DrmProbeOptions {
  /** The folder that proc, sys and dev are in. */
  root?: string;
}

const OWN_INTERVAL_MS = 2000;
/** A share takes two samples: the first shall not wait for a whole interval. */
const FIRST_MS = 250;
/** A card whose firmware is sick answers after seconds. */
const DEADLINE_MS = 5000;

export function drmProbe({ root = "" }: DrmProbeOptions = {}): Probe {
  const interval = intervalFrom("XCTL_DRM_INTERVAL", OWN_INTERVAL_MS);

  async function* run({ signal, now, log }: ProbeContext): AsyncIterable<Event[]> {
    const reader = new BlockingReader(`${root}/proc`);
    const cardLog = new CardLog(`${root}/proc`, `${root}/dev/kmsg`);
    const meter = new UsageMeter();
    const memoryErrors = new MemoryErrors();
    const standing = new Standing();
    let isSilent = false;
    try {
      for (let isFirst = true; !signal.aborted; isFirst = false) {
        const nextMs = performance.now() + (isFirst ? Math.min(FIRST_MS, interval) : interval);
        const sample = await reader.drmSample(root, DEADLINE_MS);
        if (signal.aborted) return;
        if (sample === undefined && !isSilent) log("a card does not answer; it is asked again later");
        isSilent = sample === undefined;
        if (sample !== undefined) {
          const nowMs = now();
          const said = cardLog.look(
            sample.cards.map(({ card }) => card),
            nowMs,
          );
          const troubles = standing.update([...troublesOf(sample), ...said.troubles], nowMs);
          const figures = figureEvents(sample, meter.measure(sample), nowMs);
          yield [...figures, ...said.events, ...memoryErrors.look(sample, nowMs), ...troubles];
        }
        await sleep(Math.max(nextMs - performance.now(), interval / 10), undefined, { signal }).catch(() => undefined);
      }
    } finally {
      cardLog.close();
      reader.close();
    }
  }

  return {
    name: "drm",
    summary: "graphics cards of AMD, Intel and other DRM drivers: use, memory, heat, links, errors, by process (Linux)",
    supported: () => readComputingCards(`${root}/sys`).length > 0 || unsupportedReason(`${root}/sys`),
    run,
  };
}

function unsupportedReason(sys: string): string {
  if (process.platform !== "linux") return `needs Linux's /sys; this is ${process.platform}`;
  const cards = readDrmCards(sys);
  if (cards.length === 0) return "no graphics card";
  return cards.every(({ driver }) => driver.startsWith("nvidia"))
    ? "NVIDIA's cards only, which the probe nvml watches"
    : `no graphics card that computes (${[...new Set(cards.map(({ driver }) => driver))].join(", ")})`;
}
