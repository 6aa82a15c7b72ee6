/**
 * Who has a file open, by the file's inode number: one pass of an eBPF iterator, without a walk over /proc.
 * It is a snapshot: whoever acts on it looks at the fd again. File systems number their files each for itself.
 */
import type { BpfFiles, OpenFiles } from "./bpf-files.ts";
import { FdIndex, type FdHolder } from "./fd-index.ts";
import { listPids } from "./procfs.ts";

/** 24 MB; whoever opened a file that comes after that is not known. */
const MAX_FILES = 1 << 20;

export class InodeIndex {
  /** Of the processes that the iterator does not show, by path. */
  readonly unshown: FdIndex;
  readonly #parts: readonly OpenFiles[];
  readonly #isWhole: boolean;

  private constructor(parts: readonly OpenFiles[], isWhole: boolean, unshown: FdIndex) {
    this.#parts = parts;
    this.#isWhole = isWhole;
    this.unshown = unshown;
  }

  /** Throws where the kernel does not go on. */
  static async build(
    proc: string,
    files: Pick<BpfFiles, "opened" | "shown">,
    maxFiles = MAX_FILES,
  ): Promise<InodeIndex> {
    // In this order, so that whoever comes meanwhile is not taken for one that the iterator hides.
    const pids = await listPids(proc);
    const shown = await files.shown();
    const parts: OpenFiles[] = [];
    let left = maxFiles;
    for await (const part of files.opened()) {
      left -= part.count;
      if (left < 0) break;
      parts.push(part);
    }
    const unshown = await FdIndex.build(proc, { paths: true, pids: pids.filter((pid) => !shown.has(pid)) });
    return new InodeIndex(parts, left >= 0, unshown);
  }

  /** Of the processes that the iterator shows. */
  holders(inode: number): FdHolder[] {
    const holders: FdHolder[] = [];
    // Several threads of a process may have files of their own, under the same fd.
    const seen = new Set<string>();
    for (const part of this.#parts) {
      for (const { pid, fd } of part.of(inode)) {
        const key = `${pid} ${fd}`;
        if (!seen.has(key)) holders.push({ pid, fd });
        seen.add(key);
      }
    }
    return holders;
  }

  /** Whether somebody may have the file open who is not told. */
  get isPartial(): boolean {
    return !this.#isWhole || this.unshown.unreadable.length > 0;
  }
}
