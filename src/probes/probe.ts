/**
 * The contract between a probe and the host that runs it.
 *
 * A probe turns a part of the machine into events. It does not count, restart, time or log its own failures:
 * the host around it does that once for all. A built-in probe and a program on a pipe look the same from outside.
 */
import type { Event } from "../model/event.ts";
import type { Log } from "../lib/log.ts";

export interface ProbeContext {
  /** Aborted when the daemon stops; `run` then returns soon. */
  signal: AbortSignal;
  /** Milliseconds since the Unix epoch. */
  now(): number;
  log: Log;
  /** Milliseconds between two samples. */
  interval: number;
  /** Called for a line or fact that was refused, with the reason's code. */
  reject(reason: string): void;
}

export interface Probe {
  name: string;
  /** One line: what it watches. */
  summary: string;
  /** True, or the reason why it cannot run on this machine. */
  supported(): true | string;
  /** Batches of events until the signal aborts. Returning earlier, or throwing, is a death: the host restarts it. */
  run(context: ProbeContext): AsyncIterable<Event[]>;
  /** A closer look at these processes, now, because a question led to them. */
  inspect?(pids: readonly number[], context: ProbeContext): Promise<Event[]>;
  /** What `xctl status` says of it beyond the host's counters. */
  status?(): ProbeHealth;
}

interface ProbeHealth {
  pid?: number | null;
  sampler?: SamplerStatus | undefined;
  /** False until its first look at the whole machine is over: a list would lack what it has not told yet. */
  sampled?: boolean;
  /** Records that its eBPF programs could not hand over since it runs; undefined where it has none attached. */
  lost?: number | undefined;
}

/** How the process probe sees the machine: `xctl status` shows it. */
export interface SamplerStatus {
  backend: string;
  /** Why it is not the best there is; null where it is. */
  reason: string | null;
  interval_ms: number;
  tasks: number;
  last_ms: number;
}
