/**
 * Whether what a model claims is borne out by the case, and what of its text may be shown. Its text is hostile: whoever
 * names a process or writes a log line may have put words into the model's mouth.
 */
import { printable } from "../lib/text.ts";
import type { CauseKind, Risk } from "../model/cause.ts";
import type { Advice, DiagReport, WhyDocument } from "../model/documents.ts";
import { readProcessId } from "../model/entity.ts";
import type { Answer } from "./answer-schema.ts";
import type { CaseFile } from "./case.ts";
import { pidsIn } from "./shell/pids.ts";
import { greater, riskOf } from "./shell/risk.ts";

/** What is wrong with an answer. The sentences, for the model and for the reader, stand in views/. */
export interface Objection {
  kind: "foreign_entity" | "foreign_cause" | "foreign_pid" | "no_citation" | "unprintable" | "misfit" | "not_json";
  /** What of the answer it is about; printable and short. */
  subject: string;
}

export interface Checked {
  report: DiagReport;
  objections: Objection[];
}

const MAX_EXPLANATION = 4_000;
const MAX_SENTENCE = 600;
const MAX_COMMAND = 400;
const MAX_STEPS = 12;
const MAX_CITED = 64;
export const MAX_SUBJECT = 80;

/** The report is fit to be shown whatever the objections are: what it proposes to strangers is taken out of it. */
export function check(answer: Answer, file: CaseFile): Checked {
  const known = knownOf(file);
  const objections: Objection[] = [];
  const object = (kind: Objection["kind"], subject: string): void => {
    objections.push({ kind, subject: shown(subject, MAX_SUBJECT) });
  };
  if (!allowedCauses(file.why).has(answer.root_cause)) object("foreign_cause", answer.root_cause);
  const cited = [...new Set(answer.cited)].slice(0, MAX_CITED);
  for (const id of cited) if (!known.entities.has(id)) object("foreign_entity", id);
  if (cited.length === 0 && answer.root_cause !== "unknown" && known.entities.size > 0) object("no_citation", "");
  for (const text of [answer.explanation, ...answer.prevention, ...answer.steps.map((step) => step.text)]) {
    const stranger = mentionedIds(text).find((id) => !known.isKnown(id));
    if (stranger !== undefined) object("foreign_entity", stranger);
  }
  const steps = answer.steps.slice(0, MAX_STEPS).map((step): Advice => {
    const { command, objection } = shownCommand(step.command, known);
    if (objection !== undefined) objections.push(objection);
    const text = shown(step.text, MAX_SENTENCE);
    return { text, command, risk: step.command === null ? step.risk : riskOfStep(step.command, step.risk, file.why) };
  });
  const report: DiagReport = {
    root_cause: answer.root_cause,
    explanation: shown(answer.explanation, MAX_EXPLANATION),
    steps,
    prevention: answer.prevention.slice(0, MAX_STEPS).map((text) => shown(text, MAX_SENTENCE)),
    confidence: Math.min(Math.max(answer.confidence, 0), 1),
    cited: cited.filter((id) => known.entities.has(id)),
  };
  return { report, objections };
}

/** Of a process that does nothing wrong there may be no cause at all; then it is what its verdict says. */
export function allowedCauses({ root_causes, verdict }: WhyDocument): Set<CauseKind> {
  const kinds = new Set<CauseKind>([...root_causes.map(({ kind }) => kind), "unknown"]);
  if (root_causes.length === 0 && verdict === "idle") kinds.add("process.idle");
  if (root_causes.length === 0 && verdict === "running") kinds.add("process.busy");
  return kinds;
}

interface Known {
  entities: ReadonlySet<string>;
  /** Of processes and threads. */
  pids: ReadonlySet<number>;
  isKnown(id: string): boolean;
}

function knownOf({ entities, processes, why }: CaseFile): Known {
  const ids = new Set(entities);
  const pids = new Set([why.process.pid, ...processes.map(({ pid }) => pid)]);
  for (const { pid, pids: members, tids } of why.root_causes) {
    for (const one of [...members, ...tids, ...(pid === undefined ? [] : [pid])]) pids.add(one);
  }
  for (const id of entities) {
    const parts = readProcessId(id);
    if (parts !== undefined) pids.add(parts.pid);
    if (parts?.tid !== undefined) pids.add(parts.tid);
  }
  const isKnown = (id: string): boolean => ids.has(id) || pids.has(readProcessId(id)?.pid ?? -1);
  return { entities: ids, pids, isKnown };
}

/** Ids of processes in running text; those of resources have too many shapes, and a false alarm costs a call. */
function mentionedIds(text: string): string[] {
  return text.match(/\bpid-\d+\b/g) ?? [];
}

/** Null where it cannot be shown as it is, or is about a process that the case does not know. */
function shownCommand(
  command: string | null,
  { pids }: Known,
): { command: string | null; objection: Objection | undefined } {
  if (command === null || command.trim() === "") return { command: null, objection: undefined };
  const line = command.trim();
  const subject = shown(line, MAX_SUBJECT);
  // Pasted, a second line would run at once.
  if (printable(line) !== line || line.length > MAX_COMMAND) {
    return { command: null, objection: { kind: "unprintable", subject } };
  }
  const stranger = pidsIn(line).find((pid) => !pids.has(pid));
  return stranger === undefined
    ? { command: line, objection: undefined }
    : { command: null, objection: { kind: "foreign_pid", subject: String(stranger) } };
}

/** What our own catalogue gives as advice is as risky as it says there. */
function riskOfStep(command: string, claimed: Risk, { root_causes }: WhyDocument): Risk {
  const own = root_causes.flatMap(({ advice }) => advice).find((advice) => advice.command === command.trim());
  return greater(claimed, own?.risk ?? riskOf(command));
}

/** On one line, printable, and not longer. */
export function shown(text: string, maxLength: number): string {
  const line = printable(text.replace(/\s+/g, " ").trim());
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1)}…`;
}
