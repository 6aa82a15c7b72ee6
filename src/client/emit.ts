/** A stream of JSONL → the running daemon, in batches. Each batch is waited for, so that a fast sender is held back. */
import type { Readable } from "node:stream";
import { LineReader } from "../lib/lines.ts";
import { MAX_LINE_BYTES, parse } from "../model/event.ts";
import type { Client } from "./client.ts";

export interface EmitSummary {
  accepted: number;
  /** Lines that are no events, by reason; only reasons that occurred. */
  rejected: Record<string, number>;
}

const MAX_BATCH_LINES = 500;
/** A quarter of what the daemon takes at once; the last line of a batch may go beyond. */
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
const MAX_DELAY_MS = 50;

/** Resolves at the input's end. Throws XctlError where the daemon cannot be reached. */
export async function emitStream(input: Readable, client: Client): Promise<EmitSummary> {
  const batch = new Batch(client);
  const reader = new LineReader(MAX_LINE_BYTES, (fault) => batch.reject(fault));
  const chunks: AsyncIterator<Buffer> = input[Symbol.asyncIterator]();
  let next = chunks.next();
  try {
    for (;;) {
      const chunk = await within(next, batch.dueInMs());
      if (chunk === undefined) {
        await batch.send();
        continue;
      }
      for (const line of chunk.done === true ? reader.end() : reader.push(chunk.value)) {
        batch.add(line);
        if (batch.isFull) await batch.send();
      }
      if (chunk.done === true) break;
      next = chunks.next();
    }
    await batch.send();
    return batch.summary;
  } finally {
    // A read that is still under way fails with this, and nobody waits for it any more.
    next.catch(() => {});
    input.destroy();
  }
}

class Batch {
  readonly summary: EmitSummary = { accepted: 0, rejected: {} };
  readonly #client: Client;
  #lines: string[] = [];
  #bytes = 0;
  #rejected: Record<string, number> = {};
  /** When it was last empty. */
  #sinceMs = Number.POSITIVE_INFINITY;

  constructor(client: Client) {
    this.#client = client;
  }

  get isFull(): boolean {
    return this.#lines.length >= MAX_BATCH_LINES || this.#bytes >= MAX_BATCH_BYTES;
  }

  add(line: string): void {
    const event = parse(line);
    if (typeof event === "string") {
      this.reject(event);
      return;
    }
    this.#touch();
    this.#lines.push(line);
    this.#bytes += Buffer.byteLength(line) + 1;
  }

  reject(reason: string): void {
    this.#touch();
    this.#rejected[reason] = (this.#rejected[reason] ?? 0) + 1;
    this.#count(reason, 1);
  }

  /** How long it may still wait for company; undefined where it holds nothing. */
  dueInMs(): number | undefined {
    if (this.#sinceMs === Number.POSITIVE_INFINITY) return undefined;
    return Math.max(0, this.#sinceMs + MAX_DELAY_MS - performance.now());
  }

  async send(): Promise<void> {
    if (this.#sinceMs === Number.POSITIVE_INFINITY) return;
    const lines = this.#lines;
    const rejected = this.#rejected;
    this.#lines = [];
    this.#bytes = 0;
    this.#rejected = {};
    this.#sinceMs = Number.POSITIVE_INFINITY;
    const result = await this.#client.emit(lines, rejected);
    this.summary.accepted += result.accepted;
    for (const [reason, count] of Object.entries(result.rejected)) this.#count(reason, count);
  }

  #touch(): void {
    if (this.#sinceMs === Number.POSITIVE_INFINITY) this.#sinceMs = performance.now();
  }

  #count(reason: string, count: number): void {
    this.summary.rejected[reason] = (this.summary.rejected[reason] ?? 0) + count;
  }
}

/** What the promise comes to, or undefined once the time is up; without a time it is waited for. */
async function within<T>(promise: Promise<T>, timeoutMs: number | undefined): Promise<T | undefined> {
  if (timeoutMs === undefined) return promise;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, undefined);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
