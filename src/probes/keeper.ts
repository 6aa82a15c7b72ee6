/** One probe's life: run, count, isolate, start again with backoff. It knows nothing of the other probes. */
import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { ProbeStatus } from "../model/documents.ts";
import type { Event } from "../model/event.ts";
import { OpenFacts } from "./open-facts.ts";
import type { Probe, ProbeContext, SamplerStatus } from "./probe.ts";
import { Refusals } from "./refusals.ts";

export interface KeeperOptions {
  sink(events: Event[], probe: string): void | Promise<void>;
  log: Log;
  /** Milliseconds between two samples. */
  interval: number;
  now(): number;
  onReject(reason: string): void;
}

const FIRST_BACKOFF_MS = 1_000;
const MAX_BACKOFF_MS = 60_000;
/** A run of this length was a healthy one: the next failure starts the backoff anew. */
const HEALTHY_MS = 60_000;
const END_BATCH = 1_000;

export class Keeper {
  readonly #probe: Probe;
  readonly #options: KeeperOptions;
  readonly #stop = new AbortController();
  readonly #context: ProbeContext;
  readonly #refusals: Refusals;
  readonly #openFacts = new OpenFacts();
  #state: ProbeStatus["state"] = "starting";
  #restarts = 0;
  #events = 0;
  #lastError: string | null = null;
  #ended: Promise<void> = Promise.resolve();

  constructor(probe: Probe, options: KeeperOptions) {
    this.#probe = probe;
    this.#options = options;
    const log: Log = (message) => options.log(`probe ${probe.name}: ${message}`);
    this.#refusals = new Refusals(log);
    this.#context = {
      signal: this.#stop.signal,
      now: options.now,
      log,
      interval: options.interval,
      reject: (reason) => {
        this.#refusals.add(reason);
        options.onReject(reason);
      },
    };
  }

  start(): void {
    const supported = this.#probe.supported();
    if (supported === true) this.#ended = this.#live();
    else {
      this.#state = "failed";
      this.#lastError = supported;
      this.#context.log(`cannot run here: ${supported}`);
    }
  }

  /** Resolves when the probe has returned, which may be never: the host does not wait for ever. */
  stop(): Promise<void> {
    this.#stop.abort();
    return this.#ended.then(() => this.tellRefusals(true));
  }

  tellRefusals(all = false): void {
    this.#refusals.tell(performance.now(), all);
  }

  get name(): string {
    return this.#probe.name;
  }

  status(): ProbeStatus {
    return {
      name: this.#probe.name,
      state: this.#state,
      pid: this.#probe.status?.().pid ?? null,
      restarts: this.#restarts,
      events: this.#events,
      rejected: this.#refusals.total,
      last_error: this.#lastError,
    };
  }

  sampler(): SamplerStatus | undefined {
    return this.#probe.status?.().sampler;
  }

  /** Whether there is no first look of it to be waited for. */
  get isSampled(): boolean {
    return this.#state !== "running" || this.#probe.status?.().sampled !== false;
  }

  /** Of its eBPF programs' records; undefined where it has none. */
  lost(): number | undefined {
    return this.#probe.status?.().lost;
  }

  /** Empty where the probe has nothing to say, fails, or takes longer than the signal allows. */
  async inspect(pids: readonly number[], signal: AbortSignal): Promise<Event[]> {
    if (this.#state !== "running" || this.#probe.inspect === undefined || signal.aborted) return [];
    const context = { ...this.#context, signal: AbortSignal.any([this.#stop.signal, signal]) };
    const tooLate = new Promise<Event[]>((resolve) => {
      context.signal.addEventListener("abort", () => resolve([]), { once: true });
    });
    try {
      const events = await Promise.race([this.#probe.inspect(pids, context), tooLate]);
      this.#count(events);
      return events;
    } catch (error) {
      this.#context.log(`inspection failed: ${messageOf(error)}`);
      return [];
    }
  }

  async #live(): Promise<void> {
    let backoffMs = FIRST_BACKOFF_MS;
    while (!this.#stop.signal.aborted) {
      const startedMs = performance.now();
      await this.#runOnce();
      if (this.#stop.signal.aborted) break;
      if (performance.now() - startedMs >= HEALTHY_MS) backoffMs = FIRST_BACKOFF_MS;
      this.#state = "waiting";
      this.#context.log(`${this.#lastError}; starts again in ${backoffMs / 1000} s`);
      await delay(backoffMs, undefined, { signal: this.#stop.signal }).catch(() => {});
      backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS);
      this.#restarts++;
    }
    this.#state = "stopped";
  }

  /** Never throws: whatever a probe throws is its death and nothing more. */
  async #runOnce(): Promise<void> {
    try {
      this.#state = "running";
      for await (const events of this.#probe.run(this.#context)) {
        this.#count(events);
        const taken = this.#options.sink(events, this.#probe.name);
        if (taken !== undefined) await taken;
      }
      if (!this.#stop.signal.aborted) this.#lastError = "ended by itself";
    } catch (error) {
      if (!this.#stop.signal.aborted) this.#lastError = messageOf(error);
    }
    try {
      await this.#endOpenFacts();
    } catch (error) {
      this.#lastError = messageOf(error);
    }
  }

  #count(events: readonly Event[]): void {
    this.#events += events.length;
    this.#openFacts.note(events);
  }

  async #endOpenFacts(): Promise<void> {
    const ends = this.#openFacts.endAll(this.#options.now());
    for (let at = 0; at < ends.length; at += END_BATCH) {
      await this.#options.sink(ends.slice(at, at + END_BATCH), this.#probe.name);
    }
  }
}
