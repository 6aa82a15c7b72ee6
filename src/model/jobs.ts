/**
 * Which processes belong to which job. A process belongs to one at most: the last it was told to be of.
 *
 * Jobs lie in one another: in Slurm's job `42` its step `42.0`, and `42/<name>`, which something that runs in it started
 * under a name of its own.
 */
import type { ProcessNode } from "./nodes.ts";

interface Job {
  readonly id: string;
  readonly members: Set<ProcessNode>;
  /** Those of the members that exited. */
  readonly exited: Set<ProcessNode>;
}

/** More of one job's dead are not kept beyond their time. */
const MAX_MISSED = 1024;

export class Jobs {
  readonly #jobs = new Map<string, Job>();

  join(process: ProcessNode, jobId: string): void {
    if (jobId === process.jobId) return;
    this.leave(process);
    let job = this.#jobs.get(jobId);
    if (job === undefined) this.#jobs.set(jobId, (job = { id: jobId, members: new Set(), exited: new Set() }));
    job.members.add(process);
    // All members share one text: that each event names the same job is then seen without a look at far-off memory.
    process.jobId = job.id;
  }

  /** It stays known of the process which job it was of. */
  leave(process: ProcessNode): void {
    const job = this.#jobOf(process);
    job?.members.delete(process);
    job?.exited.delete(process);
    if (job?.members.size === 0) this.#jobs.delete(job.id);
  }

  /** It has exited, and stays a member. */
  exit(process: ProcessNode): void {
    const job = this.#jobOf(process);
    if (job?.members.has(process) === true) job.exited.add(process);
  }

  /**
   * A rank has come. Was it started in the place of one that exited, then the job was started anew: of the life before,
   * which may have had more ranks, nobody is missing.
   */
  succeed(process: ProcessNode): void {
    const job = this.#jobOf(process);
    const { rank, startMs } = process;
    if (job === undefined || job.exited.size === 0 || rank === null || startMs === undefined || process.exited) return;
    const earlier = [...job.exited].filter((member) => member.startMs !== undefined && member.startMs < startMs);
    const places = earlier.filter((member) => member.jobRole === "rank" && member.rank === rank);
    if (places.length === 0) return;
    for (const member of earlier) if (places.includes(member) || member.stateSinceMs <= startMs) this.leave(member);
  }

  /** It is a rank that has exited, and others of its job live on: as long as they do, it is what they may wait for. */
  misses(process: ProcessNode): boolean {
    const job = this.#jobOf(process);
    if (process.jobRole !== "rank" || job?.exited.has(process) !== true || job.exited.size > MAX_MISSED) return false;
    for (const member of job.members) if (member.jobRole === "rank" && !job.exited.has(member)) return true;
    return false;
  }

  /** Those of the job and of all jobs inside it. */
  members(jobId: string): ReadonlySet<ProcessNode> | undefined {
    const members = [...this.#jobs.values()].filter(({ id }) => isInside(id, jobId)).map((job) => job.members);
    if (members.length < 2) return members[0];
    return members.reduce<Set<ProcessNode>>((all, some) => all.union(some), new Set());
  }

  ids(): Iterable<string> {
    return this.#jobs.keys();
  }

  #jobOf({ jobId }: ProcessNode): Job | undefined {
    return jobId === null ? undefined : this.#jobs.get(jobId);
  }
}

const NUMBER = /^\d+$/;

function isInside(id: string, outer: string): boolean {
  if (id === outer || id.startsWith(`${outer}/`)) return true;
  return id.startsWith(`${outer}.`) && NUMBER.test(outer) && NUMBER.test(id.slice(outer.length + 1));
}
