/**
 * Any program that prints events, one JSON object a line, as a probe.
 *
 * A consumer that takes no batch stops the reading, which fills the pipe, which stops the program: nothing is lost
 * and nothing is queued. Standard input is empty; standard error goes to the log.
 */
import { LineReader } from "../lib/lines.ts";
import { MAX_LINE_BYTES, parse, type Event } from "../model/event.ts";
import { checkProgram } from "./interpreter.ts";
import { startCommand, type Exit, type Started } from "./spawn.ts";
import { followStderr } from "./stderr.ts";
import type { Probe, ProbeContext } from "./probe.ts";

const GRACE_MS = 1_000;
/** How long the output of a program that is gone may stay open and silent, held by something that was not found. */
const SILENCE_MS = 1_000;

/** Throws XctlError where the program cannot be started, and says why. */
export function subprocessProbe(path: string): Probe {
  checkProgram(path);
  let pid: number | null = null;
  return {
    name: path,
    summary: `events that ${path} prints`,
    supported: () => true,
    status: () => ({ pid }),
    async *run(context) {
      const program = await startCommand(checkProgram(path), {
        ...process.env,
        XCTL_INTERVAL_MS: String(context.interval),
      });
      pid = program.pid;
      try {
        yield* follow(program, context);
      } finally {
        pid = null;
      }
    },
  };
}

/** Throws how the program ended, unless it was the daemon that ended it. */
async function* follow(program: Started, context: ProbeContext): AsyncGenerator<Event[]> {
  const { signal } = context;
  const onAbort = (): void => void program.end(GRACE_MS);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const lastWords = followStderr(program.stderr, context.log);
  // Whatever of its group still runs would hold the pipe open, so that its end would never be seen.
  void program.exited.then(() => program.end(0));
  try {
    yield* eventsOf(program, context);
    const exit = await program.exited;
    if (!signal.aborted) throw new Error(tellExit(exit, lastWords()));
  } finally {
    signal.removeEventListener("abort", onAbort);
    await program.end(signal.aborted ? GRACE_MS : 0);
  }
}

async function* eventsOf(program: Started, context: ProbeContext): AsyncGenerator<Event[]> {
  const reader = new LineReader(MAX_LINE_BYTES, context.reject);
  const toEvents = (lines: readonly string[]): Event[] => {
    const events: Event[] = [];
    for (const line of lines) {
      const event = parse(line);
      if (typeof event === "string") context.reject(event);
      else events.push(event);
    }
    return events;
  };
  for await (const chunk of untilSilent(program)) {
    if (context.signal.aborted) return;
    const events = toEvents(reader.push(chunk));
    if (events.length > 0) yield events;
  }
  const events = toEvents(reader.end());
  if (events.length > 0) yield events;
}

/** Standard output to its end; or, once the program is gone, until nobody wrote to it for a while. */
async function* untilSilent({ stdout, exited }: Started): AsyncGenerator<Buffer> {
  let goneMs = Infinity;
  // Not silent while the consumer has not asked for more.
  let silentSinceMs = performance.now();
  void exited.then(() => (goneMs = performance.now()));
  const watch = setInterval(() => {
    if (performance.now() - Math.max(goneMs, silentSinceMs) > SILENCE_MS) stdout.destroy();
  }, SILENCE_MS).unref();
  try {
    for await (const chunk of stdout) {
      silentSinceMs = Infinity;
      yield chunk as Buffer;
      silentSinceMs = performance.now();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  } finally {
    clearInterval(watch);
  }
}

function tellExit({ code, signal }: Exit, lastWords: string): string {
  const how = signal === null ? `ended with status ${code}` : `was killed by ${signal}`;
  return lastWords === "" ? how : `${how}: ${lastWords}`;
}
