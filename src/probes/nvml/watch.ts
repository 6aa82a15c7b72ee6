/**
 * From answers of the driver and lines of the kernel log to events: figures, processes, what is wrong, XIDs. It keeps
 * what must be compared from one look to the next; when to look, and how, is index.ts's.
 */
import type { GpuProcess, GpuReading, NvmlReading } from "../../kernel/nvml-reading.ts";
import { parseXidLine } from "../../kernel/nvml-log.ts";
import type { TimedMessage } from "../../kernel/kmsg-tail.ts";
import type { Event } from "../../model/event.ts";
import { Standing, type Trouble } from "../standing.ts";
import type { Hang } from "./driver-reader.ts";
import { figureEvents, shareEvents } from "./figures.ts";
import { GpuNames, placeOn, type KnownGpu } from "./gpu-names.ts";
import { GpuProcesses } from "./gpu-processes.ts";
import { GpuTroubles } from "./gpu-troubles.ts";
import { XidBook } from "./xid-book.ts";

/** An error lives so long in the graph: what the log tells of before then is over. */
const OLDEST_XID_MS = 300_000;

interface Gpu {
  known: KnownGpu;
  troubles: GpuTroubles;
  /** The last reading in which it answered, with those of its processes that are what the driver means. */
  last: GpuReading;
  processes: GpuProcess[];
}

export class NvmlWatch {
  readonly #names = new GpuNames();
  readonly #gpus = new Map<string, Gpu>();
  readonly #processes: GpuProcesses;
  readonly #standing = new Standing();
  readonly #xids = new XidBook();
  /** What was wrong at the last look at which the driver answered. */
  #troubles: Trouble[] = [];

  constructor(proc = "/proc") {
    this.#processes = new GpuProcesses(proc);
  }

  get isEmpty(): boolean {
    return this.#gpus.size === 0;
  }

  reading({ gpus, xids }: NvmlReading, nowMs: number): Event[] {
    const events: Event[] = [];
    const troubles: Trouble[] = [];
    const seen = new Set<Gpu>();
    for (const reading of gpus) {
      const gpu = this.#gpuOf(reading);
      seen.add(gpu);
      if (reading.state === "lost") events.push(...this.#silent(gpu, nowMs));
      else {
        gpu.last = reading;
        gpu.processes = reading.processes.filter(({ pid }) => this.#processes.has(pid));
        events.push(...figureEvents(gpu.known.entity, reading, gpu.processes, nowMs));
      }
      troubles.push(...gpu.troubles.take(reading, nowMs));
    }
    for (const gpu of this.#gpus.values()) {
      if (seen.has(gpu)) continue;
      events.push(...this.#silent(gpu, nowMs));
      troubles.push(gpu.troubles.lost(`one of the ${this.#gpus.size} GPUs is missing: ${gpus.length} are there`));
    }
    this.#troubles = troubles;
    events.push(...this.#standing.update(troubles, nowMs));
    for (const { index, code, ...instances } of xids) {
      const gpu = [...seen].find(({ last }) => last.index === index);
      if (gpu === undefined) continue;
      const { known, last } = gpu;
      const entity = placeOn(known.entity, last.migs, instances);
      const source = "nvmlEventSetWait";
      const xid = { gpu: known, entity, code, atMs: nowMs, source, observed: `XID ${code}` };
      events.push(...this.#xids.take(xid, this.#usersOf(known.entity)));
    }
    events.push(...this.#xids.again((entity) => this.#usersOf(entity), nowMs));
    return events;
  }

  /** The driver does not answer: what was so at the last reading is taken to be so still. */
  hung({ call, where, sinceMs }: Hang, nowMs: number, monotonicMs: number): Event[] {
    const seconds = Math.round((monotonicMs - sinceMs) / 1000);
    const observed = `${call} has not returned for ${seconds} s, ${where}`;
    const gpus = [...this.#gpus.values()];
    const hangs = gpus.map(({ troubles }) => troubles.hung(call, observed));
    return [
      ...gpus.flatMap((gpu) => this.#silent(gpu, nowMs)),
      ...this.#standing.update([...this.#troubles, ...hangs], nowMs),
    ];
  }

  log(messages: readonly TimedMessage[], nowMs: number): Event[] {
    return messages.flatMap(({ text, ageMs }) => {
      const line = ageMs > OLDEST_XID_MS ? undefined : parseXidLine(text);
      if (line === undefined) return [];
      const known = this.#names.byPci(line.pci) ?? { entity: `gpu-${line.pci}`, index: -1 };
      const migs = this.#gpus.get(known.entity)?.last.migs ?? [];
      const pid = this.#processes.named(line);
      const xid = {
        gpu: known,
        entity: placeOn(known.entity, migs, line),
        code: line.code,
        ...(pid === undefined ? {} : { pid }),
        atMs: Math.round(nowMs - ageMs),
        source: "/dev/kmsg",
        observed: text,
      };
      return this.#xids.take(xid, this.#usersOf(known.entity));
    });
  }

  #gpuOf(reading: GpuReading): Gpu {
    const known = this.#names.of(reading);
    let gpu = this.#gpus.get(known.entity);
    if (gpu === undefined) {
      gpu = { known, troubles: new GpuTroubles(known), last: reading, processes: [] };
      this.#gpus.set(known.entity, gpu);
    }
    return gpu;
  }

  /** A GPU that says nothing: who was on it and lives is on it still. */
  #silent(gpu: Gpu, nowMs: number): Event[] {
    for (const process of gpu.processes) delete process.smPercent;
    gpu.processes = gpu.processes.filter(({ pid }) => this.#processes.has(pid));
    const { known, last, processes } = gpu;
    return processes.flatMap((process) => shareEvents(known.entity, last, process, nowMs));
  }

  #usersOf(entity: string): ReadonlySet<number> {
    return new Set(this.#gpus.get(entity)?.processes.map(({ pid }) => pid));
  }
}
