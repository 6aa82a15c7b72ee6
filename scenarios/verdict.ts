/** Compares an answer with the truth. */
import type { RootCause, WhyAllDocument, WhyDocument, WhyJobDocument } from "../src/model/documents.ts";
import { isTrouble } from "../src/model/walk.ts";
import type { Asked } from "./observer.ts";
import type { JobCause, JobTruth, Truth } from "./scenario.ts";

export interface Row {
  name: string;
  outcome: "right" | "wrong culprit" | "missed" | "false alarm" | "not set up" | "second try" | "skipped";
  detail: string;
  tookMs: number;
  /** How many the answer named. */
  blindSpots?: number;
  /** Of a stall that stood alone. */
  first?: FirstRight | undefined;
}

/** How long after the stall stood an answer was right for the first time; undefined: not within the time that is given. */
export interface FirstRight {
  /** To the question of its process, and of its job where it is of one. */
  answerMs: number | undefined;
  /** In \`xctl why\` without a pid; null where it must not be there. */
  alarmMs: number | null | undefined;
}

type Fault = Pick<Row, "outcome" | "detail">;

export function judge(
  name: string,
  truth: Truth,
  { answer, tookMs }: Asked<WhyDocument>,
  alarms: readonly WhyAllDocument[],
): Row {
  const alarmed = alarms.some((document) => isAlarmed(truth.ask, document));
  const late = alarmed && !isAlarmed(truth.ask, alarms[0] as WhyAllDocument) ? ", late in xctl why" : "";
  const detail = `expected ${expectation(truth)}; answered ${saidIn(answer)}`;
  if (alarmed && !truth.alarming) return { name, outcome: "false alarm", detail, tookMs };
  const suspected = truth.job?.well?.find((pid) => alarms.some((document) => isAlarmed(pid, document)));
  if (suspected !== undefined) {
    return {
      name,
      outcome: "false alarm",
      detail: `xctl why tells of ${suspected}, with which nothing is wrong`,
      tookMs,
    };
  }
  const fault = misanswered(truth, answer);
  if (fault !== undefined) return { name, ...fault, tookMs };
  if (truth.alarming && !alarmed) {
    return { name, outcome: "missed", detail: `${detail}, but not in xctl why`, tookMs };
  }
  return { name, outcome: "right", detail: `${saidIn(answer)}${late}`, tookMs };
}

/** What is wrong with the answer; undefined: nothing. */
export function misanswered(truth: Truth, answer: WhyDocument): Fault | undefined {
  const cause = answer.root_causes[0];
  const detail = `expected ${expectation(truth)}; answered ${saidIn(answer)}`;
  const kinds = listed(truth.kind);
  if (!listed(truth.verdict).includes(answer.verdict)) return { outcome: "missed", detail };
  if (kinds.length > 0 && (cause === undefined || !kinds.includes(cause.kind))) return { outcome: "missed", detail };
  if (truth.culprit !== undefined && cause?.pid !== truth.culprit) return { outcome: "wrong culprit", detail };
  if (truth.members !== undefined && !sameMembers(truth.members, cause?.pids ?? [])) {
    return { outcome: "wrong culprit", detail: `${detail}, members ${cause?.pids.join(" ")}` };
  }
  return undefined;
}

/** What is wrong with what each of the ranks that were asked and the job itself lead to; undefined: nothing. */
export function misjudged(
  truth: JobTruth,
  answers: ReadonlyMap<number, WhyDocument>,
  job: WhyJobDocument,
): Fault | undefined {
  const expected = causesOf(truth);
  for (const [pid, { root_causes: causes }] of answers) {
    const mayBeWell = truth.well?.includes(pid) === true || truth.mayGetOn?.includes(pid) === true;
    if (mayBeWell && !causes.some(({ kind }) => isTrouble(kind))) continue;
    const fault = misled(causes, truth.well?.includes(pid) === true ? [] : expected);
    if (fault !== undefined) return { ...fault, detail: `asked of rank at ${pid}: ${fault.detail}` };
  }
  const fault = misled(job.root_causes, expected) ?? untold(job.root_causes, expected) ?? misjudgedTendency(truth, job);
  return fault === undefined ? undefined : { ...fault, detail: `asked of job ${job.job_id}: ${fault.detail}` };
}

