/**
 * Plays scenarios: stands them up together, asks the daemon about each, and strikes them. It judges nothing itself, and
 * knows none of them.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import type { WhyAllDocument, WhyDocument } from "../src/model/documents.ts";
import { isHierarchy, mountOf } from "./control-group.ts";
import type { Observer } from "./observer.ts";
import type { Scenario, Truth } from "./scenario.ts";
import { Stage } from "./stage.ts";
import { isAlarmed, judge, misanswered, misjudged, type FirstRight, type Row } from "./verdict.ts";

/** A stall must be in `xctl why` without a pid within this time. */
const ALARM_WITHIN_MS = 3000;
/** On two cores that two dozen scenarios keep busy a sample may come late: then it is asked once more, and told. */
const LATE_AFTER_MS = 3000;
/** So long is the first right answer looked for. */
const FIRST_RIGHT_WITHIN_MS = 8000;
const AT_A_TIME = 24;
const HEAVY_AT_A_TIME = 1;
const SET_UP_AT_A_TIME = 6;

export interface Company {
  observer: Observer;
  /** Those that stand, for whoever must strike them all at once. */
  stages: Set<Stage>;
}

/** All of them, so many at a time; the results are in their order but for the heavy ones, which are played last. */
export async function playAll(scenarios: readonly Scenario[], company: Company): Promise<Row[]> {
  const rows: Row[] = [];
  const startMs = performance.now();
  for (const together of batches(scenarios)) {
    rows.push(...(await play(together, company)));
    const seconds = Math.round((performance.now() - startMs) / 1000);
    console.error(`[scenarios] ${rows.length} of ${scenarios.length} after ${seconds} s: ${together.at(-1)?.name}`);
  }
  return rows;
}

/** In their order; the heavy ones stand last. */
function* batches(scenarios: readonly Scenario[]): Iterable<Scenario[]> {
  const light = scenarios.filter(({ heavy }) => heavy !== true);
  for (let first = 0; first < light.length; first += AT_A_TIME) yield light.slice(first, first + AT_A_TIME);
  const heavy = scenarios.filter((scenario) => scenario.heavy === true);
  for (let first = 0; first < heavy.length; first += HEAVY_AT_A_TIME) yield heavy.slice(first, first + HEAVY_AT_A_TIME);
}

/** All of these stand at the same time, as on a real machine; each is asked about once. */
export async function play(scenarios: readonly Scenario[], { observer, stages }: Company): Promise<Row[]> {
  const standing = scenarios.map((scenario) => ({ scenario, stage: new Stage() }));
  for (const { stage } of standing) stages.add(stage);
  const truths = await eachOf(standing, SET_UP_AT_A_TIME, ({ scenario, stage }) => setUp(scenario, stage));
  const stoodMs = performance.now();
  // Beside others that are still being set up, a time would be theirs.
  const [alone] = truths.length === 1 ? truths : [];
  const first = isTruth(alone) ? await firstRight(alone, alone.observer ?? observer, stoodMs) : undefined;
  // What was seen to be told of needs no more time; what must not be told of gets all there is.
  const isTold = first !== undefined && typeof first.answerMs === "number" && typeof first.alarmMs === "number";
  if (!isTold) await pause(Math.max(0, stoodMs + ALARM_WITHIN_MS - performance.now()));
  const alarms = [await observer.whyAll()];
  if (truths.some((truth) => isMissing(truth, alarms[0] as WhyAllDocument))) {
    await pause(LATE_AFTER_MS);
    alarms.push(await observer.whyAll());
  }
  const rows: Row[] = [];
  for (const [index, { name }] of scenarios.entries()) {
    const truth = truths[index] as Truth | string | Error;
    if (truth instanceof Error) rows.push({ name, outcome: "not set up", detail: truth.message, tookMs: 0 });
    else if (typeof truth === "string") rows.push({ name, outcome: "skipped", detail: truth, tookMs: 0 });
    else {
      const asked = await (truth.observer ?? observer).why(truth.ask);
      const seen = truth.observer === undefined ? alarms : [await truth.observer.whyAll()];
      const row = { ...judge(name, truth, asked, seen), blindSpots: asked.answer.blind_spots.length, first };
      rows.push(
        row.outcome === "right" ? { ...row, ...(await ofJob(truth, asked.answer, truth.observer ?? observer)) } : row,
      );
    }
  }
  for (const { stage } of standing) {
    stage.strike();
    stages.delete(stage);
  }
  return rows;
}

