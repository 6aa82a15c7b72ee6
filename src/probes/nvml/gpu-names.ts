/**
 * Which GPU is which: `gpu-00` by the index that NVML gave it when it was first seen. A GPU that falls off the bus moves
 * those behind it down in NVML's count, but not here.
 */
import type { GpuReading, MigReading } from "../../kernel/nvml-reading.ts";
import { gpuId } from "../../model/entity.ts";

export interface KnownGpu {
  entity: string;
  index: number;
  uuid?: string;
  pci?: string;
}

export class GpuNames {
  readonly #gpus: KnownGpu[] = [];

  get all(): readonly KnownGpu[] {
    return this.#gpus;
  }

  /** The GPU of a reading; a new one is remembered. */
  of({ index, uuid, pci }: GpuReading): KnownGpu {
    const known = this.#gpus.find((gpu) => (uuid === undefined ? gpu.index === index : gpu.uuid === uuid));
    if (known !== undefined) return known;
    // It could not be read when it was first seen: by then it had but its place.
    const nameless = this.#gpus.find((gpu) => gpu.index === index && gpu.uuid === undefined);
    if (nameless !== undefined) return Object.assign(nameless, { uuid, pci });
    const isTaken = this.#gpus.some((gpu) => gpu.index === index);
    const free = isTaken ? Math.max(...this.#gpus.map((gpu) => gpu.index)) + 1 : index;
    const gpu = { entity: gpuId(free), index: free, uuid, pci };
    this.#gpus.push(gpu);
    return gpu;
  }

  byPci(pci: string): KnownGpu | undefined {
    return this.#gpus.find((gpu) => gpu.pci === pci);
  }
}

export function migId(entity: string, { index }: Pick<MigReading, "index">): string {
  return `${entity}/mig-${index}`;
}

/** The entity of an instance; the GPU's where it has none, or it cannot be told which of several is meant. */
export function placeOn(
  entity: string,
  migs: readonly MigReading[],
  at: { gpuInstance?: number; computeInstance?: number },
): string {
  if (at.gpuInstance === undefined) return entity;
  const [mig, ...others] = migs.filter(
    ({ gpuInstance, computeInstance }) =>
      gpuInstance === at.gpuInstance && (at.computeInstance === undefined || computeInstance === at.computeInstance),
  );
  return mig === undefined || others.length > 0 ? entity : migId(entity, mig);
}
