/** What a model is asked: the prompt and the answer's shape, within the tokens that one call may take. */
import type { Lang } from "../views/language.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import { ANSWER_SHAPE } from "./answer-schema.ts";
import type { Question } from "./ask.ts";
import type { CaseFile } from "./case.ts";
import type { Objection } from "./check.ts";
import { Failure } from "./failure.ts";
import { prompt, roughTokens } from "./prompt.ts";
import { answerTokens } from "./tokens.ts";

/**
 * `objections` to a first answer go along with the same question: the answer itself does not, for it may hold what a
 * log line talked the model into. Throws Failure where the case does not fit.
 */
export function questionOf(
  file: CaseFile,
  lang: Lang,
  tokensPerCall: number,
  objections: readonly Objection[],
): Question {
  const { system, user } = prompt(file, lang);
  const question: Question = {
    system: `${system}\n\n${ANSWER_SHAPE}`,
    user: objections.length === 0 ? user : `${user}\n\n${correction(objections)}`,
    maxOutputTokens: answerTokens(tokensPerCall),
  };
  const tokens = roughTokens(question.system) + roughTokens(question.user) + question.maxOutputTokens;
  if (tokens > tokensPerCall) throw new Failure("token_limit", [String(tokens), String(tokensPerCall)]);
  return question;
}

const MAX_OBJECTIONS = 8;

function correction(objections: readonly Objection[]): string {
  const say = sentencesOf("en").diag.objections;
  const reasons = objections
    .slice(0, MAX_OBJECTIONS)
    .map(({ kind, subject }) => `- ${say[kind](JSON.stringify(subject))}`);
  return `An earlier answer to this was refused:\n${reasons.join("\n")}\nAnswer again, from the case alone.`;
}
