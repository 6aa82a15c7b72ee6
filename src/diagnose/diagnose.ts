/** Asks the model, checks its answer, asks once more with what is wrong with it, and says how that went. */
import type { DiagReport } from "../model/documents.ts";
import type { Lang } from "../views/language.ts";
import { readAnswer } from "./answer-schema.ts";
import { ask, type AskOptions } from "./ask.ts";
import type { CaseFile } from "./case.ts";
import { check, MAX_SUBJECT, shown, type Objection } from "./check.ts";
import type { Usage } from "./cost.ts";
import { Failure, failureOf } from "./failure.ts";
import { takeCall, type Limits } from "./limits.ts";
import { checkKey, type Choice } from "./providers/choose.ts";
import { listedModel } from "./providers/listed-model.ts";
import { questionOf } from "./question.ts";

export interface DiagnoseOptions {
  lang: Lang;
  limits: Limits;
  /** Where calls are counted. */
  stateFolder: string;
  /** The user's interruption; its reason is thrown. */
  signal: AbortSignal;
  /** Told of the model's name before it is asked; what it returns hears of the tokens as they come. */
  onAsk?: (model: string) => AskOptions["onTokens"];
}

export interface Outcome {
  /** Undefined where none was asked. */
  model: string | undefined;
  /** Of all answers together. */
  usage: Usage;
  /** Undefined where there is no answer that could be shown. */
  report: DiagReport | undefined;
  /** Of the report; of no answer where there is none. Empty where all is borne out. */
  objections: Objection[];
  /** Why there is no report, or why the model could not be asked again. */
  failure: Failure | undefined;
}

const MAX_ASKS = 2;

/** Throws only what the signal was aborted with. */
export async function diagnose(file: CaseFile, choice: Choice, options: DiagnoseOptions): Promise<Outcome> {
  const { lang, limits, stateFolder, signal, onAsk } = options;
  const outcome: Outcome = {
    model: choice.model,
    usage: { inputTokens: 0, outputTokens: 0 },
    report: undefined,
    objections: [],
    failure: undefined,
  };
  try {
    checkKey(choice);
    const model = choice.model ?? (await listedModel(choice, AbortSignal.any([signal, patience(limits.timeoutMs)])));
    outcome.model = model;
    for (let asked = 0; asked < MAX_ASKS; asked++) {
      const question = questionOf(file, lang, limits.tokensPerCall, outcome.objections);
      takeCall(stateFolder, limits.callsPerHour, Date.now());
      const onTokens = onAsk?.(model);
      const reply = await ask(choice, model, question, { timeoutMs: limits.timeoutMs, signal, onTokens });
      add(outcome.usage, reply.usage);
      const { report, objections } = judged(reply.text, file);
      if (report !== undefined || outcome.report === undefined) {
        outcome.report = report;
        outcome.objections = objections;
      }
      if (objections.length === 0) return outcome;
    }
    if (outcome.report === undefined) outcome.failure = new Failure("not_json");
  } catch (thrown) {
    signal.throwIfAborted();
    outcome.failure = failureOf(thrown, choice.key);
    if (outcome.failure.usage !== undefined) add(outcome.usage, outcome.failure.usage);
  }
  return outcome;
}

function add(usage: Usage, { inputTokens, outputTokens }: Usage): void {
  usage.inputTokens += inputTokens;
  usage.outputTokens += outputTokens;
}

function judged(text: string, file: CaseFile): { report: DiagReport | undefined; objections: Objection[] } {
  const read = readAnswer(text);
  if (read.kind === "answer") return check(read.answer, file);
  if (read.kind === "not_json") return { report: undefined, objections: [{ kind: "not_json", subject: "" }] };
  const misfit: Objection = { kind: "misfit", subject: shown(read.misfit, MAX_SUBJECT) };
  if (read.partial === undefined) return { report: undefined, objections: [misfit] };
  const { report, objections } = check(read.partial, file);
  return { report, objections: [misfit, ...objections] };
}

function patience(ms: number): AbortSignal {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(new Failure("timed_out", [String(ms / 1000)])), ms);
  timer.unref();
  return controller.signal;
}
