/** Compares an answer with the truth, and prints how it went. */
import type { WhyAllDocument, WhyDocument, WhyJobDocument } from "../src/model/documents.ts";
import { isTrouble } from "../src/model/walk.ts";
import type { Asked } from "./observer.ts";
import type { JobTruth, Truth } from "./scenario.ts";

export interface Row {
  name: string;
  outcome: "right" | "wrong culprit" | "missed" | "false alarm" | "not set up" | "second try" | "skipped";
  detail: string;
  tookMs: number;
  /** How many the answer named. */
  blindSpots?: number;
}

const FAILURES = ["wrong culprit", "missed", "false alarm", "not set up"] as const;

export function judge(
  name: string,
  truth: Truth,
  { answer, tookMs }: Asked<WhyDocument>,
  alarms: readonly WhyAllDocument[],
): Row {
  const cause = answer.root_causes[0];
  const alarmed = alarms.some((document) => isAlarmed(truth.ask, document));
  const late = alarmed && !isAlarmed(truth.ask, alarms[0] as WhyAllDocument) ? ", late in xctl why" : "";
  const said = `${answer.verdict}, ${cause?.kind ?? "no cause"}${cause?.pid === undefined ? "" : ` ${cause.pid}`}`;
  const detail = `expected ${expectation(truth)}; answered ${said}`;
  const kinds = listed(truth.kind);
  if (alarmed && !truth.alarming) return { name, outcome: "false alarm", detail, tookMs };
  if (!listed(truth.verdict).includes(answer.verdict)) return { name, outcome: "missed", detail, tookMs };
  if (kinds.length > 0 && (cause === undefined || !kinds.includes(cause.kind))) {
    return { name, outcome: "missed", detail, tookMs };
  }
  if (truth.culprit !== undefined && cause?.pid !== truth.culprit) {
    return { name, outcome: "wrong culprit", detail, tookMs };
  }
  if (truth.members !== undefined && !sameMembers(truth.members, cause?.pids ?? [])) {
    return { name, outcome: "wrong culprit", detail: `${detail}, members ${cause?.pids.join(" ")}`, tookMs };
  }
  if (truth.alarming && !alarmed) {
    return { name, outcome: "missed", detail: `${detail}, but not in xctl why`, tookMs };
  }
  return { name, outcome: "right", detail: `${said}${late}`, tookMs };
}

/** Whether each rank and the job itself lead to what is so; undefined: they do. */
export function misjudged(
  { ranks, kind, culprit, members }: JobTruth,
  answers: readonly WhyDocument[],
  job: WhyJobDocument,
): Pick<Row, "outcome" | "detail"> | undefined {
  const asked = [
    ...answers.map((answer, place) => ({ of: `rank at ${ranks[place]}`, causes: answer.root_causes })),
    { of: `job ${job.job_id}`, causes: job.root_causes },
  ];
  for (const { of, causes } of asked) {
    const [cause] = causes;
    const said = `asked of ${of}: ${cause?.kind ?? "no cause"} ${cause?.pid ?? cause?.pids.join(" ") ?? ""}`;
    const detail = `${said}; expected ${kind ?? "none"} ${culprit ?? members?.join(" ") ?? ""}`;
    if (kind === undefined) {
      if (causes.some((each) => isTrouble(each.kind))) return { outcome: "false alarm", detail };
      continue;
    }
    if (cause?.kind !== kind) return { outcome: "missed", detail };
    if (culprit !== undefined && cause.pid !== culprit) return { outcome: "wrong culprit", detail };
    if (members !== undefined && !sameMembers(members, cause.pids)) return { outcome: "wrong culprit", detail };
  }
  return undefined;
}

/** Whether `xctl why` without a pid tells of the process. */
export function isAlarmed(pid: number, { groups }: WhyAllDocument): boolean {
  return groups.some((group) => group.victims.some((victim) => victim.pid === pid));
}

export function table(rows: readonly Row[]): string {
  const width = Math.max(...rows.map((row) => row.name.length));
  const lines = rows.map(
    (row) =>
      `${row.name.padEnd(width)}  ${row.outcome.padEnd(13)} ${row.tookMs.toFixed(0).padStart(5)} ms  ${row.detail}`,
  );
  const failed = FAILURES.map((outcome) => `${rows.filter((row) => row.outcome === outcome).length} ${outcome}`);
  const right = rows.filter((row) => row.outcome === "right").length;
  const skipped = rows.filter((row) => row.outcome === "skipped").length;
  const second = rows.filter((row) => row.outcome === "second try").length;
  return [...lines, "", `${right} right, ${second} at the second try, ${failed.join(", ")}, ${skipped} skipped`].join(
    "\n",
  );
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
