/** A recorded event log → the graph that those events built, as the daemon had it when the last one came. */
import { createReadStream } from "node:fs";
import { fileErrorText, XctlError } from "../lib/errors.ts";
import { LineReader } from "../lib/lines.ts";
import { MAX_LINE_BYTES, parse, type Event } from "../model/event.ts";
import { Graph } from "../model/graph.ts";
import { MAX_RECENT_EVENTS, RecentEvents } from "../protocol/recent-events.ts";

export interface Replay {
  graph: Graph;
  /** The newest events, newest last: as many as the daemon would have kept. */
  events: Event[];
  /** When the log ends: what "now" means to the questions asked of it. */
  nowMs: number;
  /** Lines that were no events. */
  refused: number;
}

/** Throws XctlError where the file is missing, unreadable or holds no event. */
export async function replay(path: string): Promise<Replay> {
  const fold = new Fold();
  // The recording daemon added its host's name to lines that may have been as long as a line may be.
  const reader = new LineReader(2 * MAX_LINE_BYTES, () => fold.refused++);
  try {
    for await (const chunk of createReadStream(path)) fold.add(reader.push(chunk as Buffer));
  } catch (error) {
    throw new XctlError("failed", `cannot read the recording ${path}: ${fileErrorText(error)}`);
  }
  fold.add(reader.end());
  return fold.end(path);
}

class Fold {
  refused = 0;
  readonly #graph = new Graph();
  #recent: RecentEvents | undefined;
  #nowMs = 0;
  #nextExpiryMs = 0;

  add(lines: readonly string[]): void {
    const events: Event[] = [];
    for (const line of lines) {
      const event = parse(line);
      if (typeof event === "string") this.refused++;
      else {
        this.#apply(event);
        events.push(event);
      }
    }
    if (events.length === 0) return;
    this.#recent ??= new RecentEvents(this.#graph.localNode);
    this.#recent.push(events);
  }

  end(path: string): Replay {
    if (this.#recent === undefined) {
      const what = this.refused === 0 ? "is empty" : `holds no event, only ${this.refused} other lines`;
      throw new XctlError("failed", `${path} ${what}`, "make a recording: xctl run --record FILE");
    }
    this.#graph.expire(this.#nowMs);
    const events = this.#recent.select({}, MAX_RECENT_EVENTS);
    return { graph: this.#graph, events, nowMs: this.#nowMs, refused: this.refused };
  }

  #apply(event: Event): void {
    // A batch may hold events of an earlier moment than the one before; time does not run backwards for that.
    if (event.ts > this.#nowMs) this.#nowMs = event.ts;
    if (this.#nowMs >= this.#nextExpiryMs) {
      this.#graph.expire(this.#nowMs);
      this.#nextExpiryMs = this.#nowMs + EXPIRY_PERIOD_MS;
    }
    this.#graph.apply(event, this.#nowMs);
  }
}

const EXPIRY_PERIOD_MS = 1_000;
