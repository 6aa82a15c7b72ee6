/** The waits for a CPU that stand, from pass to pass: each since when, and over as soon as its thread gets on. */
import type { Event } from "../../model/event.ts";
import { CpuCompetition } from "./cpu-competition.ts";
import { CpuWatch } from "./cpu-watch.ts";
import type { FactBook } from "./fact-book.ts";
import type { TrackedProcess } from "./tracker.ts";
import { cpuWait } from "./waits/cpu.ts";

/** Of a CPU: a process of which a thread has that much gets on, whatever its others wait for. */
const GETS_ON = 0.25;

export class CpuWaits {
  readonly #proc: string;
  readonly #book: FactBook;
  readonly #watch: CpuWatch;
  /** By the name in which they stand in the book. */
  readonly #sinceMs = new Map<string, number>();

  constructor(proc: string, book: FactBook) {
    this.#proc = proc;
    this.#book = book;
    this.#watch = new CpuWatch(proc);
  }

  /** One pass. */
  observe(processes: Iterable<TrackedProcess>, nowMs: number): Event[] {
    const events: Event[] = [];
    const threads = this.#watch.observe(processes);
    const competition = new CpuCompetition(this.#proc, threads);
    const waiting = new Set<string>();
    const gettingOn = new Set(
      threads.filter(({ lately }) => (lately?.ran ?? 0) >= GETS_ON).map(({ process }) => process),
    );
    for (const thread of threads) {
      if (thread.tid !== thread.process.pid && gettingOn.has(thread.process)) continue;
      const fact = cpuWait(this.#proc, thread, this.#watch, competition);
      if (fact === undefined) continue;
      const watchedMs = thread.longer?.overMs ?? thread.lately?.overMs ?? 0;
      const finder = `${thread.process.pid}/cpu/${thread.tid}`;
      const sinceMs = this.#sinceMs.get(finder) ?? Math.floor(nowMs - watchedMs);
      waiting.add(finder);
      this.#sinceMs.set(finder, sinceMs);
      events.push(...this.#book.replace(finder, [{ ...fact, attrs: { ...fact.attrs, since_ms: sinceMs } }], nowMs));
    }
    for (const finder of this.#sinceMs.keys()) {
      if (waiting.has(finder)) continue;
      this.#sinceMs.delete(finder);
      events.push(...this.#book.forget(finder, nowMs));
    }
    return events;
  }
}
