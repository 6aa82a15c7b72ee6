/**
 * Whether a process that keeps its CPU computes, or looks over and over whether something has come from others: to the
 * scheduler both look alike.
 */
import { BpfPolling, MAX_WATCHED, type CallCounts } from "../../kernel/bpf-polling.ts";
import { messageOf } from "../../lib/errors.ts";
import type { Log } from "../../lib/log.ts";
import type { Attrs } from "../../model/event.ts";
import type { TrackedProcess } from "./tracker.ts";

/** Open MPI looks at its sockets every 10 ms while it spins on shared memory (opal_progress). */
const WINDOW_MS = 100;
/** Questions that follow each other closely get one answer. */
const FRESH_MS = 1000;
/** Of all system calls: one that makes others too is at work. */
const HARDLY_OTHERS = 0.9;

export class Polling {
  readonly #log: Log;
  readonly #lookedMs = new WeakMap<TrackedProcess, number>();
  #counter: BpfPolling | undefined;

  constructor(counter: BpfPolling, log: Log) {
    this.#counter = counter;
    this.#log = log;
  }

  /** Undefined where this machine does not allow it. */
  static async open(log: Log): Promise<Polling | undefined> {
    try {
      return new Polling(await BpfPolling.open(), log);
    } catch (error) {
      log(`does not count system calls: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** `polls_per_s` of each that was not looked at just now: of one that makes other system calls as well it is 0. */
  async look(processes: readonly TrackedProcess[]): Promise<Map<TrackedProcess, Attrs>> {
    const nowMs = performance.now();
    const due = processes.filter((process) => nowMs - (this.#lookedMs.get(process) ?? -Infinity) >= FRESH_MS);
    const looked = due.slice(0, MAX_WATCHED);
    if (looked.length === 0 || this.#counter === undefined) return new Map();
    for (const process of looked) this.#lookedMs.set(process, nowMs);
    try {
      const counts = await this.#counter.count(
        looked.map(({ pid }) => pid),
        WINDOW_MS,
      );
      return new Map(looked.flatMap((process) => attrsOf(process, counts.get(process.pid))));
    } catch (error) {
      this.#log(`counts system calls no longer: ${messageOf(error)}`);
      this.close();
      return new Map();
    }
  }

  close(): void {
    this.#counter?.close();
    this.#counter = undefined;
  }
}

function attrsOf(process: TrackedProcess, counts: CallCounts | undefined): [TrackedProcess, Attrs][] {
  if (counts === undefined) return [];
  const { calls, polls } = counts;
  const perS = polls >= calls * HARDLY_OTHERS ? Math.round((polls * 1000) / WINDOW_MS) : 0;
  return [[process, { polls_per_s: perS }]];
}
