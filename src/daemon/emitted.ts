/** Events that come by the `emit` method: guarded and counted like a probe's, and shown as one in `status`. */
import type { ProbeStatus } from "../model/documents.ts";
import { check, MAX_LINE_BYTES, type Event } from "../model/event.ts";
import type { EmitResult } from "../protocol/methods.ts";
import { wireEvent } from "../protocol/wire-event.ts";

export class Emitted {
  /** By reason; only reasons that occurred. */
  readonly rejections: Record<string, number> = {};
  #isUsed = false;
  #events = 0;
  #rejected = 0;

  /** Those of the candidates that are events; the result tells of the others. */
  sift(
    candidates: readonly unknown[],
    rejectedBySender: Record<string, number>,
  ): { events: Event[]; result: EmitResult } {
    this.#isUsed = true;
    for (const [reason, count] of Object.entries(rejectedBySender)) this.#reject(reason, count);
    const events: Event[] = [];
    const rejected: Record<string, number> = {};
    for (const candidate of candidates) {
      const event = check(candidate);
      const reason = typeof event === "string" ? event : isTooLong(event) ? "too_long" : undefined;
      if (reason === undefined) {
        events.push(event as Event);
        continue;
      }
      rejected[reason] = (rejected[reason] ?? 0) + 1;
      this.#reject(reason, 1);
    }
    this.#events += events.length;
    return { events, result: { accepted: events.length, rejected } };
  }

  /** Undefined as long as nobody has emitted anything. */
  status(): ProbeStatus | undefined {
    if (!this.#isUsed) return undefined;
    const counts = { events: this.#events, rejected: this.#rejected };
    return { name: "emit", state: "running", pid: null, restarts: 0, ...counts, last_error: null };
  }

  #reject(reason: string, count: number): void {
    if (count === 0) return;
    this.#rejected += count;
    this.rejections[reason] = (this.rejections[reason] ?? 0) + count;
  }
}

function isTooLong(event: Event): boolean {
  return Buffer.byteLength(JSON.stringify(wireEvent(event, undefined))) > MAX_LINE_BYTES;
}
