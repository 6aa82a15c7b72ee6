/** `xctl diag PID --dry-run`: what would be sent, wholly, and nothing is. */
import type { Question } from "../diagnose/ask.ts";
import type { CaseFile } from "../diagnose/case.ts";
import { plannedRequest } from "../diagnose/dry-run.ts";
import { Failure } from "../diagnose/failure.ts";
import { failureText } from "../diagnose/failure-text.ts";
import type { Limits } from "../diagnose/limits.ts";
import type { Choice } from "../diagnose/providers/choose.ts";
import { questionOf } from "../diagnose/question.ts";
import { XctlError } from "../lib/errors.ts";
import { promptPart, requestText } from "../views/diag.ts";
import type { Lang } from "../views/language.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import { canShowProgress } from "./progress.ts";
import { printJson, type Terminal } from "./terminal.ts";

/** With `json`: `{"url","body"}`, the body as it would leave. Without a model to ask, the prompt alone. */
export async function showPlan(
  file: CaseFile,
  choice: Choice | "none" | "unset",
  limits: Limits,
  json: boolean,
  terminal: Terminal,
): Promise<void> {
  const { style } = terminal;
  const say = sentencesOf(style.lang).diag;
  const nobody = choice === "none" || choice === "unset";
  const question = fitting(file, nobody ? undefined : choice, limits, style.lang);
  if (nobody) {
    const { system, user } = question;
    terminal.err(`[xctl] ${choice === "none" ? say.nothingSent : say.nothingSetUp}`);
    if (json) printJson(terminal, { url: null, body: null, system, user });
    else terminal.out([promptPart("system", system, style), promptPart("user", user, style)].join("\n\n"));
    return;
  }
  const model = choice.model ?? say.firstListed(`${choice.baseUrl}/models`);
  const { url, body } = await plannedRequest(choice, model, question, canShowProgress(terminal));
  if (json) printJson(terminal, { url, body });
  else terminal.out(requestText(url, body, style));
  terminal.err(`[xctl] ${say.dryRun}`);
}

function fitting(file: CaseFile, choice: Choice | undefined, limits: Limits, lang: Lang): Question {
  try {
    return questionOf(file, lang, limits.tokensPerCall, []);
  } catch (thrown) {
    if (!(thrown instanceof Failure)) throw thrown;
    throw new XctlError("failed", ...failureText(thrown, { pid: file.why.process.pid, choice, limits }, lang));
  }
}
