/** A stream of server-sent events → the events in it. The next one is read when it is asked for, not before. */
import type { Socket } from "node:net";
import { messageOf, XctlError } from "../lib/errors.ts";
import { LineReader } from "../lib/lines.ts";
import { MAX_LINE_BYTES, parse, type Event } from "../model/event.ts";
import type { Response } from "./http.ts";

const FIELD = "data: ";
/** The daemon sends a comment every 15 s where it has nothing else to say. */
const SILENCE_MS = 45_000;

/** Ends when the signal aborts; throws XctlError when the daemon ends the stream or falls silent. */
export async function* eventsOf({ start, socket }: Response, signal: AbortSignal): AsyncGenerator<Event> {
  // The daemon adds the host's name to a line that may have been as long as a line may be.
  const reader = new LineReader(2 * MAX_LINE_BYTES, () => {});
  try {
    yield* toEvents(reader.push(start));
    for await (const chunk of untilSilent(socket)) yield* toEvents(reader.push(chunk));
  } catch (error) {
    if (!signal.aborted) throw new XctlError("daemon_unreachable", `the event stream broke off: ${messageOf(error)}`);
  } finally {
    socket.destroy();
  }
  if (!signal.aborted) throw new XctlError("daemon_unreachable", "the daemon has ended the event stream");
}

function untilSilent(socket: Socket): AsyncIterable<Buffer> {
  socket.setTimeout(SILENCE_MS, () => socket.destroy(new Error("the daemon is silent")));
  return socket;
}

function* toEvents(lines: readonly string[]): Generator<Event> {
  for (const line of lines) {
    if (!line.startsWith(FIELD)) continue;
    const event = parse(line.slice(FIELD.length));
    if (typeof event !== "string") yield event;
  }
}
