/**
 * `npm run scenarios:diag`: ten real stalls, one after the other, and what `xctl diag` says of each: by the rules alone,
 * and by a model. The model is a script that speaks the real protocol and knows nothing but the case that it was sent; at
 * every third case it slips at first. Fails where a cause is not found, and where the rules are slow.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { medianOf } from "../bench/measure.ts";
import type { DiagDocument } from "../src/model/documents.ts";
import { modelServer } from "../test/diagnose/model-server.ts";
import { ipc } from "./ipc.ts";
import { locks } from "./locks.ts";
import { loops } from "./loops.ts";
import { Observer, type Asked } from "./observer.ts";
import { pipes } from "./pipes.ts";
import type { Scenario, Truth } from "./scenario.ts";
import { ScriptedModel } from "./scripted-model.ts";
import { sockets } from "./sockets.ts";
import { Stage } from "./stage.ts";
import { states } from "./states.ts";
import { terminals } from "./terminals.ts";

/** As many kinds of cause as need nothing but bash and Python. */
const NAMES: readonly string[] = [
  "three stages, the last one stopped",
  "reader that kept its own write end",
  "two processes, each holding the lock that the other wants",
  "shell, waiting for a child, waiting for a lock, held by a sleeper",
  "queue for a lock: the holder is to blame, not the one ahead",
  "client of a stopped TCP server",
  "client behind three relays, the backend stopped",
  "zombie that its parent does not reap",
  "FIFO that nobody opens for writing",
  "program that asks for a password",
];
const SCENARIOS: readonly Scenario[] = [
  ...pipes,
  ...locks,
  ...sockets,
  ...loops,
  ...states,
  ...ipc,
  ...terminals,
].filter(({ name }) => NAMES.includes(name));
/** So that the daemon has seen the stall in more than one of its looks. */
const SETTLE_MS = 3000;
/** Within this, half of the answers by the rules alone are there: half, for a machine that is busy delays some. */
const MAX_RULES_MS = 500;

process.exitCode = await main();

async function main(): Promise<number> {
  const undo: (() => void)[] = [];
  process
    .once("SIGINT", () => process.exit(130))
    .once("SIGTERM", () => process.exit(143))
    .once("exit", () => undo.splice(0).forEach((each) => each()));
  const state = mkdtempSync(join(tmpdir(), "xctl-state-"));
  undo.push(() => rmSync(state, { recursive: true, force: true }));
  const model = new ScriptedModel();
  const step = { reads: (question: string) => model.answer(question) };
  const { url } = await modelServer({ after: (end) => undo.push(end) }, [step], { models: ["scripted"] });
  const observer = await Observer.start({ XDG_STATE_HOME: state, XCTL_LLM_MAX_CALLS_PER_HOUR: "100" });
  try {
    const rows: Row[] = [];
    for (const [place, scenario] of SCENARIOS.entries()) {
      model.begin({ slips: place % 3 === 2 });
      const stage = new Stage();
      undo.push(() => stage.strike());
      const row = await play(scenario, stage, observer, url).finally(() => stage.strike());
      rows.push({ ...row, calls: model.calls });
    }
    const medianMs = medianOf(rows.map(({ rules }) => rules.tookMs));
    const isQuick = medianMs <= MAX_RULES_MS;
    console.log(table(rows));
    console.log(`\nby the rules, median: ${medianMs.toFixed(0)} ms of ${MAX_RULES_MS}${isQuick ? "" : " (too slow)"}`);
    return rows.length === NAMES.length && rows.every(isRight) && isQuick ? 0 : 1;
  } finally {
    await observer.stop();
    undo.splice(0).forEach((each) => each());
  }
}

interface Row {
  name: string;
  truth: Truth;
  rules: Asked<DiagDocument>;
  model: Asked<DiagDocument>;
  /** How often the model was asked. */
  calls?: number;
}

async function play({ name, setUp }: Scenario, stage: Stage, observer: Observer, url: string): Promise<Row> {
  const truth = await setUp(stage);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const rules = await observer.diag(truth.ask, "--provider", "none");
  const model = await observer.diag(truth.ask, "--provider", "local", "--base-url", url);
  return { name, truth, rules, model };
}

function isRight({ truth, rules: { answer: rules }, model: { answer: model } }: Row): boolean {
  const kinds = new Set<string>([truth.kind].flat());
  const isModels = model.provider === "local" && model.verified && model.notes.length === 0;
  return isModels && kinds.has(rules.root_cause) && kinds.has(model.root_cause);
}

function table(rows: readonly Row[]): string {
  const head = ["scenario", "by the rules", "by the model", "verified", "asked", "tokens", "rules ms", "model ms"];
  const lines = rows.map((row) => {
    const { name, rules, model, calls = 0 } = row;
    const { input_tokens: input, output_tokens: output } = model.answer.usage;
    const verified = model.answer.verified ? "yes" : "no";
    const times = [rules, model].map(({ tookMs }) => tookMs.toFixed(0));
    const mark = isRight(row) ? "" : " (wrong)";
    const causes = [rules.answer.root_cause, model.answer.root_cause + mark];
    return [name, ...causes, verified, String(calls), `${input} + ${output}`, ...times];
  });
  return [head, head.map(() => "---"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
