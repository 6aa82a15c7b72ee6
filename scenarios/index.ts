/**
 * `npm run scenarios [-- NAME…]`: sets up real stalls with known causes, asks a real daemon through the real command
 * line, and compares; with `--user` as an ordinary user, with `--runs` again and again, with `--soak` healthy jobs only.
 */
import { isGoodForUser, rerunAsNobody } from "./as-user.ts";
import { cgroups } from "./cgroups.ts";
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
import { optionsIn } from "./options.ts";
import { play, playAll, type Company } from "./play.ts";
import type { Scenario } from "./scenario.ts";
import { soak } from "./soak.ts";
import { sockets } from "./sockets.ts";
import type { Stage } from "./stage.ts";
import { states } from "./states.ts";
import { storage } from "./storage.ts";
import { sum, table } from "./table.ts";
import { terminals } from "./terminals.ts";
import type { Row } from "./verdict.ts";

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
/**
 * What a machine that others use can bring about. Such a scenario is played once more by itself, and counted apart; a
 * wrong culprit or a false alarm is never excused.
 */
const MAY_BE_LATE: ReadonlySet<Row["outcome"]> = new Set(["missed", "not set up"]);
const MAX_SECOND_TRIES = 4;
const GOOD: ReadonlySet<Row["outcome"]> = new Set(["right", "second try", "skipped"]);

process.exitCode = await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<number> {
  const asked = optionsIn(args);
  if (typeof asked === "string") {
    console.error(asked);
    return 2;
  }
  const { asUser, runs, soakS, names } = asked;
  if (asUser && process.getuid?.() === 0) return rerunAsNobody(args);
  const wanted = SCENARIOS.filter(
    (scenario) => names.length === 0 || names.some((name) => scenario.name.includes(name)),
  );
  const stages = new Set<Stage>();
  const strike = () => stages.forEach((stage) => stage.strike());
  process
    .once("SIGINT", () => process.exit(130))
    .once("SIGTERM", () => process.exit(143))
    .once("exit", strike);
  const company = { observer: await Observer.start(), stages };
  process.once("exit", () => company.observer.abandon());
  try {
    if (soakS !== undefined) return (await soak(wanted, soakS, company)) ? 0 : 1;
    if (runs !== undefined) return (await playOften(wanted, runs, company)) ? 0 : 1;
    const rows = await playAll(wanted, company);
    await tryAgain(wanted, rows, company);
    console.log(table(rows));
    if (asUser) return isGoodForUser(rows) ? 0 : 1;
    return rows.every(({ outcome }) => GOOD.has(outcome)) ? 0 : 1;
  } finally {
    strike();
    await company.observer.stop();
  }
}

async function tryAgain(scenarios: readonly Scenario[], rows: readonly Row[], company: Company): Promise<void> {
  for (const row of rows.filter(({ outcome }) => MAY_BE_LATE.has(outcome)).slice(0, MAX_SECOND_TRIES)) {
    const [second] = await play(
      scenarios.filter(({ name }) => name === row.name),
      company,
    );
    if (second?.outcome === "right") Object.assign(row, { outcome: "second try", detail: `at first: ${row.detail}` });
  }
}

/** Each counts: none is tried again. */
async function playOften(scenarios: readonly Scenario[], runs: number, company: Company): Promise<boolean> {
  const tables: Row[][] = [];
  for (let run = 1; run <= runs; run++) {
    const rows = await playAll(scenarios, company);
    tables.push(rows);
    console.log(`run ${run} of ${runs}\n${table(rows)}\n`);
  }
  console.log(sum(tables));
  return tables.flat().every(({ outcome }) => GOOD.has(outcome));
}
