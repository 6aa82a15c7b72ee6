/**
 * Processes that stand still because a cgroup is frozen. Their threads may never have run since, so no count of switches
 * shows it, and their wait channels may be those of the wait in which the freeze met them.
 */
import { findFrozen, type Freeze } from "../../kernel/freezer.ts";
import { readStat, readText } from "../../kernel/procfs.ts";
import { Memo } from "./memo.ts";
import { isSliceOver, letOthersIn } from "./pace.ts";

export class FrozenWatch {
  readonly #proc: string;
  readonly #scan: Memo<ReadonlyMap<number, Freeze>>;

  constructor(proc: string) {
    this.#proc = proc;
    this.#scan = new Memo(() => this.#find());
  }

  /** Every frozen process, by pid, as of at most `maxAgeMs` ago. */
  all(maxAgeMs: number): Promise<ReadonlyMap<number, Freeze>> {
    return this.#scan.recent(maxAgeMs);
  }

  async #find(): Promise<ReadonlyMap<number, Freeze>> {
    const frozen = new Map<number, Freeze>();
    for (const { pids, ...freeze } of await findFrozen(this.#proc, letOthersInWhenDue)) {
      for (const pid of pids) if (this.#holds(freeze, pid)) frozen.set(pid, freeze);
    }
    return frozen;
  }

  /** While a freeze is not complete, some stand still already, and others hang in the kernel and have not come to it. */
  #holds({ complete, version }: Freeze, pid: number): boolean {
    if (complete) return true;
    const wchan = readText(`${this.#proc}/${pid}/wchan`) ?? "";
    if (version === 2) return /get_signal|freezer_trap/.test(wchan);
    // A v1 freezer shows as D also where it met a task in a sleep that a signal could have ended.
    return readStat(this.#proc, pid)?.state === "D" && (wchan.includes("refrigerator") || FREEZABLE.test(wchan));
  }
}

/** Wait channels of sleeps that are never D by themselves. */
const FREEZABLE =
  /nanosleep|pipe_(?:read|write|wait)|^do_wait$|futex|poll|select|sigsuspend|sigtimedwait|wait_woken|unix_|accept/;

function letOthersInWhenDue(): Promise<void> | undefined {
  return isSliceOver() ? letOthersIn() : undefined;
}
