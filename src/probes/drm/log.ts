/** Reads the kernel log on for what it says of these cards, and finds the processes that it names. */
import { GPU_DRIVERS, gpuLogRecord, type GpuLogRecord } from "../../kernel/gpu-log.ts";
import { KmsgTail } from "../../kernel/kmsg-tail.ts";
import { processOf, readStat } from "../../kernel/procfs.ts";
import type { DrmCard } from "../../kernel/drm.ts";
import type { Event } from "../../model/event.ts";
import type { Trouble } from "../standing.ts";
import { LogBook } from "./log-book.ts";

/** USER_HZ */
const MS_PER_TICK = 10;

export class CardLog {
  readonly #proc: string;
  readonly #tail: KmsgTail;
  readonly #book = new LogBook();

  constructor(proc: string, kmsg: string) {
    this.#proc = proc;
    this.#tail = new KmsgTail(proc, kmsg);
  }

  look(cards: readonly DrmCard[], nowMs: number): { events: Event[]; troubles: Trouble[] } {
    const events: Event[] = [];
    for (const message of this.#tail.take(...GPU_DRIVERS)) {
      const record = gpuLogRecord(message);
      const card = record && cardOf(record, cards);
      if (record === undefined || card === undefined) continue;
      const time = { atMs: Math.round(nowMs - message.ageMs), ageMs: message.ageMs };
      events.push(...this.#book.take(record, card, time, (named) => this.#processOf(named)));
    }
    return { events, troubles: this.#book.troubles(cards, nowMs) };
  }

  close(): void {
    this.#tail.close();
  }

  /** Undefined where it is gone, and where another has its number now. */
  #processOf({ pid, atMs }: GpuLogRecord): number | undefined {
    if (pid === undefined) return undefined;
    const process = processOf(this.#proc, pid);
    const stat = readStat(this.#proc, process);
    return stat !== undefined && stat.startTicks * MS_PER_TICK <= atMs ? process : undefined;
  }
}

/** Older messages do not say which card: then it must be the only one of its driver. */
function cardOf({ pci, driver }: GpuLogRecord, cards: readonly DrmCard[]): DrmCard | undefined {
  if (pci !== undefined) return cards.find((card) => card.pci === pci);
  const [card, ...others] = cards.filter((one) => one.driver === driver);
  return others.length === 0 ? card : undefined;
}