function misjudgedTendency({ straggler }: JobTruth, { tendency }: WhyJobDocument): Fault | undefined {
  if (straggler === undefined || tendency?.pid === straggler) return undefined;
  const outcome = tendency === null ? "missed" : "wrong culprit";
  return { outcome, detail: `the others wait most for ${tendency?.pid ?? "none"}; expected ${straggler}` };
}

function causesOf({ kind, besides = [], ...who }: JobTruth): JobCause[] {
  return kind === undefined ? [] : [{ ...who, kind }, ...besides];
}

/** The first cause must be an expected one, and none that counts as trouble another. */
function misled(causes: readonly RootCause[], expected: readonly JobCause[]): Fault | undefined {
  const [first] = causes;
  const others = causes.filter((cause) => isTrouble(cause.kind) && !expected.some((each) => isIt(cause, each)));
  const detail = `${causes.map(told).join(", ") || "no cause"}; expected ${expected.map(wanted).join(", ") || "none"}`;
  if (expected.length === 0) return others.length === 0 ? undefined : { outcome: "false alarm", detail };
  if (first === undefined || !expected.some(({ kind }) => kind === first.kind)) return { outcome: "missed", detail };
  const isRight = others.length === 0 && expected.some((each) => isIt(first, each));
  return isRight ? undefined : { outcome: "wrong culprit", detail };
}

function untold(causes: readonly RootCause[], expected: readonly JobCause[]): Fault | undefined {
  const isTold = (each: JobCause) =>
    causes.some(
      (cause) => isIt(cause, each) && cause.evidence.some(({ observed }) => each.evidence?.test(observed) ?? true),
    );
  const missing = expected.find((each) => !isTold(each));
  if (missing === undefined) return undefined;
  const evidence = causes.flatMap((cause) => cause.evidence.map(({ observed }) => observed));
  return {
    outcome: "missed",
    detail: `${wanted(missing)} is not told; ${causes.map(told).join(", ")}: ${evidence.join("; ")}`,
  };
}

function isIt(cause: RootCause, { kind, culprit, members }: JobCause): boolean {
  if (cause.kind !== kind || (culprit !== undefined && cause.pid !== culprit)) return false;
  return members === undefined || sameMembers(members, cause.pids);
}

function told({ kind, pid, pids }: RootCause): string {
  return `${kind} ${pid ?? pids.join(" ")}`.trim();
}

function wanted({ kind, culprit, members, evidence }: JobCause): string {
  return `${kind} ${culprit ?? members?.join(" ") ?? ""} ${evidence?.source ?? ""}`.trim();
}

/** Whether `xctl why` without a pid tells of the process. */
export function isAlarmed(pid: number, { groups }: WhyAllDocument): boolean {
  return groups.some((group) => group.victims.some((victim) => victim.pid === pid));
}

function saidIn({ verdict, root_causes: [cause] }: WhyDocument): string {
  return `${verdict}, ${cause?.kind ?? "no cause"}${cause?.pid === undefined ? "" : ` ${cause.pid}`}`;
}

function expectation({ verdict, kind, culprit, members }: Truth): string {
  const who = members === undefined ? (culprit ?? "") : members.join(" ");
  return `${listed(verdict).join(" or ")}, ${listed(kind).join(" or ")} ${who}`.trim();
}

function sameMembers(expected: readonly number[], answered: readonly number[]): boolean {
  return expected.length === answered.length && expected.every((pid) => answered.includes(pid));
}

function listed<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === "string" ? [value] : value;
}
