/** Prints how scenarios went. */
import type { FirstRight, Row } from "./verdict.ts";

const FAILURES = ["wrong culprit", "missed", "false alarm", "not set up"] as const;

export function table(rows: readonly Row[]): string {
  const width = Math.max(...rows.map((row) => row.name.length));
  const lines = rows.map(({ name, outcome, tookMs, detail, first }) => {
    const since = first === undefined ? "" : `; ${firstIn(first)}`;
    return `${name.padEnd(width)}  ${outcome.padEnd(13)} ${tookMs.toFixed(0).padStart(5)} ms  ${detail}${since}`;
  });
  const failed = FAILURES.map((outcome) => `${rows.filter((row) => row.outcome === outcome).length} ${outcome}`);
  const right = rows.filter((row) => row.outcome === "right").length;
  const skipped = rows.filter((row) => row.outcome === "skipped").length;
  const second = rows.filter((row) => row.outcome === "second try").length;
  return [...lines, "", `${right} right, ${second} at the second try, ${failed.join(", ")}, ${skipped} skipped`].join(
    "\n",
  );
}

/** Over several runs of the same scenarios: how often each was right, and when at the latest. */
export function sum(runs: readonly (readonly Row[])[]): string {
  const names = [...new Set(runs.flat().map(({ name }) => name))];
  const width = Math.max(...names.map((name) => name.length));
  const lines = names.map((name) => {
    const rows = runs.flat().filter((row) => row.name === name);
    const right = rows.filter(({ outcome }) => outcome === "right").length;
    const others = rows.flatMap(({ outcome }) => (outcome === "right" ? [] : [outcome]));
    const times = rows.flatMap(({ first }) => (first === undefined ? [] : [first]));
    const within = times.length === 0 ? [] : [`at the latest: ${firstIn(latestOf(times))}`];
    return `${name.padEnd(width)}  right ${right} of ${rows.length}  ${[...others, ...within].join("; ")}`.trimEnd();
  });
  const all = runs.flat();
  const right = all.filter(({ outcome }) => outcome === "right").length;
  const skipped = all.filter(({ outcome }) => outcome === "skipped").length;
  const times = all.flatMap(({ first }) => (first === undefined ? [] : [first]));
  const within = times.length === 0 ? "" : `; at the latest: ${firstIn(latestOf(times))}`;
  return [...lines, "", `${runs.length} runs: ${right} of ${all.length} right, ${skipped} skipped${within}`].join("\n");
}

/** Never, where one of them never came. */
function latestOf(times: readonly FirstRight[]): FirstRight {
  const alarms = times.flatMap(({ alarmMs }) => (alarmMs === null ? [] : [alarmMs]));
  return {
    answerMs: latest(times.map(({ answerMs }) => answerMs)),
    alarmMs: alarms.length === 0 ? null : latest(alarms),
  };
}

function latest(times: readonly (number | undefined)[]): number | undefined {
  return times.reduce((a, b) => (a === undefined || b === undefined ? undefined : Math.max(a, b)));
}

function after(ms: number | undefined): string {
  return ms === undefined ? "never" : `after ${ms.toFixed(0)} ms`;
}

function firstIn({ answerMs, alarmMs }: FirstRight): string {
  return `right ${after(answerMs)}${alarmMs === null ? "" : `, in xctl why ${after(alarmMs)}`}`;
}
