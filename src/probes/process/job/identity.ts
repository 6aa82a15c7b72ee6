/**
 * What a process's environment and cgroup say of its place in a job. Whoever started it told its environment so; its
 * children inherit that, and whether this is the rank itself or one that works for it is not to be known from here.
 */
import { containerOf } from "../../../kernel/cgroup.ts";
import type { Variables } from "../../../kernel/environ.ts";
import { podOf, slurmOf } from "./cgroup-job.ts";

export interface JobIdentity {
  /** Undefined where nothing names the job; its launcher may. */
  jobId: string | undefined;
  /** The name is the job's own, not that of a batch job or pod that may hold others. */
  isNamed: boolean;
  /** The batch job that it runs in. */
  batch: string | undefined;
  rank: number | undefined;
  localRank: number | undefined;
  worldSize: number | undefined;
  /** What PyTorch's flight recorder calls the files of its dumps, before the rank; an absolute path. */
  flightPrefix: string | undefined;
  /** It knows where ranks meet: a rank likely, which learns its number otherwise. */
  knowsMeetingPoint: boolean;
}

export interface JobPlace {
  cgroup: string | undefined;
  /** This host's name. */
  host: string;
}

/** One way to be told one's rank. */
interface Layer {
  rank: readonly string[];
  worldSize: readonly string[];
  localRank: readonly string[];
  /** A rank is one only together with the world's size: the name of the variable alone is anybody's. */
  needsSize?: true;
  name(variables: Variables, place: JobPlace): string | undefined;
}

/**
 * Innermost first. A job of torchrun or MPI runs inside one of Slurm or Kubernetes, whose variables it inherits; Horovod
 * and DeepSpeed start theirs by MPI, and know the ranks as MPI does.
 */
const LAYERS: readonly Layer[] = [
  // torchrun, DeepSpeed, Accelerate, Kubeflow, and whoever uses PyTorch's env:// by hand.
  { rank: ["RANK"], worldSize: ["WORLD_SIZE"], localRank: ["LOCAL_RANK"], needsSize: true, name: torchName },
  {
    rank: ["HOROVOD_RANK"],
    worldSize: ["HOROVOD_SIZE"],
    localRank: ["HOROVOD_LOCAL_RANK"],
    name: (variables, place) =>
      meetingPoint(variables.HOROVOD_GLOO_RENDEZVOUS_ADDR, variables.HOROVOD_GLOO_RENDEZVOUS_PORT, place),
  },
  {
    rank: ["OMPI_COMM_WORLD_RANK"],
    worldSize: ["OMPI_COMM_WORLD_SIZE"],
    localRank: ["OMPI_COMM_WORLD_LOCAL_RANK"],
    name: mpiName,
  },
  { rank: ["PMIX_RANK"], worldSize: [], localRank: [], name: mpiName },
  // MPICH's Hydra and Intel MPI; Slurm's own PMI. None of them names the job in the environment.
  {
    rank: ["PMI_RANK", "PMI_ID"],
    worldSize: ["PMI_SIZE"],
    localRank: ["MPI_LOCALRANKID"],
    name: () => undefined,
  },
];

const SLURM_STEP: Omit<Layer, "name"> = {
  rank: ["SLURM_PROCID"],
  worldSize: ["SLURM_STEP_NUM_TASKS", "SLURM_NTASKS"],
  localRank: ["SLURM_LOCALID"],
};

/** The later name first; torch/csrc/distributed/c10d/FlightRecorder.cpp. */
const FLIGHT_VARIABLES = ["TORCH_FR_DUMP_TEMP_FILE", "TORCH_NCCL_DEBUG_INFO_TEMP_FILE"] as const;

const OTHER_VARIABLES = [
  ...FLIGHT_VARIABLES,
  "TORCHELASTIC_RUN_ID",
  "MASTER_ADDR",
  "MASTER_PORT",
  "NCCL_COMM_ID",
  "HOROVOD_GLOO_RENDEZVOUS_ADDR",
  "HOROVOD_GLOO_RENDEZVOUS_PORT",
  "PMIX_NAMESPACE",
  "OMPI_MCA_ess_base_jobid",
  "SLURM_JOB_ID",
  "SLURM_STEP_ID",
  "RAY_JOB_ID",
  "JOB_COMPLETION_INDEX",
  "HOSTNAME",
];

/** All that is ever taken out of an environment. */
export const JOB_VARIABLES: readonly string[] = [
  ...[...LAYERS, SLURM_STEP].flatMap(({ rank, worldSize, localRank }) => [rank, worldSize, localRank].flat()),
  ...OTHER_VARIABLES,
];

/** Undefined where nothing says that it belongs to a job. `variables`: of JOB_VARIABLES those that are set. */
export function jobOf(variables: Variables, place: JobPlace): JobIdentity | undefined {
  const slurm = slurmOf(variables, place.cgroup);
  const batch = slurm?.jobId;
  const at = LAYERS.findIndex((layer) => rankIn(variables, layer) !== undefined);
  const layer = LAYERS[at];
  if (layer !== undefined) {
    const name = firstOf(LAYERS.slice(at), (each) => each.name(variables, place));
    const within = slurm?.stepId ?? slurm?.jobId ?? podName(place);
    return identity(variables, layer, {
      jobId: name === undefined ? within : inside(batch, name),
      isNamed: name !== undefined || slurm?.stepId !== undefined,
      batch,
    });
  }
  // A script that starts the ranks may have all but the rank.
  const name = torchName(variables, place);
  if (slurm?.stepId !== undefined) {
    return identity(variables, SLURM_STEP, { jobId: slurm.stepId, isNamed: true, batch });
  }
  const indexed = indexedJob(variables, place);
  if (indexed !== undefined && name === undefined) return indexed;
  const ray = variables.RAY_JOB_ID === undefined ? undefined : `ray-${clipped(variables.RAY_JOB_ID)}`;
  const own = name ?? ray;
  const jobId = own === undefined ? (batch ?? podName(place)) : inside(batch, own);
  if (jobId === undefined) return undefined;
  return {
    ...NO_RANK,
    jobId,
    isNamed: own !== undefined,
    batch,
    knowsMeetingPoint: meetingName(variables, place) !== undefined,
  };
}

