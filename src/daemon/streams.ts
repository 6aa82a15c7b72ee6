/** Those who follow the events as they come (server-sent events). One that stops reading is dropped, not buffered for. */
import type { ServerResponse } from "node:http";
import type { Log } from "../lib/log.ts";
import type { Event } from "../model/event.ts";
import { matches, type EventFilter } from "../protocol/recent-events.ts";
import { wireEvent } from "../protocol/wire-event.ts";

const MAX_SUBSCRIBERS = 64;
/** What a client has not read: of a sample of a large machine it may be much for a moment, but not for long. */
const LASTING_BYTES = 1024 * 1024;
const PATIENCE_MS = 5_000;
const BURST_BYTES = 32 * 1024 * 1024;
/** Of all clients together. */
const ALL_BYTES = 64 * 1024 * 1024;
const HEARTBEAT_MS = 15_000;
/** Between two looks at what the clients have not read. */
const EVENTS_A_WRITE = 256;

interface Subscriber {
  outgoing: ServerResponse;
  filter: EventFilter;
  /** Since when it has had more to read than may last; Infinity where it has not. */
  behindSinceMs: number;
}

export class EventStreams {
  readonly #subscribers = new Set<Subscriber>();
  readonly #node: string;
  readonly #log: Log;
  readonly #heart: NodeJS.Timeout;

  constructor({ node, log }: { node: string; log: Log }) {
    this.#node = node;
    this.#log = log;
    this.#heart = setInterval(() => this.#beat(), HEARTBEAT_MS).unref();
  }

  get size(): number {
    return this.#subscribers.size;
  }

  get isFull(): boolean {
    return this.#subscribers.size >= MAX_SUBSCRIBERS;
  }

  add(outgoing: ServerResponse, filter: EventFilter): void {
    const subscriber = { outgoing, filter, behindSinceMs: Number.POSITIVE_INFINITY };
    this.#subscribers.add(subscriber);
    outgoing.on("close", () => this.#subscribers.delete(subscriber));
    outgoing.on("error", () => this.#subscribers.delete(subscriber));
    outgoing.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
    outgoing.write(": xctl events\n\n");
  }

  send(events: readonly Event[]): void {
    if (this.#subscribers.size === 0) return;
    for (let at = 0; at < events.length && this.#subscribers.size > 0; at += EVENTS_A_WRITE) {
      this.#sendSome(events.slice(at, at + EVENTS_A_WRITE));
      this.#dropWhoDoesNotRead();
    }
  }

  close(): void {
    clearInterval(this.#heart);
    for (const { outgoing } of this.#subscribers) outgoing.end();
    this.#subscribers.clear();
  }

  #sendSome(events: readonly Event[]): void {
    const texts = new Map<Event, string>();
    for (const subscriber of this.#subscribers) {
      let text = "";
      for (const event of events) {
        if (!matches(event, subscriber.filter)) continue;
        let message = texts.get(event);
        if (message === undefined) {
          message = `data: ${JSON.stringify(wireEvent(event, this.#node))}\n\n`;
          texts.set(event, message);
        }
        text += message;
      }
      if (text !== "") subscriber.outgoing.write(text);
    }
  }

  #beat(): void {
    for (const { outgoing } of this.#subscribers) outgoing.write(": alive\n\n");
    this.#dropWhoDoesNotRead();
  }

  #dropWhoDoesNotRead(): void {
    const nowMs = performance.now();
    let allBytes = 0;
    for (const subscriber of this.#subscribers) {
      const bytes = subscriber.outgoing.writableLength;
      allBytes += bytes;
      subscriber.behindSinceMs =
        bytes > LASTING_BYTES ? Math.min(subscriber.behindSinceMs, nowMs) : Number.POSITIVE_INFINITY;
      const isSlow = nowMs - subscriber.behindSinceMs > PATIENCE_MS;
      if (!isSlow && bytes <= BURST_BYTES && allBytes <= ALL_BYTES) continue;
      allBytes -= bytes;
      this.#subscribers.delete(subscriber);
      subscriber.outgoing.destroy();
      this.#log("dropped a client of the event stream: it does not read");
    }
  }
}
