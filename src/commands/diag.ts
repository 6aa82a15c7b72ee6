/**
 * `xctl diag PID`: gathers the case, has a model or the rules explain it, prints the report. Where no model can be asked,
 * or none answers, the rules' report is shown and marked: that is a report too, so the exit status is 0.
 */
import type { CaseFile, CaseSource } from "../diagnose/case.ts";
import { maskedCase, type MaskedCase } from "../diagnose/case-file.ts";
import { costUsd, type Usage } from "../diagnose/cost.ts";
import type { Outcome } from "../diagnose/diagnose.ts";
import { failureText } from "../diagnose/failure-text.ts";
import { limitsOf, stateFolder, type Limits } from "../diagnose/limits.ts";
import { plainCase } from "../diagnose/plain-case.ts";
import { choose, type Choice } from "../diagnose/providers/choose.ts";
import { restoredReport } from "../diagnose/restore.ts";
import { caseTokens } from "../diagnose/tokens.ts";
import { XctlError } from "../lib/errors.ts";
import { printable } from "../lib/text.ts";
import type { DiagDocument } from "../model/documents.ts";
import { diagText } from "../views/diag.ts";
import { sentencesOf, type Sentences } from "../views/sentences/index.ts";
import { caseSource } from "./case-source.ts";
import { canShowProgress, showProgress } from "./progress.ts";
import { printJson, type Terminal } from "./terminal.ts";
import { readPid, readRedaction } from "./values.ts";
import type { RunVerb, VerbOptions } from "./verb.ts";

export const run: RunVerb = async (argument, options, terminal) => {
  const { lang } = terminal.style;
  const say = sentencesOf(lang);
  const pid = readPid(argument ?? "", say);
  const strict = readRedaction(options.redact, say);
  const choice = choose(wishOf(options, say), terminal.env, lang);
  const limits = limitsOf(terminal.env, lang);
  const source = await caseSource(pid, options, terminal);
  const toMask = { strict, maxTokens: caseTokens(limits.tokensPerCall) };
  if (options.dryRun === true) {
    const { showPlan } = await import("./diag-plan.ts");
    await showPlan(maskedCase(source, toMask).file, choice, limits, options.json === true, terminal);
    return 0;
  }
  const document =
    choice === "none" || choice === "unset"
      ? await byRules(source, choice === "unset" ? [say.diag.nothingSetUp] : [], terminal)
      : await byModel(source, maskedCase(source, toMask), choice, limits, terminal);
  if (options.json === true) printJson(terminal, document);
  else terminal.out(diagText(document, terminal.style));
  return 0;
};

async function byModel(
  source: CaseSource,
  { file, restore }: MaskedCase,
  choice: Choice,
  limits: Limits,
  terminal: Terminal,
): Promise<DiagDocument> {
  const { lang } = terminal.style;
  const say = sentencesOf(lang).diag;
  const { pid } = source.why.process;
  const { model = null, usage, report, objections, failure } = await askModel(file, choice, limits, terminal);
  const failed =
    failure === undefined
      ? undefined
      : failureText(failure, { pid, choice: { ...choice, model: model ?? undefined }, limits }, lang);
  const spent = usageOf(choice, model, usage);
  if (report === undefined) {
    const notes = failed === undefined ? [] : [say.failed(...failed)];
    for (const line of failed ?? []) terminal.err(`[xctl] ${printable(line)}`);
    terminal.err(`[xctl] ${say.instead}`);
    return { ...(await byRules(source, notes, terminal)), usage: spent };
  }
  const notes = objections.map(({ kind, subject }) => say.objections[kind](subject));
  if (failed !== undefined) notes.push(say.secondFailed(say.failed(...failed)));
  return {
    schema: "xctl.diag/1",
    provider: choice.provider,
    model,
    ...restoredReport(report, { masked: file.why, plain: source.why, restore }),
    verified: objections.length === 0,
    notes,
    usage: spent,
    why: source.why,
  };
}

/** Ctrl-C ends the waiting, and takes the progress line away. */
async function askModel(file: CaseFile, choice: Choice, limits: Limits, terminal: Terminal): Promise<Outcome> {
  const { diagnose } = await import("../diagnose/diagnose.ts");
  const { lang } = terminal.style;
  const say = sentencesOf(lang).diag;
  const interruption = new AbortController();
  const interrupt = () => interruption.abort(new XctlError("failed", say.interrupted));
  process.once("SIGINT", interrupt).once("SIGTERM", interrupt);
  let tokens = 0;
  let name = "";
  const line = (elapsedMs: number): string => {
    const seconds = (elapsedMs / 1000).toFixed(1);
    return tokens === 0 ? say.waiting(name, seconds) : say.progress(name, tokens, seconds);
  };
  let progress: ReturnType<typeof showProgress> | undefined;
  const onAsk = (model: string) => {
    name = printable(model);
    tokens = 0;
    progress ??= showProgress(line);
    return (soFar: number) => void (tokens = soFar);
  };
  try {
    return await diagnose(file, choice, {
      lang,
      limits,
      stateFolder: stateFolder(terminal.env),
      signal: interruption.signal,
      ...(canShowProgress(terminal) ? { onAsk } : {}),
    });
  } finally {
    progress?.end();
    process.off("SIGINT", interrupt).off("SIGTERM", interrupt);
  }
}

async function byRules(source: CaseSource, notes: string[], terminal: Terminal): Promise<DiagDocument> {
  const [{ loadRules }, { reportFromRules }, { problemText }] = await Promise.all([
    import("../diagnose/rules/load.ts"),
    import("../diagnose/rules/report.ts"),
    import("../diagnose/rules/problems.ts"),
  ]);
  const { rules, problems } = await loadRules({ env: terminal.env });
  for (const problem of problems) terminal.err(`[xctl] ${printable(problemText(problem, terminal.style.lang))}`);
  const report = reportFromRules(plainCase(source), rules, terminal.style.lang);
  return {
    schema: "xctl.diag/1",
    provider: "none",
    model: null,
    ...report,
    verified: true,
    notes,
    usage: { input_tokens: 0, output_tokens: 0, cost_usd: 0 },
    why: source.why,
  };
}

function usageOf({ provider }: Choice, model: string | null, usage: Usage): DiagDocument["usage"] {
  const { inputTokens, outputTokens } = usage;
  const isSpent = inputTokens + outputTokens > 0;
  const cost = isSpent ? costUsd(provider, model ?? "", usage) : 0;
  return { input_tokens: inputTokens, output_tokens: outputTokens, cost_usd: cost };
}

const MAX_MODEL_NAME = 256;

function wishOf({ provider, model, baseUrl }: VerbOptions, say: Sentences) {
  const isName = model === undefined || /^[\x21-\x7e]+$/.test(String(model).slice(0, MAX_MODEL_NAME + 1));
  if (!isName || String(model).length > MAX_MODEL_NAME)
    throw new XctlError("usage", say.diag.badModel, say.cli.seeHelp);
  return {
    ...(provider === undefined ? {} : { provider: String(provider) }),
    ...(model === undefined ? {} : { model: String(model) }),
    ...(baseUrl === undefined ? {} : { baseUrl: String(baseUrl) }),
  };
}