const NO_RANK = {
  rank: undefined,
  localRank: undefined,
  worldSize: undefined,
  flightPrefix: undefined,
  knowsMeetingPoint: false,
};

/** A job inside a batch job; that one's steps and jobs are found by its id too. */
export function inside(batch: string | undefined, name: string): string {
  return batch === undefined || batch === name ? name : `${batch}/${name}`;
}

function identity(
  variables: Variables,
  layer: Omit<Layer, "name">,
  job: Pick<JobIdentity, "jobId" | "isNamed" | "batch">,
): JobIdentity {
  const localRank = firstOf(layer.localRank, (name) => numberIn(variables[name]));
  return {
    ...job,
    rank: rankIn(variables, layer),
    localRank,
    worldSize: sizeIn(variables, layer),
    flightPrefix: flightPrefixIn(variables),
    knowsMeetingPoint: true,
  };
}

const MAX_PREFIX = 256;
const IS_PATH = /^\/[^\p{Cc}]*$/u;

function flightPrefixIn(variables: Variables): string | undefined {
  const prefix = firstOf(FLIGHT_VARIABLES, (name) => variables[name]);
  return prefix !== undefined && IS_PATH.test(prefix) && prefix.length <= MAX_PREFIX ? prefix : undefined;
}

function rankIn(variables: Variables, layer: Omit<Layer, "name">): number | undefined {
  const rank = firstOf(layer.rank, (name) => numberIn(variables[name]));
  const size = sizeIn(variables, layer);
  if (rank === undefined || (size === undefined && layer.needsSize === true)) return undefined;
  return size !== undefined && rank >= size ? undefined : rank;
}

function sizeIn(variables: Variables, { worldSize }: Omit<Layer, "name">): number | undefined {
  return firstOf(worldSize, (name) => numberIn(variables[name]));
}

function torchName(variables: Variables, place: JobPlace): string | undefined {
  const run = variables.TORCHELASTIC_RUN_ID;
  // Without --rdzv-id torchrun calls every run "none".
  if (run !== undefined && run !== "" && run !== "none") return clipped(run);
  return meetingName(variables, place);
}

function meetingName(variables: Variables, place: JobPlace): string | undefined {
  const { MASTER_ADDR: address, MASTER_PORT: port, NCCL_COMM_ID: nccl = "" } = variables;
  const [, ncclAddress, ncclPort] = /^\[?(.+?)\]?:(\d+)$/.exec(nccl) ?? [];
  return meetingPoint(address, port, place) ?? meetingPoint(ncclAddress, ncclPort, place);
}

const LOOPBACK = /^(?:localhost|127(?:\.\d+){1,3}|::1)$/;

/** Where the ranks meet names the job. The loopback address is every host's, and every container's. */
function meetingPoint(address: string | undefined, port: string | undefined, place: JobPlace): string | undefined {
  if (address === undefined || address === "" || numberIn(port) === undefined) return undefined;
  const container = containerOf(place.cgroup ?? "")?.replace(/^container:/, "");
  const here = container === undefined || container.startsWith("unit:") ? place.host : container;
  return `${clipped(LOOPBACK.test(address) ? here : address)}:${port}`;
}

/** A namespace is PMIx's word for a job. Open MPI 4's is a number, Slurm's names the step, which Slurm says itself. */
function mpiName({ PMIX_NAMESPACE: namespace, OMPI_MCA_ess_base_jobid: number }: Variables): string | undefined {
  const name = namespace ?? number;
  if (name === undefined || name === "" || name.startsWith("slurm.pmix.")) return undefined;
  return /^\d+$/.test(name) ? `mpi-${clipped(name)}` : clipped(name);
}

/** A pod of an indexed Job is called by default by the Job's name and its index. */
function indexedJob(variables: Variables, place: JobPlace): JobIdentity | undefined {
  const rank = numberIn(variables.JOB_COMPLETION_INDEX);
  if (rank === undefined) return undefined;
  const host = variables.HOSTNAME ?? "";
  const end = `-${rank}`;
  const name = host.endsWith(end) && host.length > end.length ? clipped(host.slice(0, -end.length)) : undefined;
  const jobId = name ?? podName(place);
  return jobId === undefined ? undefined : { ...NO_RANK, jobId, isNamed: name !== undefined, batch: undefined, rank };
}

function podName({ cgroup }: JobPlace): string | undefined {
  const pod = podOf(cgroup);
  return pod === undefined ? undefined : `pod:${pod}`;
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

const MAX_NAME = 100;

/** A job's id has at most 512 bytes. */
function clipped(name: string): string {
  return name.slice(0, MAX_NAME);
}

function firstOf<T, R>(items: readonly T[], read: (item: T) => R | undefined): R | undefined {
  for (const item of items) {
    const found = read(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