/** What is wrong with the answers of the other ranks and of the job, where it is one. */
async function ofJob({ job }: Truth, { process: { job_id: jobId } }: WhyDocument, observer: Observer) {
  if (job === undefined) return undefined;
  if (jobId === null) return { outcome: "missed", detail: "its process is not known to belong to a job" } as const;
  const answers = new Map<number, WhyDocument>();
  for (const pid of [...job.ranks, ...(job.mayGetOn ?? []), ...(job.well ?? [])]) {
    answers.set(pid, (await observer.why(pid)).answer);
  }
  return misjudged(job, answers, (await observer.whyJob(jobId)).answer);
}

/** How long after a stall stood the first right answers were there; undefined where none is known to stand. */
async function firstRight(truth: Truth, observer: Observer, stoodMs: number): Promise<FirstRight | undefined> {
  if (!truth.alarming && truth.job?.kind === undefined) return undefined;
  const first: FirstRight = { answerMs: undefined, alarmMs: truth.alarming ? undefined : null };
  const sinceMs = () => performance.now() - stoodMs;
  do {
    if (first.answerMs === undefined && (await isAnswered(truth, observer))) first.answerMs = sinceMs();
    if (first.alarmMs === undefined && isAlarmed(truth.ask, await observer.whyAll())) first.alarmMs = sinceMs();
  } while (Object.values(first).includes(undefined) && sinceMs() < FIRST_RIGHT_WITHIN_MS);
  return first;
}

/** Rightly: asked of the process, and of its job where it is of one. */
async function isAnswered(truth: Truth, observer: Observer): Promise<boolean> {
  const { answer } = await observer.why(truth.ask);
  if (misanswered(truth, answer) !== undefined) return false;
  const { job_id: jobId } = answer.process;
  if (truth.job === undefined) return true;
  return jobId !== null && misjudged(truth.job, new Map(), (await observer.whyJob(jobId)).answer) === undefined;
}

function isMissing(truth: Truth | string | Error, alarms: WhyAllDocument): boolean {
  return isTruth(truth) && truth.observer === undefined && truth.alarming && !isAlarmed(truth.ask, alarms);
}

function isTruth(truth: Truth | string | Error | undefined): truth is Truth {
  return typeof truth === "object" && "ask" in truth;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** The results in the order of the items, `atATime` of them under way at once. */
async function eachOf<T, R>(items: readonly T[], atATime: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const left = items.entries();
  const worker = async () => {
    for (const [index, item] of left) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return results;
}

/** The truth; the reason why the scenario cannot be played here; or what went wrong, which is a failure. */
export async function setUp(scenario: Scenario, stage: Stage): Promise<Truth | string | Error> {
  const missing = scenario.needs?.find((need) => !has(need));
  if (missing !== undefined) return `needs ${missing}`;
  return scenario.setUp(stage).catch((error: Error) => error);
}

function has(need: string): boolean {
  if (need === "root") return process.getuid?.() === 0;
  if (need === "mount") return succeeds("unshare", "--mount", "true");
  if (need === "fuse") return existsSync("/dev/fuse");
  if (need === "torch") return succeeds("/usr/bin/python3", "-c", "import torch.distributed");
  if (need === "mpi") return succeeds("mpirun", "--version") && succeeds("/usr/bin/python3", "-c", "import mpi4py");
  if (need === "btf") return existsSync("/sys/kernel/btf/vmlinux");
  if (need === "loop") return existsSync("/dev/loop-control");
  if (isHierarchy(need)) return mountOf(need) !== undefined;
  return succeeds("sh", "-c", 'command -v "$0"', need);
}

function succeeds(command: string, ...args: string[]): boolean {
  try {
    execFileSync(command, args, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
