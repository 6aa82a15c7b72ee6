/** A process's changes as `process.state` events. It reads nothing. */
import { printable } from "../../lib/text.ts";
import { processId } from "../../model/entity.ts";
import type { Attrs, Event } from "../../model/event.ts";
import type { MembershipChange } from "./job/book.ts";
import { attrsOf } from "./job/membership.ts";
import type { JobStop } from "./job-stop.ts";
import { letterOf } from "./state.ts";
import { terminalName } from "./terminal-name.ts";
import type { TrackedProcess } from "./tracker.ts";

const MAX_CMDLINE = 1024;

/** `start`, and then its state. */
export function startEvents(process: TrackedProcess, nowMs: number): Event[] {
  const attrs = { ...identityAttrs(process), ...relationAttrs(process), kthread: process.kthread };
  return [stateEvent(process, "start", attrs, nowMs), stateChange(process, nowMs)];
}

/** What may change in a process's life beside its state. */
export function identityChange(process: TrackedProcess, nowMs: number): Event {
  return stateChange(process, nowMs, relationAttrs(process));
}

export function stateChange(process: TrackedProcess, nowMs: number, more: Attrs = {}): Event {
  const attrs = {
    ...identityAttrs(process),
    since_ms: process.stateSinceMs,
    ...evidenceOf(process),
    ...more,
  };
  return stateEvent(process, process.state, attrs, nowMs);
}

function evidenceOf({ pid, state, freeze, stop }: TrackedProcess): Attrs {
  if (state === "frozen" && freeze !== undefined) {
    const { source, observed, control } = freeze;
    return { source: printable(source), observed: printable(observed), object: control };
  }
  if (state === "stopped" && stop !== undefined) {
    const by = stop.sent === undefined ? "" : `; ${stop.sent}`;
    return { source: stop.source, observed: printable(`${stop.observed}${by}`), object: jobId(stop) };
  }
  return { source: `/proc/${pid}/stat`, observed: `state ${letterOf(state)} (${state})` };
}

/** Empty where no shell can do more for it than a signal can. */
function jobId({ shell, byTerminal }: JobStop): string {
  if (shell === undefined) return "";
  return byTerminal ? `job:${shell}:terminal` : `job:${shell}`;
}

/** Its state once more, with what had to be read; undefined where that could not be. */
export function description(
  process: TrackedProcess,
  { cmdline, cgroup, unseen }: { cmdline: string | undefined; cgroup: string | undefined; unseen?: string | undefined },
  nowMs: number,
): Event {
  // Arguments are separated by NUL, and the last one is followed by one.
  const words = cmdline?.replace(/\0+$/, "").replaceAll("\0", " ");
  return stateChange(process, nowMs, {
    ...(words === undefined ? {} : { cmdline: printable(words).slice(0, MAX_CMDLINE) }),
    ...blindOf(words === undefined ? "cmdline" : undefined, unseen),
    ...(cgroup === undefined ? {} : { cgroup: printable(cgroup) }),
  });
}

/** Its place in its job, which may have changed with what others started. */
export function jobChange({ process, membership, isHidden }: MembershipChange, nowMs: number): Event {
  const blind = isHidden && membership.rank === undefined && membership.role !== "launcher" ? "environ" : undefined;
  return { ...stateChange(process, nowMs, { ...attrsOf(membership), ...blindOf(blind) }), job_id: membership.jobId };
}

function blindOf(...codes: (string | undefined)[]): Attrs {
  const blind = codes.filter((code) => code !== undefined).join(",");
  return blind === "" ? {} : { blind };
}

/** `end`: how it ended, where that was seen. */
export function exitEvent(process: TrackedProcess, end: Attrs, nowMs: number): Event {
  return stateEvent(process, "exit", { ...identityAttrs(process), ...end }, nowMs);
}

function identityAttrs(process: TrackedProcess): Attrs {
  return { comm: printable(process.comm), start_ms: process.startMs, threads: process.threads };
}

function relationAttrs({ ppid, ttyNr }: TrackedProcess): Attrs {
  return { ppid, tty: terminalName(ttyNr) ?? "" };
}

function stateEvent(process: TrackedProcess, value: string, attrs: Attrs, nowMs: number): Event {
  const { pid } = process;
  return { ts: nowMs, event_type: "process.state", entity_id: processId(pid), pid, value, attrs };
}
