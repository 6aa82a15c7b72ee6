/** What came of a question: a text that can be used, or the reason why there is none; and the tokens, paid for either way. */
import type { Usage } from "./cost.ts";
import { Failure, failureOf } from "./failure.ts";
import { roughTokens } from "./prompt.ts";

export interface Reply {
  text: string;
  usage: Usage;
}

export interface Sent {
  instructions: string;
  prompt: string;
  maxOutputTokens: number;
}

interface ReportedUsage {
  inputTokens: number | undefined;
  outputTokens: number | undefined;
}

/** Throws Failure. A server that does not count has its tokens estimated. */
export function reply(text: string, finishReason: string, { inputTokens, outputTokens }: ReportedUsage, sent: Sent) {
  const estimate = estimated(text, sent);
  const usage = {
    inputTokens: inputTokens || estimate.inputTokens,
    outputTokens: outputTokens || estimate.outputTokens,
  };
  if (finishReason === "content-filter") throw new Failure("content_refused", [], { usage });
  if (finishReason === "length") throw new Failure("answer_limit", [String(sent.maxOutputTokens)], { usage });
  if (finishReason === "error") throw new Failure("cut", [], { usage });
  if (text.trim() === "") throw new Failure("empty", [], { usage });
  return { text, usage } satisfies Reply;
}

/** Of an answer that failed after this much of it had come. */
export function broken(thrown: unknown, text: string, sent: Sent, key: string | undefined): Failure {
  const { kind, details, status, usage = estimated(text, sent) } = failureOf(thrown, key);
  return new Failure(kind, details, { status, usage });
}

function estimated(text: string, { instructions, prompt }: Sent): Usage {
  return { inputTokens: roughTokens(instructions) + roughTokens(prompt), outputTokens: roughTokens(text) };
}
