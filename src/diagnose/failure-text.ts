/** A failure in the reader's words: what happened, and the next step. */
import type { Lang } from "../views/language.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import { printable } from "../lib/text.ts";
import type { Failure } from "./failure.ts";
import { MAX_TIMEOUT_S, MAX_TOKENS_PER_CALL, type Limits } from "./limits.ts";
import { KEY_VARIABLES, type Choice } from "./providers/choose.ts";

export interface Asked {
  pid: number;
  /** Undefined where nobody would be asked; then no failure speaks of a server. */
  choice: Choice | undefined;
  limits: Limits;
}

export function failureText(
  { kind, details, status, retryAfterMs }: Failure,
  { pid, choice, limits: { timeoutMs, tokensPerCall } }: Asked,
  lang: Lang,
): readonly [message: string, next: string] {
  const { provider = "local", baseUrl = "", model = "" } = choice ?? {};
  const [first = "", second = ""] = details;
  return sentencesOf(lang).diag.failures[kind]({
    first,
    second,
    status,
    url: baseUrl,
    model: printable(model).slice(0, 100),
    keyVariable: KEY_VARIABLES[provider],
    listModels: LIST_MODELS[provider](`${baseUrl}/models`),
    retryAfterS: retryAfterMs === undefined || retryAfterMs === 0 ? null : Math.ceil(retryAfterMs / 1000),
    isLocal: provider === "local",
    again: `xctl diag ${pid}`,
    moreTimeS: Math.min((timeoutMs / 1000) * MORE, MAX_TIMEOUT_S),
    moreTokens: Math.min(tokensPerCall * MORE, MAX_TOKENS_PER_CALL),
  });
}

/** What did not suffice is rarely far off. */
const MORE = 3;

/** The shell puts the key in, so that it is not shown. */
const LIST_MODELS: Record<Choice["provider"], (url: string) => string> = {
  openai: (url) => `curl -s -H "Authorization: Bearer $OPENAI_API_KEY" ${url}`,
  claude: (url) => `curl -s -H "x-api-key: $ANTHROPIC_API_KEY" -H "anthropic-version: 2023-06-01" ${url}`,
  local: (url) => `curl -s ${url}`,
};
