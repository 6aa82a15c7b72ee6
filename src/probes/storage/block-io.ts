/**
 * What eBPF tells of requests to disks: how long the disks took, who asked, and whose requests failed. Without it none
 * of that is known, and nothing is said.
 */
import { BpfBlock, type BlockReading, type DiskUse, type FailedRequest } from "../../kernel/bpf-block.ts";
import { isPartOfAnother } from "../../kernel/block.ts";
import { readStat } from "../../kernel/procfs.ts";
import type { Log } from "../../lib/log.ts";
import type { Event } from "../../model/event.ts";
import { ebpfKeptOut, openedOrLost } from "../ebpf-choice.ts";
import type { Latencies } from "./disks.ts";
import type { Fault } from "./fault-book.ts";

/** One that tries again every so often is hit all the while. */
const LASTS_MS = 30_000;
const MAX_HIT = 256;
/** Processes of one look that are told to use a disk: those who kept it at work the longest. */
const MAX_USERS = 64;

/** A disk by `major:minor`: its name, or nothing where it is not known. */
type NameOf = (device: string) => string | undefined;

interface Hit {
  request: FailedRequest;
  pid: number;
  startTicks: number;
  seenMs: number;
}

export class BlockIo {
  readonly #proc: string;
  readonly #sys: string;
  readonly #bpf: BpfBlock;
  readonly #hits = new Map<string, Hit>();
  #reading: BlockReading = { disks: [], uses: [], failures: [] };

  private constructor(proc: string, sys: string, bpf: BpfBlock) {
    this.#proc = proc;
    this.#sys = sys;
    this.#bpf = bpf;
  }

  /** Undefined where this machine does not allow it, or it is kept out. */
  static async open(proc: string, sys: string, log: Log): Promise<BlockIo | undefined> {
    if (ebpfKeptOut(proc) !== undefined) return undefined;
    const loss = "does not see how long disks themselves take, and for whom";
    const bpf = await openedOrLost(BpfBlock.open(), loss, log);
    return bpf && new BlockIo(proc, sys, bpf);
  }

  /** Reads what has happened since the look before. */
  look(nowMs: number): void {
    this.#reading = this.#bpf.take();
    for (const request of this.#reading.failures) {
      const { asker, device, isReadAhead } = request;
      if (asker === undefined || isReadAhead) continue;
      const key = `${asker.pid} ${device}`;
      if (this.#hits.size < MAX_HIT || this.#hits.has(key)) this.#hits.set(key, { request, ...asker, seenMs: nowMs });
    }
    for (const [key, hit] of this.#hits) {
      if (nowMs - hit.seenMs >= LASTS_MS || !this.#lives(hit)) this.#hits.delete(key);
    }
  }

  get latencies(): Latencies {
    return new Map(this.#reading.disks.map((disk) => [disk.device, disk]));
  }

  /** Each process's share of each disk since the look before. */
  shares(seconds: number, nameOf: NameOf, ts: number): Event[] {
    const busiest = this.#reading.uses.toSorted((a, b) => b.sumMs - a.sumMs).slice(0, MAX_USERS);
    return busiest.flatMap((use) => {
      const entity_id = nameOf(use.device);
      if (entity_id === undefined || seconds <= 0 || !this.#lives(use)) return [];
      const value = String(Math.round((100 * use.count) / seconds) / 100);
      return [
        { ts, event_type: "storage.iops" as const, entity_id, pid: use.pid, value, attrs: attrsOf(use, seconds) },
      ];
    });
  }

  /** A failed request hits who asked for it, unless the disk is one of several that stand in for each other. */
  faults(nameOf: NameOf): Fault[] {
    return [...this.#hits.values()].flatMap(({ request, pid }) => {
      const name = nameOf(request.device);
      if (name === undefined || isPartOfAnother(name, this.#sys)) return [];
      const { operation, bytes, sector, error } = request;
      const words = `${operation} of ${bytes} bytes at sector ${sector}: ${error}`;
      return [
        {
          entity: name,
          head: "IO_ERROR",
          words,
          pid,
          label: `/dev/${name}`,
          source: "tracepoint block_rq_complete",
          observed: words,
        },
      ];
    });
  }

  get lost(): number {
    return this.#bpf.lost;
  }

  close(): void {
    this.#bpf.close();
  }

  #lives({ pid, startTicks }: { pid: number; startTicks: number }): boolean {
    return readStat(this.#proc, pid)?.startTicks === startTicks;
  }
}

function attrsOf({ count, bytes, sumMs, maxMs }: DiskUse, seconds: number): Record<string, number> {
  return {
    bytes_per_second: Math.round(bytes / seconds),
    await_ms: Math.round((100 * sumMs) / count) / 100,
    await_max_ms: Math.round(100 * maxMs) / 100,
  };
}
