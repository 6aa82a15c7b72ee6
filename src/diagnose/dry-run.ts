/** The request that would be made, taken from where it would leave: what is shown is what is sent, without the key. */
import { ask, type Question } from "./ask.ts";
import type { Choice } from "./providers/choose.ts";

export interface PlannedRequest {
  url: string;
  body: Record<string, unknown>;
}

/** `streams`: as it would be asked on a terminal. */
export async function plannedRequest(
  choice: Choice,
  model: string,
  question: Question,
  streams: boolean,
): Promise<PlannedRequest> {
  let planned: PlannedRequest | undefined;
  const keep: typeof fetch = async (url, init) => {
    planned = { url: String(url), body: JSON.parse(String(init?.body)) as Record<string, unknown> };
    throw new Error("a dry run sends nothing");
  };
  const onTokens = streams ? () => {} : undefined;
  const options = { timeoutMs: LONG_ENOUGH_MS, signal: new AbortController().signal, onTokens, fetch: keep };
  // The key has no part in the body.
  await ask({ ...choice, key: "-" }, model, question, options).catch(() => {});
  if (planned === undefined) throw new Error("no request was made");
  return planned;
}

const LONG_ENOUGH_MS = 10_000;
