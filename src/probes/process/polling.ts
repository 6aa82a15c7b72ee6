/**
 * Whether a process that keeps its CPU computes, or looks over and over whether something has come from others: to the
 * scheduler both look alike.
 */
import { BpfPolling, MAX_WATCHED, type CallCounts } from "../../kernel/bpf-polling.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Attrs } from "../../model/event.ts";
import { openedOrLost } from "../ebpf-choice.ts";
import type { TrackedProcess } from "./tracker.ts";

/** Open MPI looks at its sockets every 10 ms while it spins on shared memory (opal_progress). */
const WINDOW_MS = 100;
/** Questions that follow each other closely get one answer. */
const FRESH_MS = 1000;
/** Of all system calls: one that makes others too is at work. */
const HARDLY_OTHERS = 0.9;

type Counter = Pick<BpfPolling, "count" | "close">;

interface Look {
  atMs: number;
  found: Promise<Attrs | undefined>;
}

export class Polling {
  readonly #log: Log;
  readonly #looks = new WeakMap<TrackedProcess, Look>();
  #counter: Counter | undefined;

  constructor(counter: Counter, log: Log) {
    this.#counter = counter;
    this.#log = log;
  }

  /** Undefined where this machine does not allow it. */
  static async open(log: Log): Promise<Polling | undefined> {
    const bpf = await openedOrLost(BpfPolling.open(), "does not count system calls", log);
    return bpf && new Polling(bpf, log);
  }

  /** `polls_per_s` of each that could be seen: of one that makes other system calls as well it is 0. */
  async look(processes: readonly TrackedProcess[], signal: AbortSignal): Promise<Map<TrackedProcess, Attrs>> {
    const nowMs = performance.now();
    const due = processes.filter((process) => nowMs - (this.#looks.get(process)?.atMs ?? -Infinity) >= FRESH_MS);
    const looked = due.slice(0, MAX_WATCHED);
    if (looked.length > 0) {
      const counted = this.#count(looked, signal);
      for (const process of looked) {
        const found = counted.then((counts) => attrsOf(counts.get(process.pid)));
        this.#looks.set(process, { atMs: nowMs, found });
      }
    }
    const known = new Map<TrackedProcess, Attrs>();
    for (const process of processes) {
      const look = this.#looks.get(process);
      const attrs = await look?.found;
      if (attrs !== undefined) known.set(process, attrs);
      // One that came to nothing is made anew by the next question.
      else if (this.#looks.get(process) === look) this.#looks.delete(process);
    }
    return known;
  }

  close(): void {
    this.#counter?.close();
    this.#counter = undefined;
  }

  async #count(processes: readonly TrackedProcess[], signal: AbortSignal): Promise<Map<number, CallCounts>> {
    const tids = processes.map(({ pid }) => pid);
    try {
      return (await this.#counter?.count(tids, WINDOW_MS, signal)) ?? new Map();
    } catch (error) {
      this.#log(`counts system calls no longer: ${messageOf(error)}`);
      this.close();
      return new Map();
    }
  }
}

function attrsOf(counts: CallCounts | undefined): Attrs | undefined {
  if (counts === undefined) return undefined;
  const { calls, polls } = counts;
  return { polls_per_s: polls >= calls * HARDLY_OTHERS ? Math.round((polls * 1000) / WINDOW_MS) : 0 };
}
