/**
 * Waits for a GPU in a driver: inside NVIDIA's, where threads queue for its locks and for the GPU's firmware, and in the
 * calls by which DRM drivers and AMD's KFD let a thread sleep until the GPU is done. How CUDA sleeps: cuda.ts.
 */
import { drmCardOf, type DrmCard } from "../../../kernel/drm.ts";
import { readFd } from "../../../kernel/fds.ts";
import { minorOfDevice } from "../../../kernel/nvidia-proc.ts";
import { int32, kernelFunction, type BlockedTask } from "../blocked-task.ts";
import type { View } from "../view.ts";
import { drmEntity, nvidiaEntity, nvidiaEntityOf, openDrmNodes, openMinors } from "./gpu-name.ts";
import { waitFact, type WaitDetails, type WaitResolver } from "./resolver.ts";

/** Where a call into the driver, a page fault of managed memory or the closing of a device enters it. */
const IN_NVIDIA = /^(?:nvidia_(?:unlocked_ioctl|close|close_callback|dev_\w+|open)|uvm_\w+|rm_ioctl|nvkms_\w+)$/;
const NVIDIA_FILE = /^\/dev\/nvidia(?:\d+|ctl|-uvm|-modeset|-caps\/nvidia-cap\d+)$/;

export const nvidiaDriverWait: WaitResolver = {
  kind: "NVIDIA driver",
  matches: (task) => !task.kthread && (isInIoctl(task) || task.state === "D") && mayBeNvidia(task),

  async resolve(task, view) {
    const path = isInIoctl(task) ? fileOf(task, view) : undefined;
    const where = kernelFunction(task, IN_NVIDIA);
    if (where === undefined && (path === undefined || !NVIDIA_FILE.test(path))) return [];
    const minor = minorOfDevice(path ?? "");
    const entity = await nvidiaEntity(task, minor === undefined ? openMinors(task, view) : [minor], view);
    return [waitFact(task, "gpu.driver", entity, inDriver(task, where, view))];
  },
};

/** By the kernel function alone where the call cannot be seen. */
function mayBeNvidia(task: BlockedTask): boolean {
  return isInIoctl(task) || kernelFunction(task, IN_NVIDIA) !== undefined;
}

/** What the driver waits for cannot be told: another thread that has its lock, or the GPU. */
function inDriver(task: BlockedTask, where: string | undefined, view: View): WaitDetails {
  const details: WaitDetails = { holder: "hidden" };
  if (!view.storage.isLong(task)) details.cause = "process.busy";
  const [innermost] = task.stack() ?? [];
  if (where !== undefined && innermost !== undefined) {
    const source = `/proc/${task.pid}/task/${task.tid}/stack`;
    details.evidence = { source, observed: `in ${innermost}, called from ${where}` };
  }
  return details;
}

/** The kernel's own fence, and by what names drivers wait for one; 4.18 to 6.18. */
const FENCE_WAIT =
  /^(?:dma_fence_\w*wait\w*|dma_resv_wait\w*|drm_syncobj_\w*wait\w*|drm_gem_dma_resv_wait|amdgpu_(?:cs_wait|cs_wait_fences|gem_wait_idle|bo_wait)\w*|i915_(?:request_wait|gem_wait|gem_object_wait)\w*|xe_wait_user_fence\w*|kfd_wait_on_events|panfrost_ioctl_wait_bo|v3d_wait_bo\w*|msm_wait_fence\w*|etnaviv_gpu_wait\w*)$/;
const DRM_FILE = /^\/dev\/dri\/((?:card|renderD)\d{1,4})$/;
const KFD = "/dev/kfd";

export const drmWait: WaitResolver = {
  kind: "DRM",
  matches: (task) => !task.kthread && isInIoctl(task) && kernelFunction(task, FENCE_WAIT) !== undefined,

  async resolve(task, view) {
    const path = fileOf(task, view) ?? "";
    const node = DRM_FILE.exec(path)?.[1];
    // The runtime's own thread rests in the same call of the KFD, for events that may never come.
    if (node === undefined && (path !== KFD || task.tid !== task.pid)) return [];
    const cards = cardsOf(node === undefined ? openDrmNodes(task, view) : [node], view);
    const entity = (await nvidiaEntityOf(cards, view)) ?? drmEntity(task, cards);
    const where = kernelFunction(task, FENCE_WAIT);
    const evidence = {
      source: `/proc/${task.pid}/task/${task.tid}/stack`,
      observed: `in ${where}, asked through ${path}`,
    };
    const cause = view.storage.isLong(task) ? "gpu.busy" : "process.busy";
    return [waitFact(task, "gpu.sync", entity, { cause, evidence, certainty: "derived" })];
  },
};

function cardsOf(nodes: readonly string[], view: View): DrmCard[] {
  const cards = new Map<string, DrmCard>();
  for (const node of nodes) {
    const card = drmCardOf(node, view.storage.sys);
    if (card !== undefined) cards.set(card.name, card);
  }
  return [...cards.values()];
}

function isInIoctl({ syscall }: BlockedTask): boolean {
  return syscall?.name === "ioctl";
}

/** The file that an ioctl is about. */
function fileOf({ syscall, via }: BlockedTask, view: View): string | undefined {
  return readFd(view.proc, via, int32(syscall?.args[0] ?? -1n));
}
