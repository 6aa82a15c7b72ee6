/** `xctl events`: what the probes told lately, or tell now. */
import { EVENT_TYPES, type Event, type EventType } from "../model/event.ts";
import type { Replay } from "../client/replay.ts";
import { XctlError } from "../lib/errors.ts";
import type { EventsDocument } from "../model/documents.ts";
import { eventText } from "../views/events.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import { daemonOf, recordedCase } from "./answers.ts";
import { printJson, type Terminal } from "./terminal.ts";
import { readPid } from "./values.ts";
import type { RunVerb, VerbOptions } from "./verb.ts";

export const run: RunVerb = async (_argument, options, terminal) => {
  const filter = readFilter(options, terminal);
  if (options.follow === true && options.from === undefined) return follow(filter, options, terminal);
  const { events } = await recentEvents(filter, options, await recordedCase(options, terminal), terminal);
  // A recording that is followed ends where it ends.
  if (options.follow === true || options.json !== true) for (const event of events) show(event, options, terminal);
  else printJson(terminal, { events });
  return 0;
};

/** As the recording tells, else the daemon. */
export async function recentEvents(
  filter: Filter,
  options: VerbOptions,
  recorded: Replay | undefined,
  terminal: Terminal,
): Promise<EventsDocument> {
  if (recorded === undefined) return daemonOf(options, terminal).call("events", filter);
  return { events: recorded.events.filter((event) => fits(event, filter)) };
}

interface Filter {
  type?: EventType;
  pid?: number;
}

function readFilter(options: VerbOptions, terminal: Terminal): Filter {
  const say = sentencesOf(terminal.style.lang);
  const type = EVENT_TYPES.find((known) => known === options.type);
  if (options.type !== undefined && type === undefined) {
    throw new XctlError("usage", say.cli.badEventType(String(options.type)), EVENT_TYPES.join(", "));
  }
  return {
    ...(type === undefined ? {} : { type }),
    ...(options.pid === undefined ? {} : { pid: readPid(String(options.pid), say) }),
  };
}

function fits(event: Event, { type, pid }: Filter): boolean {
  return (type === undefined || event.event_type === type) && (pid === undefined || event.pid === pid);
}

/** Until interrupted or the daemon ends; with --json one event a line. */
async function follow(filter: Filter, options: VerbOptions, terminal: Terminal): Promise<number> {
  const interruption = new AbortController();
  process.once("SIGINT", () => interruption.abort()).once("SIGTERM", () => interruption.abort());
  for await (const event of daemonOf(options, terminal).events(filter, interruption.signal)) {
    show(event, options, terminal);
  }
  return 0;
}

function show(event: Event, options: VerbOptions, terminal: Terminal): void {
  if (options.json === true) printJson(terminal, event);
  else terminal.out(eventText(event, terminal.style));
}
