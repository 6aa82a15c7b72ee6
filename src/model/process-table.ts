/**
 * The process that has a pid now, by host. Pids of this host come in pages, because a kernel gives them out densely
 * and an array is several times faster to read than a map of a million numbers; other hosts' processes are few.
 */
import { processId } from "./entity.ts";
import type { ProcessNode } from "./nodes.ts";

/** PID_MAX_LIMIT on 64-bit Linux; a larger number, which only another system or a bad probe tells, goes to the map. */
const MAX_PAGED_PID = 2 ** 22;
const PAGE_BITS = 10;
const PAGE_MASK = 2 ** PAGE_BITS - 1;

export class ProcessTable {
  /** Processes in the table. */
  size = 0;
  readonly #pages: (Page | undefined)[] = [];
  readonly #others = new Map<string, ProcessNode>();

  /** `node` is undefined for this host. */
  get(pid: number, node: string | undefined): ProcessNode | undefined {
    if (node !== undefined || pid > MAX_PAGED_PID) return this.#others.get(processId(pid, node));
    return this.#pages[pid >> PAGE_BITS]?.slots[pid & PAGE_MASK];
  }

  /** The process must not be in the table, nor another with its pid. */
  add(process: ProcessNode): void {
    this.size++;
    const { pid } = process;
    if (process.node !== undefined || pid > MAX_PAGED_PID) {
      this.#others.set(process.id, process);
      return;
    }
    const number = pid >> PAGE_BITS;
    while (this.#pages.length <= number) this.#pages.push(undefined);
    const page = (this.#pages[number] ??= { used: 0, slots: Array.from({ length: PAGE_MASK + 1 }, () => undefined) });
    page.slots[pid & PAGE_MASK] = process;
    page.used++;
  }

  /** False where it is not in the table: its pid may have passed to another. */
  delete(process: ProcessNode): boolean {
    const { pid, node } = process;
    if (this.get(pid, node) !== process) return false;
    this.size--;
    const page = this.#pages[pid >> PAGE_BITS];
    if (node !== undefined || pid > MAX_PAGED_PID || page === undefined) this.#others.delete(process.id);
    else if (--page.used === 0) this.#pages[pid >> PAGE_BITS] = undefined;
    else page.slots[pid & PAGE_MASK] = undefined;
    return true;
  }

  *values(): Iterable<ProcessNode> {
    for (const page of this.#pages) {
      for (const process of page?.slots ?? []) if (process !== undefined) yield process;
    }
    yield* this.#others.values();
  }
}

interface Page {
  used: number;
  readonly slots: (ProcessNode | undefined)[];
}
