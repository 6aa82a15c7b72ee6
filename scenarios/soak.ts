/**
 * `--soak`: healthy jobs, one after the other, that are asked about again and again. In a single ask a moment's false
 * alarm goes unseen.
 */
import type { WhyAllDocument, WhyJobDocument } from "../src/model/documents.ts";
import type { Observer } from "./observer.ts";
import { pause, setUp, type Company } from "./play.ts";
import type { Scenario, Truth } from "./scenario.ts";
import { Stage } from "./stage.ts";
import { misjudged } from "./verdict.ts";

const ASK_EVERY_MS = 3000;

interface Figures {
  asks: number;
  falseAlarms: number;
  wrongCulprits: number;
  /** What the first wrong answer was; or why nothing could be asked. */
  detail: string;
}

/** Prints what became of each; whether there was one, and nothing was held against any. */
export async function soak(scenarios: readonly Scenario[], seconds: number, company: Company): Promise<boolean> {
  const healthy = scenarios.filter(({ healthyJob }) => healthyJob === true);
  const all: Figures[] = [];
  for (const scenario of healthy) {
    const stage = new Stage();
    company.stages.add(stage);
    const truth = await setUp(scenario, stage);
    const figures =
      typeof truth === "string" || truth instanceof Error
        ? { ...NOTHING, detail: typeof truth === "string" ? truth : truth.message }
        : await askOften(truth, seconds * 1000, company.observer);
    stage.strike();
    company.stages.delete(stage);
    console.log(line(scenario.name, figures));
    all.push(figures);
  }
  const sum = (count: "asks" | "falseAlarms" | "wrongCulprits") => all.reduce((total, each) => total + each[count], 0);
  const total = { asks: sum("asks"), falseAlarms: sum("falseAlarms"), wrongCulprits: sum("wrongCulprits"), detail: "" };
  console.log(line(`${healthy.length} healthy jobs for ${seconds} s`, total));
  return all.length > 0 && all.every((each) => each.asks > 0 && each.falseAlarms + each.wrongCulprits === 0);
}

const NOTHING: Figures = { asks: 0, falseAlarms: 0, wrongCulprits: 0, detail: "" };

async function askOften(truth: Truth, forMs: number, observer: Observer): Promise<Figures> {
  const { job_id: jobId } = (await observer.why(truth.ask)).answer.process;
  if (jobId === null || truth.job === undefined) return { ...NOTHING, detail: "not known to be a job" };
  const figures = { ...NOTHING };
  const endMs = performance.now() + forMs;
  do {
    const alarm = alarmIn(await observer.whyAll(), jobId, truth.job.ranks);
    const wrong = misjudged(truth.job, new Map(), (await observer.whyJob(jobId)).answer)?.detail;
    figures.asks++;
    if (alarm !== undefined) figures.falseAlarms++;
    if (wrong !== undefined) figures.wrongCulprits++;
    figures.detail ||= alarm ?? wrong ?? "";
    await pause(Math.min(ASK_EVERY_MS, Math.max(0, endMs - performance.now())));
  } while (performance.now() < endMs);
  return figures;
}

/** What plain `why` holds against one of the job's processes, or for one of them against somebody. */
function alarmIn({ groups }: WhyAllDocument, jobId: WhyJobDocument["job_id"], ranks: readonly number[]) {
  const isOf = (pid: number) => ranks.includes(pid);
  const group = groups.find(
    ({ root_cause: { pids }, victims }) =>
      pids.some(isOf) || victims.some(({ pid, job_id: of }) => of === jobId || isOf(pid)),
  );
  return group && `xctl why: ${group.root_cause.summary}, of ${group.victims.map(({ pid }) => pid).join(" ")}`;
}

function line(name: string, { asks, falseAlarms, wrongCulprits, detail }: Figures): string {
  const counts = `${asks} asks, ${falseAlarms} false alarms, ${wrongCulprits} wrong culprits`;
  return `${name}: ${counts}${detail === "" ? "" : `; ${detail}`}`;
}
