/** Refused lines, counted by reason, and a log of them that a flood cannot flood. */
import type { Log } from "../lib/log.ts";

const LOG_PERIOD_MS = 60_000;

export class Refusals {
  total = 0;
  readonly #log: Log;
  readonly #reasons = new Map<string, { untold: number; toldMs: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `reason` comes from the code of a probe, never from what it read. */
  add(reason: string): void {
    this.total++;
    const entry = this.#reasons.get(reason);
    if (entry === undefined) this.#reasons.set(reason, { untold: 1, toldMs: -Infinity });
    else entry.untold++;
  }

  /** To be called now and then; `nowMs` of any clock that only goes forward. `all` tells what is not yet due, too. */
  tell(nowMs: number, all = false): void {
    for (const [reason, entry] of this.#reasons) {
      if (entry.untold === 0 || (!all && nowMs - entry.toldMs < LOG_PERIOD_MS)) continue;
      this.#log(`${entry.untold} ${entry.untold === 1 ? "line" : "lines"} refused (${reason})`);
      entry.untold = 0;
      entry.toldMs = nowMs;
    }
  }
}
