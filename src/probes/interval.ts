/** How often a probe looks, where a variable of the environment may set that for it alone. */
import { XctlError } from "../lib/errors.ts";

const MIN_S = 0.1;
const MAX_S = 3600;

/** Milliseconds between two looks: the variable's seconds (`0.5`), or the probe's own. Throws XctlError for what is no time. */
export function intervalFrom(variable: string, ownMs: number, env: NodeJS.ProcessEnv = process.env): number {
  const text = env[variable]?.trim() ?? "";
  if (text === "") return ownMs;
  const seconds = /^(\d+\.?\d*|\.\d+)s?$/.test(text) ? Number.parseFloat(text) : Number.NaN;
  if (seconds >= MIN_S && seconds <= MAX_S) return Math.round(seconds * 1000);
  throw new XctlError(
    "usage",
    `${variable}=${text}: not a time`,
    `seconds from ${MIN_S} to ${MAX_S}, for example ${variable}=0.5`,
  );
}
