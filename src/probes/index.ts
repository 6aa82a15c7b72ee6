/** The explicit list of the probes there are, and what a word after `--probe` means. */
import { XctlError } from "../lib/errors.ts";
import { drmProbe } from "./drm/index.ts";
import { dummyProbe } from "./dummy.ts";
import { ebpfNetworkProbe } from "./ebpf-network/index.ts";
import { looksLikeFile } from "./interpreter.ts";
import { networkProbe } from "./network/index.ts";
import { nvmlProbe } from "./nvml/index.ts";
import type { Probe } from "./probe.ts";
import { processProbe } from "./process/index.ts";
import { storageProbe } from "./storage/index.ts";
import { subprocessProbe } from "./subprocess.ts";

/** What `auto` stands for: the probes of what is real. */
const WATCHING = [
  () => processProbe(),
  () => networkProbe(),
  () => ebpfNetworkProbe(),
  () => storageProbe(),
  () => nvmlProbe(),
  () => drmProbe(),
];
const BUILT_IN = [...WATCHING, dummyProbe];

/** The built-in probes that watch something real and are supported here; `leftOut` hears of the others. */
export function autoProbes(leftOut: (probe: Probe, reason: string) => void = () => {}): Probe[] {
  return WATCHING.map((make) => make()).filter((probe) => {
    const supported = probe.supported();
    if (supported !== true) leftOut(probe, supported);
    return supported === true;
  });
}

/** A built-in probe's name, or a program's path. Throws XctlError where it is neither, or cannot be started. */
export function resolveProbe(nameOrPath: string): Probe {
  const probes = BUILT_IN.map((make) => make());
  const builtin = probes.find((probe) => probe.name === nameOrPath);
  if (builtin !== undefined) return builtin;
  if (looksLikeFile(nameOrPath)) return subprocessProbe(nameOrPath);
  const names = ["auto", ...probes.map((probe) => probe.name)].join(", ");
  throw new XctlError("failed", `${nameOrPath}: neither a probe nor a file`, `built-in probes: ${names}`);
}
