/** How the tokens that one call may take are shared out between the case, the instructions and the answer. */

/** A report takes some hundred; a model that thinks first takes its thoughts out of the same. Many refuse more. */
const MAX_ANSWER_TOKENS = 16_384;
/** The task, the answer's shape and what was wrong with a first answer. */
const INSTRUCTION_TOKENS = 2_000;

/** What is left of a call's tokens for the case file. */
export function caseTokens(tokensPerCall: number): number {
  return tokensPerCall - answerTokens(tokensPerCall) - INSTRUCTION_TOKENS;
}

export function answerTokens(tokensPerCall: number): number {
  return Math.min(Math.floor(tokensPerCall / 4), MAX_ANSWER_TOKENS);
}
