/**
 * Whose a socket is. A walk over every process's open files costs much on a large machine, so it is taken seldom, and
 * what it found is kept; who has a socket open by then is looked at again. What may not be seen is not told.
 */
import type { BpfFiles } from "../../kernel/bpf-files.ts";
import { FdIndex, type FdHolder } from "../../kernel/fd-index.ts";
import { readFd } from "../../kernel/fds.ts";

/** A walk that took 100 ms is taken again after 2 s where something is wrong, and after 20 s where nothing is. */
const REST_PER_COST = { trouble: 20, figures: 200 } as const;
const MIN_REST_MS = { trouble: 1000, figures: 20_000 } as const;
/** A socket whose owner cannot be seen does not cause another walk for so long. */
const UNSEEN_MS = 60_000;
const MAX_KNOWN = 4096;
/** Several have it after a fork. */
const MAX_HOLDERS = 8;

export class SocketOwners {
  readonly #proc: string;
  readonly #files: BpfFiles | undefined;
  /** By inode; nobody, where the walk found none. */
  readonly #known = new Map<number, { holders: readonly FdHolder[]; foundMs: number }>();
  #walkedMs = Number.NEGATIVE_INFINITY;
  #costMs = 0;

  /** `files`: read instead of walking. */
  constructor(proc: string, files: BpfFiles | undefined) {
    this.#proc = proc;
    this.#files = files;
  }

  /** `why` says how much a walk for those that are not known yet is worth. */
  async learn(inodes: Iterable<number>, why: keyof typeof REST_PER_COST): Promise<void> {
    const begunMs = performance.now();
    const unknown = [...new Set(inodes)].filter((inode) => inode !== 0 && this.#isUnknown(inode, begunMs));
    if (unknown.length === 0) return;
    if (begunMs - this.#walkedMs < Math.max(MIN_REST_MS[why], this.#costMs * REST_PER_COST[why])) return;
    this.#walkedMs = begunMs;
    const index = await FdIndex.build(this.#proc, { files: this.#files });
    this.#costMs = performance.now() - begunMs;
    for (const inode of unknown) {
      this.#known.delete(inode);
      this.#known.set(inode, { holders: index.holders(nameOf(inode)).slice(0, MAX_HOLDERS), foundMs: begunMs });
    }
    for (const inode of this.#known.keys()) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(inode);
    }
  }

  /** Those that are known to have it open, as they still do. */
  of(inode: number): FdHolder[] {
    const holders = this.#known.get(inode)?.holders ?? [];
    const open = holders.filter(({ pid, fd }) => readFd(this.#proc, pid, fd) === nameOf(inode));
    // Handed on, or its process is another now: the next walk finds out.
    if (open.length === 0 && holders.length > 0) this.#known.delete(inode);
    return open;
  }

  #isUnknown(inode: number, nowMs: number): boolean {
    const known = this.#known.get(inode);
    return known === undefined || (known.holders.length === 0 && nowMs - known.foundMs > UNSEEN_MS);
  }
}

function nameOf(inode: number): string {
  return `socket:[${inode}]`;
}
