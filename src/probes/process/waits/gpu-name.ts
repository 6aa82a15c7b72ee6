/** Which GPU a thread waits for, of those that its process has open, and how that is named. */
import type { DrmCard } from "../../../kernel/drm.ts";
import { listFds } from "../../../kernel/fds.ts";
import { gpuOfMinor, minorOfDevice } from "../../../kernel/nvidia-proc.ts";
import { gpuId } from "../../../model/entity.ts";
import type { BlockedTask } from "../blocked-task.ts";
import type { View } from "../view.ts";
import { ownEntity } from "./resolver.ts";

/** A name is to be read: of more than that it says as little as none. */
const MAX_NAMED = 8;
const DRM_NODE = /^\/dev\/dri\/((?:card|renderD)\d{1,4})$/;

/** N of every /dev/nvidiaN that the process has open. */
export function openMinors(task: BlockedTask, view: View): number[] {
  return opened(task, view, minorOfDevice);
}

/** `renderD128` of every /dev/dri/renderD128 that the process has open. */
export function openDrmNodes(task: BlockedTask, view: View): string[] {
  return opened(task, view, (path) => DRM_NODE.exec(path)?.[1]);
}

/** `gpu-00`; `gpu-00|gpu-01` where it may be either; a name that only this thread has where the driver shows none. */
export async function nvidiaEntity(task: BlockedTask, minors: readonly number[], view: View): Promise<string> {
  const gpus = await view.nvidiaGpus();
  const found = minors.map((minor) => gpuOfMinor(gpus, minor)?.index);
  return found.every((index) => index !== undefined) ? anyOf(task, found) : anyOf(task, []);
}

/** Of a card of NVIDIA's driver, NVML's name. */
export async function nvidiaEntityOf(cards: readonly DrmCard[], view: View): Promise<string | undefined> {
  const [card, ...others] = cards;
  if (card === undefined || others.length > 0 || !card.driver.startsWith("nvidia")) return undefined;
  const gpu = (await view.nvidiaGpus()).find(({ pci }) => pci.toLowerCase() === card.pci);
  return gpu === undefined ? undefined : gpuId(gpu.index);
}

/** `gpu-card0` */
export function drmEntity(task: BlockedTask, cards: readonly DrmCard[]): string {
  return anyOf(
    task,
    cards.map(({ name }) => name),
  );
}

function anyOf(task: BlockedTask, which: readonly (number | string)[]): string {
  const names = which.map(gpuId).sort();
  return names.length > 0 && names.length <= MAX_NAMED ? names.join("|") : ownEntity("gpu", task);
}

function opened<T>({ via }: BlockedTask, view: View, read: (path: string) => T | undefined): T[] {
  const found = new Set<T>();
  for (const { target } of listFds(view.proc, via) ?? []) {
    const one = read(target);
    if (one !== undefined) found.add(one);
  }
  return [...found];
}
