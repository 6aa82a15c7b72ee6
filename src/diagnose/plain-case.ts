/** The case for the rules: it never leaves the machine, so nothing in it is masked, and none of it costs tokens. */
import type { CaseFile, CaseSource } from "./case.ts";
import { mentionedIn, neighboursOf } from "./neighbours.ts";

const MAX_PROCESSES = 1_000;
const MAX_EVENTS = 1_000;

export function plainCase(source: CaseSource): CaseFile {
  const { involved, relatives, events, idOf } = neighboursOf(source);
  const processes = [...involved, ...relatives].slice(0, MAX_PROCESSES);
  const things = processes.flatMap(({ resources, waits }) => [
    ...resources,
    ...waits.map(({ entity_id }) => entity_id),
  ]);
  const shown = events.slice(0, MAX_EVENTS);
  return {
    schema: "xctl.case/1",
    asked_ms: source.nowMs,
    why: source.why,
    processes,
    events: shown,
    probes: source.probes.map(({ name, state, last_error }) => ({ name, state, last_error })),
    entities: [
      ...new Set([
        ...mentionedIn(source.why),
        ...processes.map(idOf),
        ...things,
        ...shown.map(({ entity_id }) => entity_id),
      ]),
    ],
    left_out: {
      processes: involved.length + relatives.length - processes.length,
      events: events.length - shown.length,
    },
  };
}
