/** One question to a model and its answer as text: timed, retried where that helps, with a schema where the server knows one. */
import { answerOutput } from "./answer-schema.ts";
import { Failure, failureOf } from "./failure.ts";
import { roughTokens } from "./prompt.ts";
import type { Choice } from "./providers/choose.ts";
import { guardedFetch } from "./providers/guarded-fetch.ts";
import { languageModel, type ConcreteModel } from "./providers/language-model.ts";
import { knownModel } from "./providers/models.ts";
import { broken, reply, type Reply } from "./reply.ts";
import { withRetries } from "./retry.ts";

export interface Question {
  system: string;
  user: string;
  maxOutputTokens: number;
}

export interface AskOptions {
  timeoutMs: number;
  /** Where somebody watches: the answer comes in pieces, and this hears how many tokens there are so far. */
  onTokens?: (tokens: number) => void;
  /** Aborted by the user. */
  signal: AbortSignal;
  fetch?: typeof fetch;
}

/** Throws Failure, also where the signal aborts. */
export async function ask(choice: Choice, model: string, question: Question, options: AskOptions): Promise<Reply> {
  const clock = new Clock(options);
  try {
    const asked = await languageModel(choice, model, options.fetch ?? guardedFetch);
    const deadlineMs = performance.now() + options.timeoutMs;
    const attempt = (): Promise<Reply> => withOrWithoutSchema(asked, question, options, clock, choice.key);
    return await withRetries(attempt, { deadlineMs, signal: clock.signal, key: choice.key });
  } catch (thrown) {
    throw failureOf(thrown, choice.key);
  } finally {
    clock.stop();
  }
}

const NOT_UNDERSTOOD: ReadonlySet<number | undefined> = new Set([400, 415, 422]);

/** Servers that do not know `response_format` refuse the request; the instructions alone then have to do. */
async function withOrWithoutSchema(
  model: ConcreteModel,
  question: Question,
  options: AskOptions,
  clock: Clock,
  key: string | undefined,
): Promise<Reply> {
  try {
    return await exchange(model, question, options, clock, key, true);
  } catch (thrown) {
    if (!NOT_UNDERSTOOD.has(failureOf(thrown, key).status)) throw thrown;
    return exchange(model, question, options, clock, key, false);
  }
}

async function exchange(
  model: ConcreteModel,
  { system, user, maxOutputTokens }: Question,
  { onTokens }: AskOptions,
  clock: Clock,
  key: string | undefined,
  withSchema: boolean,
): Promise<Reply> {
  const { generateText, streamText } = await import("ai");
  globalThis.AI_SDK_LOG_WARNINGS = false;
  const settings = {
    model,
    instructions: system,
    prompt: user,
    maxOutputTokens,
    maxRetries: 0,
    abortSignal: clock.signal,
    ...(withSchema ? { output: await answerOutput() } : {}),
    ...(withSchema && knownModel(model.modelId)?.thinks === true ? { reasoning: "low" as const } : {}),
  };
  if (onTokens === undefined) {
    const { text, finishReason, usage } = await generateText(settings);
    return reply(text, finishReason, usage, settings);
  }
  clock.expectFirstToken();
  const { stream } = streamText({ ...settings, onError: () => {} });
  let text = "";
  let thinking = "";
  try {
    for await (const part of stream) {
      if (part.type === "error") throw part.error;
      if (part.type === "abort") throw clock.signal.reason;
      if (part.type === "reasoning-delta") thinking += part.text;
      if (part.type === "text-delta") text += part.text;
      if (part.type === "text-delta" || part.type === "reasoning-delta") {
        clock.gotFirstToken();
        onTokens(roughTokens(thinking) + roughTokens(text));
      }
      // A stream may end in order and still lack its end: then nobody said why the model stopped.
      if (part.type === "finish" && part.rawFinishReason === undefined) break;
      if (part.type === "finish") return reply(text, part.finishReason, part.totalUsage, settings);
    }
    throw new Failure("cut");
  } catch (thrown) {
    throw text + thinking === "" ? thrown : broken(thrown, thinking + text, settings, key);
  }
}

/** The time that a question has. What is aborted, is so with the Failure that says why. */
class Clock {
  readonly signal: AbortSignal;
  readonly #timeoutMs: number;
  readonly #controller = new AbortController();
  readonly #total: NodeJS.Timeout;
  #firstToken: NodeJS.Timeout | undefined;

  constructor({ timeoutMs, signal }: AskOptions) {
    this.#timeoutMs = timeoutMs;
    this.signal = AbortSignal.any([signal, this.#controller.signal]);
    this.#total = setTimeout(() => this.#abort("timed_out", timeoutMs), timeoutMs);
  }

  /** Half of the time: who has not begun by then will hardly finish. */
  expectFirstToken(): void {
    clearTimeout(this.#firstToken);
    const firstMs = this.#timeoutMs / 2;
    this.#firstToken = setTimeout(() => this.#abort("no_first_token", firstMs), firstMs);
  }

  gotFirstToken(): void {
    clearTimeout(this.#firstToken);
  }

  stop(): void {
    clearTimeout(this.#total);
    clearTimeout(this.#firstToken);
  }

  #abort(kind: "timed_out" | "no_first_token", afterMs: number): void {
    this.#controller.abort(new Failure(kind, [String(afterMs / 1000)]));
  }
}
