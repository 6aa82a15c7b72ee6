/** All that is known of a case, from the running daemon or from a recording: what `diag` goes by. */
import type { Replay } from "../client/replay.ts";
import type { CaseSource } from "../diagnose/case.ts";
import { containerOf } from "../kernel/cgroup.ts";
import type { WhyDocument } from "../model/documents.ts";
import { explainMember } from "../model/why-member.ts";
import { psDocument } from "../views/ps.ts";
import { whyDocument } from "../views/why.ts";
import { daemonOf, recordedCase, recordedProcess } from "./answers.ts";
import type { Terminal } from "./terminal.ts";
import type { VerbOptions } from "./verb.ts";

/** Throws XctlError where there is no such process, daemon or recording. */
export async function caseSource(pid: number, options: VerbOptions, terminal: Terminal): Promise<CaseSource> {
  const recorded = await recordedCase(options, terminal);
  return recorded === undefined ? fromDaemon(pid, options, terminal) : fromRecording(recorded, pid, terminal);
}

/** Those that matter are rare among those that do not. */
const RECENT_EVENTS = 2_000;

async function fromDaemon(pid: number, options: VerbOptions, terminal: Terminal): Promise<CaseSource> {
  const daemon = daemonOf(options, terminal);
  // First what may be missing: then there is one error, not four.
  const why = (await daemon.call("why", { pid, lang: terminal.style.lang })) as WhyDocument;
  const [{ processes }, { events }, { probes }] = await Promise.all([
    daemon.call("ps", { all: true }),
    daemon.call("events", { limit: RECENT_EVENTS }),
    daemon.call("status", {}),
  ]);
  return { why, processes, events, probes, nowMs: Date.now() };
}

/** A recording does not say how the probes fared. */
function fromRecording(recorded: Replay, pid: number, terminal: Terminal): CaseSource {
  const { graph, events, nowMs } = recorded;
  const process = recordedProcess(recorded, pid, terminal);
  const context = { graph, lang: terminal.style.lang, container: containerOf(process.cgroup) ?? null };
  const why = whyDocument(explainMember(graph, process, nowMs), context);
  const { processes } = psDocument(graph, { all: true, nowMs });
  return { why, processes, events, probes: [], nowMs };
}
