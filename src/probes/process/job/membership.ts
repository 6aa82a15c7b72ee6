/** A process's place in a job, as events tell it. */
import type { JobRole } from "../../../model/nodes.ts";
import type { Attrs } from "../../../model/event.ts";

export interface Membership {
  jobId: string;
  /** Undefined: it is in the job, and nobody knows as what. */
  role: JobRole | undefined;
  rank: number | undefined;
  localRank: number | undefined;
  worldSize: number | undefined;
  flightPrefix: string | undefined;
}

export function isSame(a: Membership | undefined, b: Membership | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.jobId === b.jobId &&
    a.role === b.role &&
    a.rank === b.rank &&
    a.localRank === b.localRank &&
    a.worldSize === b.worldSize &&
    a.flightPrefix === b.flightPrefix
  );
}

export function attrsOf({ role, rank, localRank, worldSize, flightPrefix }: Membership): Attrs {
  return {
    ...(role === undefined ? {} : { job_role: role }),
    ...(rank === undefined ? {} : { rank }),
    ...(localRank === undefined ? {} : { local_rank: localRank }),
    ...(worldSize === undefined ? {} : { world_size: worldSize }),
    ...(flightPrefix === undefined ? {} : { flight_prefix: flightPrefix }),
  };
}
