/** An event as one line of text. */
import { printable } from "../lib/text.ts";
import type { Event } from "../model/event.ts";
import { ink, signs, type Ink, type Style } from "./style.ts";
import { cut, displayWidth } from "./width.ts";

/** As long as the longest type there is. */
const TYPE_COLUMNS = 14;
const ALARMING: ReadonlySet<string> = new Set(["error.hw", "error.net", "topo.link_down"]);

export function eventText(event: Event, style: Style): string {
  const { ts, event_type, entity_id, value, pid, job_id, node, attrs = {} } = event;
  const type = event_type.padEnd(TYPE_COLUMNS);
  const rest = [
    printable(entity_id),
    printable(value),
    ...(typeof pid === "number" ? [`pid=${pid}`] : []),
    ...(typeof job_id === "string" ? [`job=${printable(job_id)}`] : []),
    ...(node === undefined ? [] : [`node=${printable(node)}`]),
    ...Object.entries(attrs).map(([name, attr]) => `${printable(name)}=${printable(String(attr))}`),
  ].join("  ");
  const time = timeText(ts);
  const room = style.width - displayWidth(`${time}  ${type}  `);
  const color: Ink = ALARMING.has(event_type) ? "red" : "cyan";
  return `${ink(style, time, "dim")}  ${ink(style, type, color)}  ${cut(rest, room, signs(style).more)}`.trimEnd();
}

/** In UTC, so that events of several hosts, and a recording read elsewhere, stand side by side. */
function timeText(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? String(ms) : date.toISOString();
}
