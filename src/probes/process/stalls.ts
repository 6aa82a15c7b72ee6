/**
 * Long waits for locks inside the kernel that are over, and threads that the kernel calls hung, as audit records: they
 * say what happened. What holds a thread up now is for the looks at its wait to tell.
 */
import { BpfStalls, type StallRecord } from "../../kernel/bpf-stalls.ts";
import type { Log } from "../../lib/log.ts";
import { printable } from "../../lib/text.ts";
import { processId } from "../../model/entity.ts";
import type { Attrs, Event } from "../../model/event.ts";
import { openedOrLost } from "../ebpf-choice.ts";
import { Tap } from "./tap.ts";

const LOSS = "does not see long waits for kernel locks, and hung tasks";

export class Stalls {
  readonly #bpf: BpfStalls;
  readonly #tap: Tap<StallRecord>;

  private constructor(bpf: BpfStalls, log: Log) {
    this.#bpf = bpf;
    this.#tap = new Tap(bpf, log, LOSS);
  }

  /** Undefined where this machine does not allow it. */
  static async open(log: Log): Promise<Stalls | undefined> {
    const bpf = await openedOrLost(BpfStalls.open(), LOSS, log);
    return bpf && new Stalls(bpf, log);
  }

  /** What has happened since the last time. */
  events(nowMs: number): Event[] {
    return this.#tap.take().map((record) => eventOf(record, nowMs));
  }

  get lost(): number {
    return this.#bpf.lost;
  }

  close(): void {
    this.#bpf.close();
  }
}

function eventOf(record: StallRecord, ts: number): Event {
  const { kind, pid, tid } = record;
  const isHung = kind === "hung_task";
  const value = isHung ? "HUNG_TASK" : `LOCK_CONTENTION:${record.waitedMs}`;
  const attrs = { comm: printable(record.comm), tid, ...(isHung ? HUNG : contention(record)) };
  return { ts, event_type: "action.exec", entity_id: processId(pid), pid, value, attrs };
}

const HUNG: Attrs = {
  source: "tracepoint sched_process_hang",
  observed: "uninterruptible for longer than kernel.hung_task_timeout_secs",
};

function contention({ lock, holder, waitedMs }: StallRecord): Attrs {
  const had = holder === undefined ? "" : `, held by thread ${holder.tid} of process ${holder.pid} when it began`;
  return {
    waited_ms: waitedMs,
    lock,
    ...(holder === undefined ? {} : { by: holder.pid }),
    source: "tracepoint contention_end",
    observed: `waited ${waitedMs} ms for a kernel ${lock}${had}`,
  };
}
