/**
 * The one way into the graph: whatever a probe, an inspection or `emit` tells goes through here.
 *
 * It runs for every event of every probe, in batches, and copies nothing. It must not know what an event means.
 */
import type { Event } from "../model/event.ts";
import type { Graph } from "../model/graph.ts";
import type { RecentEvents } from "../protocol/recent-events.ts";
import type { Recorder } from "./recorder.ts";
import type { EventStreams } from "./streams.ts";

export interface BusOptions {
  graph: Graph;
  recent: RecentEvents;
  streams: EventStreams;
  recorder: Recorder | undefined;
}

export class Bus {
  /** Events that got past the guard. */
  taken = 0;
  readonly #graph: Graph;
  readonly #recent: RecentEvents;
  readonly #streams: EventStreams;
  readonly #recorder: Recorder | undefined;
  #isClosed = false;

  constructor({ graph, recent, streams, recorder }: BusOptions) {
    this.#graph = graph;
    this.#recent = recent;
    this.#streams = streams;
    this.#recorder = recorder;
  }

  /** A promise where the sender had better wait before it sends more. */
  take(events: readonly Event[]): void | Promise<void> {
    if (this.#isClosed) return;
    const nowMs = Date.now();
    this.taken += events.length;
    for (const event of events) this.#graph.apply(event, nowMs);
    this.#recent.push(events);
    this.#streams.send(events);
    return this.#recorder?.write(events);
  }

  /** Nothing is taken any more: that waits end because their probe is being ended is no news of the machine. */
  close(): void {
    this.#isClosed = true;
  }
}
