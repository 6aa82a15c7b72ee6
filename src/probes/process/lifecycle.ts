/**
 * What happened to processes between two samples: those that came and went unseen, how others ended, and who sent the
 * signal that stopped or ended them. Without eBPF none of it is known, and nothing is said.
 */
import { BpfLifecycle, type LifecycleRecord } from "../../kernel/bpf-lifecycle.ts";
import { readBootMs, startMs } from "../../kernel/procfs.ts";
import type { Log } from "../../lib/log.ts";
import { printable } from "../../lib/text.ts";
import { processId } from "../../model/entity.ts";
import type { Attrs, Event } from "../../model/event.ts";
import { openedOrLost } from "../ebpf-choice.ts";
import { signalName } from "./signal-name.ts";
import { Tap } from "./tap.ts";

/** Ends and signals that are kept until somebody asks: of the last so many processes. */
const MAX_KEPT = 8192;
const MAX_QUEUED = 100_000;
const STOP_SIGNALS: ReadonlySet<number> = new Set([19, 20, 21, 22]);
/** CONT, STOP, TSTP, KILL, TERM: what one process does to another on purpose. */
const ACTIONS: ReadonlySet<number> = new Set([9, 15, 18, 19, 20]);
/** A signal that came later than this before the end has likely not caused it. */
const SIGNAL_TO_END_MS = 10_000;

const LOSS = "does not see short-lived processes and senders of signals";

export class Lifecycle {
  readonly #bpf: BpfLifecycle;
  readonly #tap: Tap<LifecycleRecord>;
  readonly #bootMs: number;
  /** By pid: the end of a process, its last stop and its last deadly signal. */
  readonly #ends = new Kept();
  readonly #stops = new Kept();
  readonly #blows = new Kept();
  readonly #victims = new Kept();
  /** Those whose end was told already. */
  readonly #told = new Kept();
  #queue: LifecycleRecord[] = [];

  private constructor(bpf: BpfLifecycle, bootMs: number, log: Log) {
    this.#bpf = bpf;
    this.#tap = new Tap(bpf, log, LOSS);
    this.#bootMs = bootMs;
  }

  /** Undefined where this machine does not allow it. */
  static async open(proc: string, log: Log): Promise<Lifecycle | undefined> {
    const bpf = await openedOrLost(BpfLifecycle.open(), LOSS, log);
    return bpf && new Lifecycle(bpf, readBootMs(proc), log);
  }

  /** What has happened since the last time. `isKnown` tells of a process that the samples show, or showed. */
  events(isKnown: (pid: number, startTicks: number) => boolean, nowMs: number): Event[] {
    this.#drain();
    const events: Event[] = [];
    for (const record of this.#queue) {
      const { kind, pid, startTicks } = record;
      if (kind === "exit") {
        const isPassing = !isKnown(pid, startTicks) && this.#told.get(pid, startTicks) === undefined;
        if (isPassing) events.push(...this.#passing(record, nowMs));
      } else {
        const action = actionOf(record, nowMs);
        if (action !== undefined) events.push(action);
      }
    }
    this.#queue = [];
    return events;
  }

  /** How it ended, for the event of its exit; nothing where that was not seen. */
  endOf(pid: number, startTicks: number): Attrs {
    this.#drain();
    const end = this.#ends.get(pid, startTicks);
    if (end === undefined) return {};
    this.#told.set(end);
    const signal = end.code & 0x7f;
    const since_ms = this.#bootMs + end.atMs;
    if (signal === 0) {
      const status = (end.code >> 8) & 0xff;
      return { since_ms, exit_status: status, ...evidence("sched_process_exit", `exited with status ${status}`) };
    }
    const blow = this.#blows.get(pid, startTicks);
    const isBlow = blow !== undefined && blow.code === signal && end.atMs - blow.atMs < SIGNAL_TO_END_MS;
    const isVictim = this.#victims.get(pid, startTicks) !== undefined;
    const by = isVictim ? "the OOM killer" : isBlow ? senderOf(blow) : undefined;
    const observed = `killed by ${signalName(signal)}${by === undefined ? "" : ` from ${by}`}`;
    return {
      since_ms,
      signal: signalName(signal),
      ...(isVictim ? { oom: true } : {}),
      ...evidence("sched_process_exit", observed),
    };
  }

  /** `SIGSTOP from bash (123)`; undefined where nobody saw it. */
  stopOf(pid: number, startTicks: number): string | undefined {
    this.#drain();
    const stop = this.#stops.get(pid, startTicks);
    return stop === undefined ? undefined : `${signalName(stop.code)} from ${senderOf(stop)}`;
  }

  get lost(): number {
    return this.#bpf.lost;
  }

  close(): void {
    this.#bpf.close();
  }

  #drain(): void {
    for (const record of this.#tap.take()) {
      this.#keptFor(record).set(record);
      if (this.#queue.length < MAX_QUEUED) this.#queue.push(record);
    }
  }

  #keptFor({ kind, code }: LifecycleRecord): Kept {
    if (kind === "exit") return this.#ends;
    if (kind === "oom_victim") return this.#victims;
    return STOP_SIGNALS.has(code) ? this.#stops : this.#blows;
  }

  /** A process that no sample has shown: it came and went. */
  #passing(record: LifecycleRecord, nowMs: number): Event[] {
    const { pid, startTicks } = record;
    const start_ms = startMs(this.#bootMs, startTicks);
    const identity = { comm: printable(record.comm), start_ms, ppid: record.other };
    const of = { ts: nowMs, event_type: "process.state", entity_id: processId(pid), pid } as const;
    return [
      { ...of, value: "start", attrs: identity },
      { ...of, value: "exit", attrs: { ...identity, ...this.endOf(pid, startTicks) } },
    ];
  }
}

/** An audit record of what another process, or the kernel, did to it. */
function actionOf(record: LifecycleRecord, nowMs: number): Event | undefined {
  const { kind, pid, other, code } = record;
  const isOom = kind === "oom_victim";
  if (!isOom && (!ACTIONS.has(code) || other === 0 || other === pid)) return undefined;
  const attrs = { comm: printable(record.comm), by: other, by_comm: printable(record.otherComm) };
  const value = isOom ? "oom_kill" : signalName(code);
  return { ts: nowMs, event_type: "action.exec", entity_id: processId(pid), pid, value, attrs };
}

function senderOf({ pid, other, otherComm }: LifecycleRecord): string {
  if (other === 0) return "the kernel";
  return other === pid ? "itself" : `${printable(otherComm)} (${other})`;
}

function evidence(tracepoint: string, observed: string): Attrs {
  return { source: `tracepoint ${tracepoint}`, observed };
}

/** The last record of each process, and only of the last so many processes. */
class Kept {
  readonly #records = new Map<number, LifecycleRecord>();

  set(record: LifecycleRecord): void {
    this.#records.delete(record.pid);
    this.#records.set(record.pid, record);
    const oldest = this.#records.keys().next().value;
    if (this.#records.size > MAX_KEPT && oldest !== undefined) this.#records.delete(oldest);
  }

  get(pid: number, startTicks: number): LifecycleRecord | undefined {
    const record = this.#records.get(pid);
    return record?.startTicks === startTicks ? record : undefined;
  }
}
