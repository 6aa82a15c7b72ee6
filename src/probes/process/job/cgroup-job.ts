/** The batch job and the pod that a process runs in. A cgroup says it also where the environment cannot be read. */
import type { Variables } from "../../../kernel/environ.ts";

export interface SlurmPlace {
  /** `42` */
  jobId: string;
  /** `42.0`; undefined in the batch script itself, though that has a SLURM_PROCID too. */
  stepId: string | undefined;
}

/** From here on numbers stand for the batch script, what is `extern` and the like: slurm.h, SLURM_MAX_NORMAL_STEP_ID. */
const FIRST_SPECIAL_STEP = 0xfffffff0;

export function slurmOf(variables: Variables, cgroup = ""): SlurmPlace | undefined {
  const { SLURM_JOB_ID: told = "", SLURM_STEP_ID: step = "" } = variables;
  // …/job_42/step_0/task_1; step_batch and step_extern are no tasks' steps.
  const [, job, place] = /\/job_(\d+)(?:\/step_([^/]+))?(?=\/|$)/.exec(cgroup) ?? [];
  const jobId = isNumber(told) ? told : job;
  if (jobId === undefined) return undefined;
  const stepId = isNumber(told) ? step : place;
  return { jobId, stepId: stepId !== undefined && isStep(stepId) ? `${jobId}.${stepId}` : undefined };
}

/** The pod's uid, as the API server writes it; in the names of systemd's slices it has underscores. */
export function podOf(cgroup = ""): string | undefined {
  return /pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})/.exec(cgroup)?.[1]?.replaceAll("_", "-");
}

function isStep(text: string): boolean {
  return isNumber(text) && Number(text) < FIRST_SPECIAL_STEP;
}

function isNumber(text: string): boolean {
  return /^\d{1,10}$/.test(text);
}
