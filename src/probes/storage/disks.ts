/** The disks in use: their figures at each look, and which of them answer slowly. */
import type { DiskLatency } from "../../kernel/bpf-block.ts";
import { readDiskFacts, type DiskFacts } from "../../kernel/block.ts";
import type { DiskStats } from "../../kernel/diskstats.ts";
import type { Attrs, Event } from "../../model/event.ts";
import { NOT_SLOW, ratesBetween, slownessAfter, slowWords, type DiskRates, type Slowness } from "./disk-rates.ts";
import type { Fault } from "./fault-book.ts";

/** What else is known of a disk: its controller's state and temperature. */
export type MoreFacts = ReadonlyMap<string, Attrs>;
/** How long the disks themselves took since the look before, by `major:minor`; empty where that cannot be seen. */
export type Latencies = ReadonlyMap<string, DiskLatency>;
const NO_LATENCIES: Latencies = new Map();

interface Disk {
  stats: DiskStats;
  facts: DiskFacts | undefined;
  factsMs: number;
  slowness: Slowness;
  rates: DiskRates | undefined;
  latency: DiskLatency | undefined;
}

const FACTS_AGE_MS = 10_000;
/** Disks and partitions that are kept in mind, and disks that are told of. */
const MAX_KNOWN = 4096;
const MAX_TOLD = 256;

export class Disks {
  readonly #sys: string;
  readonly #known = new Map<string, Disk>();
  #lookedMs = Number.NaN;
  #renewed: string[] = [];

  constructor(sys: string) {
    this.#sys = sys;
  }

