/**
 * NVIDIA's GPUs as its driver shows them under /proc/driver/nvidia, and their places in NVML's order, without NVML.
 * Reading a GPU's `information` asks the driver, which may not answer; who reads it is the caller's choice.
 */
import { namesIn } from "./folders.ts";

export interface NvidiaGpu {
  /** NVML's index, by which `gpu-00` is named. */
  index: number;
  /** `0000:00:06.0` */
  pci: string;
  /** N of its /dev/nvidiaN; undefined where the driver does not say. */
  minor: number | undefined;
}

/** Undefined where the file cannot be read, or the driver does not answer. */
export type InformationReader = (path: string) => Promise<string | undefined>;

const PCI_ADDRESS = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/i;
const MAX_GPUS = 256;

/** Of all the GPUs of this machine, or this container, in NVML's order: that of their PCI addresses. */
export async function readNvidiaGpus(proc: string, read: InformationReader): Promise<NvidiaGpu[]> {
  const folder = `${proc}/driver/nvidia/gpus`;
  const gpus: NvidiaGpu[] = [];
  for (const pci of pciAddresses(folder)) {
    const information = parseInformation((await read(`${folder}/${pci}/information`)) ?? "");
    if (!information.excluded) gpus.push({ index: gpus.length, pci, minor: information.minor });
  }
  return gpus;
}

/** The GPU behind /dev/nvidiaN. */
export function gpuOfMinor(gpus: readonly NvidiaGpu[], minor: number): NvidiaGpu | undefined {
  const [first] = gpus;
  if (first !== undefined && gpus.length === 1 && first.minor === undefined) return first;
  return gpus.find((gpu) => gpu.minor === minor);
}

/** N of `/dev/nvidiaN`; undefined for any other file. */
export function minorOfDevice(path: string): number | undefined {
  const minor = /^\/dev\/nvidia(\d{1,4})$/.exec(path)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

/** `Device Minor: \t 0`; GPUs that the driver was told to leave alone are no NVML device. */
export function parseInformation(text: string): { minor: number | undefined; excluded: boolean } {
  const minor = /^Device Minor:\s*(\d{1,4})\s*$/m.exec(text)?.[1];
  return {
    minor: minor === undefined ? undefined : Number(minor),
    excluded: /^GPU Excluded:\s*Yes\s*$/m.test(text),
  };
}

function pciAddresses(folder: string): string[] {
  const names = namesIn(folder).filter((name) => PCI_ADDRESS.test(name));
  return names.sort(byPciAddress).slice(0, MAX_GPUS);
}

/** A domain may have four digits or eight. */
function byPciAddress(a: string, b: string): number {
  const [x, y] = [a, b].map((pci) => pci.toLowerCase().padStart("00000000:00:00.0".length, "0")) as [string, string];
  return x < y ? -1 : x > y ? 1 : 0;
}
