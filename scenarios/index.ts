/**
 * `npm run scenarios [-- NAME…]`: sets up real stalls with known causes, asks a real daemon through the real command
 * line, and compares; with `--user` as an ordinary user. Each is asked once, at the first ask.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { isGoodForUser, rerunAsNobody } from "./as-user.ts";
import { cgroups } from "./cgroups.ts";
import { isHierarchy, mountOf } from "./control-group.ts";
import { disks } from "./disks.ts";
import { ebpf } from "./ebpf.ts";
import { fuse } from "./fuse.ts";
import { futexes } from "./futexes.ts";
import { gpu } from "./gpu.ts";
import { healthy } from "./healthy.ts";
import { ipc } from "./ipc.ts";
import { jobScenarios } from "./jobs.ts";
import { links } from "./links.ts";
import { locks } from "./locks.ts";
import { namespaces } from "./namespaces.ts";
import { loops } from "./loops.ts";
import { network } from "./network.ts";
import { Observer } from "./observer.ts";
import { pipes } from "./pipes.ts";
import { privileges } from "./privileges.ts";
import type { WhyAllDocument, WhyDocument } from "../src/model/documents.ts";
import type { Scenario, Truth } from "./scenario.ts";
import { sockets } from "./sockets.ts";
import { Stage } from "./stage.ts";
import { states } from "./states.ts";
import { storage } from "./storage.ts";
import { terminals } from "./terminals.ts";
import { isAlarmed, judge, misjudged, table, type Row } from "./verdict.ts";

const SCENARIOS: readonly Scenario[] = [
  ...pipes,
  ...locks,
  ...sockets,
  ...network,
  ...links,
  ...ebpf,
  ...states,
  ...namespaces,
  ...privileges,
  ...ipc,
  ...loops,
  ...terminals,
  ...cgroups,
  ...storage,
  ...disks,
  ...fuse,
  ...futexes,
  ...gpu,
  ...healthy,
  ...jobScenarios,
];
/** A stall must be in `xctl why` without a pid within this time. */
const ALARM_WITHIN_MS = 3000;
/** On two cores that two dozen scenarios keep busy a sample may come late: then it is asked once more, and told. */
const LATE_AFTER_MS = 3000;
/**
 * What a machine that others use can bring about. Such a scenario is played once more by itself, and counted apart; a
 * wrong culprit or a false alarm is never excused.
 */
const MAY_BE_LATE: ReadonlySet<Row["outcome"]> = new Set(["missed", "not set up"]);
const MAX_SECOND_TRIES = 4;
const AT_A_TIME = 24;
const HEAVY_AT_A_TIME = 1;
const SET_UP_AT_A_TIME = 6;

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const asUser = args.includes("--user");
  if (asUser && process.getuid?.() === 0) return rerunAsNobody(args);
  const names = args.filter((arg) => arg !== "--user");
  const wanted = SCENARIOS.filter(
    (scenario) => names.length === 0 || names.some((name) => scenario.name.includes(name)),
  );
  const stages = new Set<Stage>();
  const strike = () => stages.forEach((stage) => stage.strike());
  process
    .once("SIGINT", () => process.exit(130))
    .once("SIGTERM", () => process.exit(143))
    .once("exit", strike);
  const observer = await Observer.start();
  try {
    const rows: Row[] = [];
    for (const together of batches(wanted)) rows.push(...(await play(together, stages, observer)));
    const again = wanted.filter((_, index) => MAY_BE_LATE.has((rows[index] as Row).outcome));
    for (const scenario of again.slice(0, MAX_SECOND_TRIES)) {
      const [second] = await play([scenario], stages, observer);
      const row = rows[wanted.indexOf(scenario)] as Row;
      if (second?.outcome === "right") Object.assign(row, { outcome: "second try", detail: `at first: ${row.detail}` });
    }
    console.log(table(rows));
    if (asUser) return isGoodForUser(rows) ? 0 : 1;
    return rows.every(({ outcome }) => outcome === "right" || outcome === "second try" || outcome === "skipped")
      ? 0
      : 1;
  } finally {
    strike();
    await observer.stop();
  }
}

/** In their order; the heavy ones stand last. */
function* batches(scenarios: readonly Scenario[]): Iterable<Scenario[]> {
  const light = scenarios.filter(({ heavy }) => heavy !== true);
  for (let first = 0; first < light.length; first += AT_A_TIME) yield light.slice(first, first + AT_A_TIME);
  const heavy = scenarios.filter((scenario) => scenario.heavy === true);
  for (let first = 0; first < heavy.length; first += HEAVY_AT_A_TIME) yield heavy.slice(first, first + HEAVY_AT_A_TIME);
}

/** All of these stand at the same time, as on a real machine; each is asked about once. */
async function play(scenarios: readonly Scenario[], stages: Set<Stage>, observer: Observer): Promise<Row[]> {
  const standing = scenarios.map((scenario) => ({ scenario, stage: new Stage() }));
  for (const { stage } of standing) stages.add(stage);
  const truths = await eachOf(standing, SET_UP_AT_A_TIME, ({ scenario, stage }) => setUp(scenario, stage));
  await new Promise((resolve) => setTimeout(resolve, ALARM_WITHIN_MS));
  const alarms = [await observer.whyAll()];
  if (truths.some((truth) => isMissing(truth, alarms[0] as WhyAllDocument))) {
    await new Promise((resolve) => setTimeout(resolve, LATE_AFTER_MS));
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
      const row = { ...judge(name, truth, asked, seen), blindSpots: asked.answer.blind_spots.length };
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
  const answers: WhyDocument[] = [];
  for (const pid of job.ranks) answers.push((await observer.why(pid)).answer);
  return misjudged(job, answers, (await observer.whyJob(jobId)).answer);
}

function isMissing(truth: Truth | string | Error, alarms: WhyAllDocument): boolean {
  if (typeof truth !== "object" || !("ask" in truth) || truth.observer !== undefined) return false;
  return truth.alarming && !isAlarmed(truth.ask, alarms);
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
async function setUp(scenario: Scenario, stage: Stage): Promise<Truth | string | Error> {
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
