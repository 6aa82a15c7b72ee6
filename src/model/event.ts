/**
 * What an event is, and the guard that lets one in.
 *
 * The guard is written by hand because it runs for every line of every probe. It must not know who sends events,
 * nor what the graph makes of them.
 */

export const EVENT_TYPES = [
  "compute.util",
  "compute.mem",
  "transport.bw",
  "transport.drop",
  "storage.iops",
  "storage.qdepth",
  "process.state",
  "process.wait",
  "resource.held",
  "error.hw",
  "error.net",
  "topo.link_down",
  "intent.run",
  "action.exec",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export const PROCESS_STATES = [
  "start",
  "running",
  "sleeping",
  "blocked",
  "stopped",
  "traced",
  "frozen",
  "zombie",
  "exit",
] as const;

export type Attrs = Record<string, string | number | boolean>;

/** One fact, as a probe tells it. The fields and their meaning: docs/events.md. */
export interface Event {
  /** Milliseconds since the Unix epoch. */
  ts: number;
  event_type: EventType;
  /** The resource the event is about, 1..512 bytes. */
  entity_id: string;
  job_id?: string | null;
  pid?: number | null;
  value: string;
  /** The host it was seen on, 1..512 bytes; the daemon sets it when absent. */
  node?: string;
  attrs?: Attrs;
}

export const MAX_LINE_BYTES = 64 * 1024;
const MAX_ENTITY_BYTES = 512;
/** Of a job or a host; the contract names no bound, but what is kept for every process must have one. */
const MAX_NAME_BYTES = 512;
const MAX_ATTRS = 32;

/** Why a line was refused. `encoding` and `too_long` are the line reader's, the others the guard's. */
export const REJECTIONS = [
  "encoding",
  "too_long",
  "not_json",
  "not_object",
  "ts",
  "event_type",
  "entity_id",
  "job_id",
  "pid",
  "value",
  "node",
  "attrs",
] as const;
export type Rejection = (typeof REJECTIONS)[number];

/** One line of JSONL → the event, or the reason it is none. Never throws. */
export function parse(line: string): Event | Rejection {
  let parsed: unknown;
  try {
    parsed = JSON.parse(line);
  } catch {
    return "not_json";
  }
  return check(parsed);
}

/** Any JSON value → the same value, known to be an event, or the reason it is none. Never throws, copies nothing. */
export function check(candidate: unknown): Event | Rejection {
  if (typeof candidate !== "object" || candidate === null || Array.isArray(candidate)) return "not_object";
  const event = candidate as Record<keyof Event, unknown>;
  if (!Number.isSafeInteger(event.ts) || (event.ts as number) < 0) return "ts";
  if (typeof event.event_type !== "string") return "event_type";
  const rule = VALUE_RULES.get(event.event_type);
  if (rule === undefined) return "event_type";
  // The same text, but one that the engine compares by its address: it is compared many times on the way.
  event.event_type = rule.type;
  if (!isShortText(event.entity_id, MAX_ENTITY_BYTES) || event.entity_id === "") return "entity_id";
  if (typeof event.value !== "string" || !rule.takes(event.value)) return "value";
  if (event.pid !== undefined && event.pid !== null && !isPid(event.pid)) return "pid";
  if (event.job_id !== undefined && event.job_id !== null && !isShortText(event.job_id, MAX_NAME_BYTES))
    return "job_id";
  if (event.node !== undefined && !isShortText(event.node, MAX_ENTITY_BYTES)) return "node";
  if (event.attrs !== undefined && !isAttrs(event.attrs)) return "attrs";
  return candidate as Event;
}

/** A percent, Mbit/s or count as the contract writes them: a decimal number. NaN where the text is none. */
export function numberOf(value: string): number {
  // Number() also takes an empty text, padding, 0x10 and Infinity: none of them is a decimal number.
  const isDecimal =
    isDecimalStart(value.charCodeAt(0)) &&
    !isLetterOfBase(value.charCodeAt(1)) &&
    isDecimalEnd(value.charCodeAt(value.length - 1));
  return isDecimal ? Number(value) : Number.NaN;
}

/** A digit, a minus or a point. */
function isDecimalStart(code: number): boolean {
  return isDigit(code) || code === 45 || code === 46;
}

/** A digit or a point. */
function isDecimalEnd(code: number): boolean {
  return isDigit(code) || code === 46;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

/** The x, o or b after the nought. */
function isLetterOfBase(code: number): boolean {
  const lower = code | 32;
  return lower === 120 || lower === 111 || lower === 98;
}

const anything = () => true;
const something = (value: string) => value !== "";
const isNumber = (value: string) => Number.isFinite(numberOf(value));
const isPercent = (value: string) => {
  const percent = numberOf(value);
  return percent >= 0 && percent <= 100;
};
const states: ReadonlySet<string> = new Set(PROCESS_STATES);

/** What `value` may be, by event type; also the list of the types there are. */
const VALUE_RULES: ReadonlyMap<string, { type: EventType; takes(value: string): boolean }> = rulesOf([
  ["compute.util", isPercent],
  ["compute.mem", isPercent],
  ["transport.bw", (value) => isNumber(value) || value.includes("IO_WAIT")],
  ["transport.drop", (value) => isNumber(value) || value === "IO_WAIT" || /^STALL_\d+ms$/.test(value)],
  ["storage.iops", isNumber],
  ["storage.qdepth", isNumber],
  ["process.state", (value) => states.has(value)],
  ["process.wait", something],
  ["resource.held", something],
  ["error.hw", something],
  ["error.net", something],
  ["topo.link_down", anything],
  ["intent.run", anything],
  ["action.exec", anything],
]);

function rulesOf(rules: readonly (readonly [EventType, (value: string) => boolean])[]) {
  return new Map(rules.map(([type, takes]) => [type as string, { type, takes }]));
}

function isPid(pid: unknown): boolean {
  return Number.isSafeInteger(pid) && (pid as number) > 0;
}

function isShortText(text: unknown, maxBytes: number): text is string {
  if (typeof text !== "string") return false;
  // A UTF-16 unit is at most three bytes of UTF-8, so most texts need no count.
  return text.length * 3 <= maxBytes || (text.length <= maxBytes && utf8Length(text) <= maxBytes);
}

function utf8Length(text: string): number {
  let bytes = 0;
  for (const character of text) {
    const point = character.codePointAt(0) as number;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes;
}

function isAttrs(attrs: unknown): attrs is Attrs {
  if (typeof attrs !== "object" || attrs === null || Array.isArray(attrs)) return false;
  let count = 0;
  for (const key in attrs) {
    if (++count > MAX_ATTRS) return false;
    const value = (attrs as Attrs)[key];
    const type = typeof value;
    if (type !== "string" && type !== "boolean" && !(type === "number" && Number.isFinite(value))) return false;
  }
  return true;
}