  /** `atMs`: of a clock that only goes forwards; `ts`: the events' time. */
  look(
    all: readonly DiskStats[],
    more: MoreFacts,
    atMs: number,
    ts: number,
    latencies: Latencies = NO_LATENCIES,
  ): { events: Event[]; faults: Fault[] } {
    const elapsedMs = atMs - this.#lookedMs;
    this.#lookedMs = atMs;
    this.#renewed = [];
    const events: Event[] = [];
    const faults: Fault[] = [];
    const present = new Set<string>();
    for (const stats of all.slice(0, MAX_KNOWN)) {
      present.add(stats.device);
      const disk = this.#update(stats, elapsedMs, atMs, latencies.get(stats.device));
      if (disk.facts === undefined || disk.facts.isPartition || !isInUse(stats.name, disk.facts)) continue;
      if (events.length >= 2 * MAX_TOLD) continue;
      events.push(...figures(disk, disk.facts, more.get(stats.name) ?? {}, ts));
      const fault = slowFault(disk);
      if (fault !== undefined) faults.push(fault);
      if (disk.facts.missing > 0) faults.push(degradedFault(stats.name, disk.facts.missing));
    }
    for (const device of this.#known.keys()) if (!present.has(device)) this.#known.delete(device);
    return { events, faults };
  }

  /** Loop devices that were bound to another file or to none since the look before: what befell the last is over. */
  get renewed(): readonly string[] {
    return this.#renewed;
  }

  /** Requests a second of a disk or partition since the look before; undefined where not known. */
  iopsOf(device: string): number | undefined {
    return this.#known.get(device)?.rates?.iops;
  }

  /** Of a disk or partition that is there. */
  nameOf(device: string): string | undefined {
    return this.#known.get(device)?.stats.name;
  }

  #update(stats: DiskStats, elapsedMs: number, atMs: number, latency: DiskLatency | undefined): Disk {
    const before = this.#known.get(stats.device);
    if (before === undefined || before.stats.name !== stats.name) {
      const facts = readDiskFacts(stats.name, this.#sys);
      const disk: Disk = { stats, facts, factsMs: atMs, slowness: NOT_SLOW, rates: undefined, latency };
      this.#known.set(stats.device, disk);
      return disk;
    }
    const rates = withLatency(ratesBetween(before.stats, stats, elapsedMs), latency);
    // A loop device that starts to be used is bound first.
    const isStale = atMs - before.factsMs >= FACTS_AGE_MS || (rates?.iops !== 0 && isLoop(stats.name));
    if (isStale) this.#renew(before, atMs);
    const inFlight = [before.stats.inFlight, stats.inFlight] as const;
    before.slowness =
      rates === undefined ? NOT_SLOW : slownessAfter(before.slowness, { inFlight }, rates, before.facts?.rotational);
    before.stats = stats;
    before.rates = rates;
    before.latency = latency;
    return before;
  }

  #renew(disk: Disk, atMs: number): void {
    const facts = readDiskFacts(disk.stats.name, this.#sys);
    if (facts?.backingFile !== disk.facts?.backingFile) this.#renewed.push(disk.stats.name);
    Object.assign(disk, { facts, factsMs: atMs });
  }
}

/** Without the time that a request waited for others before the disk got it: that says more of them than of the disk. */
function withLatency(rates: DiskRates | undefined, latency: DiskLatency | undefined): DiskRates | undefined {
  if (rates === undefined || latency === undefined) return rates;
  return { ...rates, awaitMs: latency.sumMs / latency.count };
}

/** A loop device without a file, a RAM disk, a drive without a medium: nobody can use those. */
function isInUse(name: string, { backingFile, sizeBytes }: DiskFacts): boolean {
  if (isLoop(name)) return backingFile !== undefined;
  return sizeBytes > 0 && !/^(?:ram|fd)\d+$/.test(name);
}

function isLoop(name: string): boolean {
  return name.startsWith("loop");
}

function figures({ stats, rates, latency }: Disk, facts: DiskFacts, more: Attrs, ts: number): Event[] {
  const queue: Event = {
    ts,
    event_type: "storage.qdepth",
    entity_id: stats.name,
    value: decimal(rates?.queueDepth ?? stats.inFlight),
    attrs: { in_flight: stats.inFlight, weighted_seconds_total: stats.weightedMs / 1000, ...more },
  };
  if (rates === undefined) return [queue];
  return [
    {
      ts,
      event_type: "storage.iops",
      entity_id: stats.name,
      value: decimal(rates.iops),
      attrs: { ...attrsOf(stats, rates, facts), ...(latency === undefined ? {} : latencyAttrs(latency)) },
    },
    queue,
  ];
}

function attrsOf(stats: DiskStats, rates: DiskRates, facts: DiskFacts): Attrs {
  const attrs: Attrs = {
    reads_total: stats.reads,
    read_bytes_total: stats.readBytes,
    read_seconds_total: stats.readMs / 1000,
    writes_total: stats.writes,
    write_bytes_total: stats.writeBytes,
    write_seconds_total: stats.writeMs / 1000,
    busy_seconds_total: stats.busyMs / 1000,
    read_bytes_per_second: Math.round(rates.readBytesPerSecond),
    write_bytes_per_second: Math.round(rates.writeBytesPerSecond),
    utilization_percent: rounded(rates.busyPercent),
    size_bytes: facts.sizeBytes,
  };
  const { discards, flushes } = stats;
  if (discards !== undefined) {
    attrs.discards_total = discards.count;
    attrs.discard_bytes_total = discards.bytes;
    attrs.discard_seconds_total = discards.ms / 1000;
  }
  if (flushes !== undefined) {
    attrs.flushes_total = flushes.count;
    attrs.flush_seconds_total = flushes.ms / 1000;
  }
  if (rates.readAwaitMs !== undefined) attrs.await_read_ms = rounded(rates.readAwaitMs);
  if (rates.writeAwaitMs !== undefined) attrs.await_write_ms = rounded(rates.writeAwaitMs);
  if (facts.rotational !== undefined) attrs.rotational = facts.rotational;
  if (facts.model !== undefined) attrs.model = facts.model;
  if (facts.backingFile !== undefined) attrs.backing_file = facts.backingFile.slice(0, MAX_TEXT).toWellFormed();
  return attrs;
}

const MAX_TEXT = 128;

function latencyAttrs(latency: DiskLatency): Attrs {
  return {
    device_await_ms: rounded(latency.sumMs / latency.count),
    device_await_p99_ms: rounded(Math.min(quantileMs(latency, 0.99), latency.maxMs)),
    device_await_max_ms: rounded(latency.maxMs),
  };
}

/** At most so long took this share of the requests: the upper end of the bucket in which that lies. */
function quantileMs({ count, buckets }: DiskLatency, share: number): number {
  let left = count * share;
  const place = buckets.findIndex((each) => (left -= each) <= 0);
  return 2 ** ((place < 0 ? buckets.length : place) + 1) / 1000;
}

function slowFault({ stats, slowness, rates, latency }: Disk): Fault | undefined {
  const words = rates === undefined ? undefined : slowWords(slowness, rates, stats.inFlight);
  if (words === undefined) return undefined;
  return {
    entity: stats.name,
    head: "SLOW",
    words,
    isWarning: true,
    cause: "storage.slow",
    label: `/dev/${stats.name}`,
    source: latency === undefined ? "/proc/diskstats" : "tracepoint block_rq_complete",
    observed: words,
  };
}

function degradedFault(name: string, missing: number): Fault {
  const words = `lacks ${missing} of its devices`;
  const source = `/sys/block/${name}/md/degraded`;
  return {
    entity: name,
    head: "DEGRADED",
    words,
    isWarning: true,
    cause: "storage.slow",
    label: `/dev/${name}`,
    source,
    observed: words,
  };
}

/** As the contract has numbers: never with an exponent. */
function decimal(value: number): string {
  return String(rounded(value));
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}
