/** What an event's `attrs` say, read with care: they may hold anything of any length. */
import type { Attrs } from "./event.ts";
import {
  CERTAINTIES,
  JOB_ROLES,
  NOTHING_TOLD,
  type Certainty,
  SEVERITIES,
  type Edge,
  type ErrorDetails,
  type Evidence,
  type JobRole,
  type ProcessEnd,
  type ProcessNode,
  type Severity,
  type WaitDetails,
} from "./nodes.ts";

const MAX_TEXT = 1024;
const MAX_FACT_TEXT = 128;
const MAX_SHARED_TEXTS = 4096;

/** What they say of a process itself. What they do not mention stays as it was. */
export function describe(process: ProcessNode, attrs: Attrs): void {
  // Written only when changed: a store of a new text into an old object costs the collector more than the comparison.
  if (attrs.comm !== process.comm) process.comm = shared(changed(process.comm, attrs.comm));
  process.cmdline = changed(process.cmdline, attrs.cmdline);
  if (attrs.cgroup !== process.cgroup) process.cgroup = shared(changed(process.cgroup, attrs.cgroup));
  process.tty = changed(process.tty, attrs.tty);
  process.stateObject = changed(process.stateObject, attrs.object);
  process.blind = changed(process.blind, attrs.blind);
  process.ppid = numberIn(attrs.ppid) ?? process.ppid;
  process.threads = numberIn(attrs.threads) ?? process.threads;
  if (!process.isScheduled) describeRank(process, attrs);
  const role = attrs.job_role as JobRole | undefined;
  if (role !== undefined && JOB_ROLES.includes(role)) process.jobRole = role;
  if (typeof attrs.kthread === "boolean") process.kernelThread = attrs.kthread;
}

/** What it does on its CPU; `isNews`: what was so before it was in this state is so no more. */
export function describePace(process: ProcessNode, attrs: Attrs | undefined, isNews: boolean): void {
  process.switchesPerS = numberIn(attrs?.switches_per_s) ?? (isNews ? undefined : process.switchesPerS);
  process.pollsPerS = numberIn(attrs?.polls_per_s) ?? (isNews ? undefined : process.pollsPerS);
}

/** How a process ended; undefined where nobody saw it. */
export function endOf(attrs: Attrs | undefined): ProcessEnd | undefined {
  const status = numberIn(attrs?.exit_status);
  const signal = textOf(attrs?.signal);
  return status === undefined && signal === undefined ? undefined : { status, signal };
}

/** Its place in its job. */
export function describeRank(process: ProcessNode, attrs: Attrs): void {
  process.rank = numberIn(attrs.rank) ?? process.rank;
  process.worldSize = numberIn(attrs.world_size) ?? process.worldSize;
  process.localRank = numberIn(attrs.local_rank) ?? process.localRank;
  process.flightPrefix = textOf(attrs.flight_prefix) ?? process.flightPrefix;
}

/** What they say of how an edge is known. */
export function qualify(edge: Edge, attrs: Attrs | undefined): void {
  const certainty = attrs?.certainty as Certainty | undefined;
  edge.certainty = certainty !== undefined && CERTAINTIES.includes(certainty) ? certainty : "observed";
  edge.evidence = evidenceOf(attrs, edge.evidence);
  if (edge.end !== attrs?.end) edge.end = textOf(attrs?.end);
}

/** What they say of a wait is of this telling: what it does not mention holds no longer. */
export function qualifyWait(edge: Edge, attrs: Attrs | undefined): void {
  qualify(edge, attrs);
  edge.told = waitDetails(attrs, edge.told);
}

function waitDetails(attrs: Attrs | undefined, known: WaitDetails): WaitDetails {
  if (attrs === undefined) return NOTHING_TOLD;
  const { holder, cause, label, object, setting, actor, caller, blind = "", serves = false, over = "" } = attrs;
  if (
    holder === known.holder &&
    cause === known.cause &&
    label === known.label &&
    object === known.object &&
    setting === known.setting &&
    actor === known.actor &&
    caller === known.caller &&
    blind === known.blind &&
    serves === known.serves &&
    over === known.over
  ) {
    return known;
  }
  return {
    holder: textOf(holder),
    cause: textOf(cause),
    label: textOf(label),
    object: textOf(object),
    setting: textOf(setting),
    actor: numberIn(actor),
    caller: textOf(caller),
    blind: textOf(blind) ?? "",
    serves: serves === true,
    over: textOf(over) ?? "",
  };
}

/** What they say of an error is of this telling. */
export function errorDetails(attrs: Attrs | undefined): ErrorDetails {
  const severity = attrs?.severity as Severity | undefined;
  return {
    severity: severity !== undefined && SEVERITIES.includes(severity) ? severity : "fault",
    cause: textOf(attrs?.cause),
    label: textOf(attrs?.label),
    object: textOf(attrs?.object),
    setting: textOf(attrs?.setting),
  };
}

/** The facts that come with a figure, short enough to keep one of each for every resource. */
export function factsOf(attrs: Attrs): Attrs {
  const facts: Attrs = {};
  for (const [key, value] of Object.entries(attrs)) {
    facts[key] = typeof value === "string" ? shared(value.slice(0, MAX_FACT_TEXT)) : value;
  }
  return facts;
}

export function evidenceOf(attrs: Attrs | undefined, known: Evidence | undefined): Evidence | undefined {
  const source = textOf(attrs?.source);
  const observed = textOf(attrs?.observed);
  if (source === undefined || observed === undefined) return known;
  return known?.source === source && known.observed === observed ? known : { source, observed: shared(observed) };
}

export function numberIn(value: Attrs[string] | undefined): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** A text of bounded length. */
export function clipped(text: string): string {
  // A plain slice would keep the whole text alive behind it.
  return text.length <= MAX_TEXT ? text : text.slice(0, MAX_TEXT).split("").join("");
}

function textOf(value: Attrs[string] | undefined): string | undefined {
  return typeof value === "string" ? clipped(value) : undefined;
}

/** The new text, or the old one where it says the same or there is none. */
function changed(old: string, value: Attrs[string] | undefined): string {
  return value === old || typeof value !== "string" ? old : clipped(value);
}

const sharedTexts = new Map<string, string>();

/** One copy of a text that is likely to be told of many: `state S (sleeping)`, a cgroup. */
function shared(text: string): string {
  const known = sharedTexts.get(text);
  if (known !== undefined) return known;
  if (sharedTexts.size >= MAX_SHARED_TEXTS) sharedTexts.clear();
  sharedTexts.set(text, text);
  return text;
}
