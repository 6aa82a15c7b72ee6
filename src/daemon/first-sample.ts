/** The wait for the first look at the whole machine: before it, a list would lack processes and nobody could tell. */
import { setTimeout as delay } from "node:timers/promises";
import type { ProbeHost } from "../probes/host.ts";

const PATIENCE_MS = 3_000;
const PERIOD_MS = 20;

/** Resolves at once where nobody lists the machine, or the first look is over; and after three seconds in any case. */
export async function firstSample(host: Pick<ProbeHost, "isSampled">): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!host.isSampled && performance.now() < endMs) await delay(PERIOD_MS);
}
