/** Where a rank's dump of PyTorch's flight recorder lies. */
import type { Graph } from "../model/graph.ts";
import type { ProcessNode } from "../model/nodes.ts";

/** In this host's files; null where it is no rank, is on another host, or was told of no file. */
export function flightRecordOf(process: ProcessNode, { localNode }: Graph): string | null {
  const { flightPrefix, rank, node, jobRole } = process;
  const isHere = node === undefined || node === localNode;
  return isHere && jobRole === "rank" && flightPrefix !== "" && rank !== null ? `${flightPrefix}${rank}` : null;
}
