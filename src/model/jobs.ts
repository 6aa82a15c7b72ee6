/** Which processes belong to which job. A process belongs to one at most: the last it was told to be of. */
import type { ProcessNode } from "./nodes.ts";

export class Jobs {
  readonly #jobs = new Map<string, { id: string; members: Set<ProcessNode> }>();

  join(process: ProcessNode, jobId: string): void {
    if (jobId === process.jobId) return;
    this.leave(process);
    let job = this.#jobs.get(jobId);
    if (job === undefined) this.#jobs.set(jobId, (job = { id: jobId, members: new Set() }));
    job.members.add(process);
    // All members share one text: that each event names the same job is then seen without a look at far-off memory.
    process.jobId = job.id;
  }

  /** It stays known of the process which job it was of. */
  leave(process: ProcessNode): void {
    if (process.jobId === null) return;
    const job = this.#jobs.get(process.jobId);
    job?.members.delete(process);
    if (job?.members.size === 0) this.#jobs.delete(process.jobId);
  }

  members(jobId: string): ReadonlySet<ProcessNode> | undefined {
    return this.#jobs.get(jobId)?.members;
  }
}
