/**
 * AMD's compute driver (KFD): which processes compute through it, and what they have of which card. Their work goes to
 * the card past the kernel, so fdinfo does not count it. drivers/gpu/drm/amd/amdkfd/{kfd_process,kfd_topology}.c.
 */
import { namesIn } from "./folders.ts";
import { numberIn } from "./hwmon.ts";
import { readText } from "./procfs.ts";

export interface KfdUse {
  pid: number;
  /** `renderD128` */
  renderNode: string;
  vramBytes?: number;
  /** Compute units at work for it, of how many. */
  busyUnits?: number;
  units?: number;
}

interface KfdNode {
  gpuId: string;
  renderNode: string;
  units: number | undefined;
}

const MAX_NODES = 128;
const MAX_PROCESSES = 512;

export function readKfdUses(sys: string): KfdUse[] {
  const kfd = `${sys}/class/kfd/kfd`;
  const pids = numericNames(`${kfd}/proc`);
  if (pids.length === 0) return [];
  const nodes = readNodes(`${kfd}/topology/nodes`);
  return pids
    .slice(0, MAX_PROCESSES)
    .flatMap((pid) => nodes.flatMap((node) => readUse(`${kfd}/proc/${pid}`, pid, node)));
}

/** Properties are lines of a name and a number: `simd_count 440`. */
export function parseProperties(text: string): Map<string, number> {
  return new Map(
    Array.from(text.matchAll(/^(\w+) (\d{1,20})$/gm), ([, name, value]) => [name as string, Number(value)]),
  );
}

function readUse(folder: string, pid: number, { gpuId, renderNode, units }: KfdNode): KfdUse[] {
  const vramBytes = numberIn(readText(`${folder}/vram_${gpuId}`));
  const busyUnits = numberIn(readText(`${folder}/stats_${gpuId}/cu_occupancy`));
  if (!vramBytes && !busyUnits) return [];
  return [
    {
      pid,
      renderNode,
      ...(vramBytes === undefined ? {} : { vramBytes }),
      ...(busyUnits === undefined || units === undefined ? {} : { busyUnits, units }),
    },
  ];
}

/** The cards among the nodes of the topology: a CPU's has no gpu_id. */
function readNodes(folder: string): KfdNode[] {
  return numericNames(folder)
    .slice(0, MAX_NODES)
    .flatMap((number) => {
      const gpuId = readText(`${folder}/${number}/gpu_id`)?.trim() ?? "";
      const properties = parseProperties(readText(`${folder}/${number}/properties`) ?? "");
      const minor = properties.get("drm_render_minor") ?? 0;
      if (!/^[1-9]\d{0,9}$/.test(gpuId) || minor === 0) return [];
      const perUnit = properties.get("simd_per_cu") ?? 0;
      const simds = properties.get("simd_count") ?? 0;
      return { gpuId, renderNode: `renderD${minor}`, units: perUnit > 0 && simds > 0 ? simds / perUnit : undefined };
    });
}

function numericNames(folder: string): number[] {
  return namesIn(folder)
    .filter((name) => /^\d{1,10}$/.test(name))
    .map(Number);
}
