/** Runs any number of probes at once under one contract. What their events mean is the sink's matter. */
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../lib/log.ts";
import type { ProbeStatus } from "../model/documents.ts";
import type { Event } from "../model/event.ts";
import { Keeper } from "./keeper.ts";
import type { Probe, SamplerStatus } from "./probe.ts";

export interface HostOptions {
  /** Takes a probe's events. Where it returns a promise, the probe is not asked for more until that resolves. */
  sink(events: Event[], probe: string): void | Promise<void>;
  log: Log;
  /** Milliseconds between two samples. */
  interval: number;
  /** Milliseconds since the Unix epoch. */
  now(): number;
}

const STOP_DEADLINE_MS = 1_900;
const TELL_PERIOD_MS = 1_000;

export class ProbeHost {
  /** Refused lines of all probes by reason; only reasons that occurred. */
  readonly rejections: Record<string, number> = {};
  readonly #options: HostOptions;
  #keepers: Keeper[] = [];
  #teller: NodeJS.Timeout | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
  }

  /** One that this machine does not support is kept as `failed`; a failure of one touches no other. */
  start(probes: readonly Probe[]): void {
    const onReject = (reason: string): void => {
      this.rejections[reason] = (this.rejections[reason] ?? 0) + 1;
    };
    const added = probes.map((probe) => new Keeper(probe, { ...this.#options, onReject }));
    this.#keepers.push(...added);
    this.#teller ??= setInterval(() => this.#tellRefusals(), TELL_PERIOD_MS).unref();
    for (const keeper of added) keeper.start();
  }

  /** Resolves within two seconds, with every program ended; a built-in probe that does not return is left behind. */
  async stop(): Promise<void> {
    clearInterval(this.#teller);
    const giveUp = new AbortController();
    const late = delay(STOP_DEADLINE_MS, undefined, { signal: giveUp.signal }).catch(() => {});
    await Promise.race([Promise.all(this.#keepers.map((keeper) => keeper.stop())), late]);
    giveUp.abort();
  }

  status(): ProbeStatus[] {
    return this.#keepers.map((keeper) => keeper.status());
  }

  /** How the machine is sampled, where a probe samples it. */
  sampler(): SamplerStatus | undefined {
    return this.#keepers.map((keeper) => keeper.sampler()).find((sampler) => sampler !== undefined);
  }

  /** Whether each probe that lists the machine has looked at it once. */
  get isSampled(): boolean {
    return this.#keepers.every((keeper) => keeper.isSampled);
  }

  /** Records that eBPF programs could not hand over, by probe; only of probes that have some attached. */
  lost(): Record<string, number> {
    const lost: Record<string, number> = {};
    for (const keeper of this.#keepers) {
      const count = keeper.lost();
      if (count !== undefined) lost[keeper.name] = count;
    }
    return lost;
  }

  /** A closer look at these processes by every probe that can take one; what is not there in time is left out. */
  async inspect(pids: readonly number[], timeoutMs: number): Promise<Event[]> {
    const signal = AbortSignal.timeout(timeoutMs);
    const looks = await Promise.all(this.#keepers.map((keeper) => keeper.inspect(pids, signal)));
    return looks.flat();
  }

  #tellRefusals(): void {
    for (const keeper of this.#keepers) keeper.tellRefusals();
  }
}
