/**
 * `npm run scenarios [-- NAME…]`: sets up real stalls with known causes, asks a real daemon through the real command
 * line, and compares; with `--user` as an ordinary user. Each is asked once, at the first ask.
 */
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { isGoodForUser, rerunAsNobody } from "./as-user.ts";
import { cgroups } from "./cgroups.ts";
import { isHierarchy, mountOf } from "./control-group.ts";
import { fuse } from "./fuse.ts";
import { futexes } from "./futexes.ts";
import { healthy } from "./healthy.ts";
import { ipc } from "./ipc.ts";
import { locks } from "./locks.ts";
import { namespaces } from "./namespaces.ts";
import { loops } from "./loops.ts";
import { Observer } from "./observer.ts";
import { pipes } from "./pipes.ts";
import { privileges } from "./privileges.ts";
import type { WhyAllDocument } from "../src/model/documents.ts";
import type { Scenario, Truth } from "./scenario.ts";
import { sockets } from "./sockets.ts";
import { Stage } from "./stage.ts";
import { states } from "./states.ts";
import { storage } from "./storage.ts";
import { terminals } from "./terminals.ts";
import { isAlarmed, judge, table, type Row } from "./verdict.ts";

const SCENARIOS: readonly Scenario[] = [
  ...pipes,
  ...locks,
  ...sockets,
  ...states,
  ...namespaces,
  ...privileges,
  ...ipc,
  ...loops,
  ...terminals,
  ...cgroups,
  ...storage,
  ...fuse,
  ...futexes,
  ...healthy,
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
    for (let first = 0; first < wanted.length; first += AT_A_TIME) {
      rows.push(...(await play(wanted.slice(first, first + AT_A_TIME), stages, observer)));
    }
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
      const asked = await observer.why(truth.ask);
      rows.push({ ...judge(name, truth, asked, alarms), blindSpots: asked.answer.blind_spots.length });
    }
  }
  for (const { stage } of standing) {
    stage.strike();
    stages.delete(stage);
  }
  return rows;
}

function isMissing(truth: Truth | string | Error, alarms: WhyAllDocument): boolean {
  return typeof truth === "object" && "ask" in truth && truth.alarming && !isAlarmed(truth.ask, alarms);
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
