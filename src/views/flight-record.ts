/** Where a rank's dump of PyTorch's flight recorder lies. */
import type { Graph } from "../model/graph.ts";
import type { ProcessNode } from "../model/nodes.ts";

/** In this host's files; null where the rank is on another one, or was told of no file. */
export function flightRecordOf({ flightPrefix, rank, node }: ProcessNode, { localNode }: Graph): string | null {
  const isHere = node === undefined || node === localNode;
  return isHere && flightPrefix !== "" && rank !== null ? `${flightPrefix}${rank}` : null;
}
