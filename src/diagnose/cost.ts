/** What an answer cost, by the list prices of the day they were looked up. An estimate: contracts and caches differ. */
import { knownModel } from "./providers/models.ts";
import type { Provider } from "./providers/choose.ts";

export interface Usage {
  inputTokens: number;
  outputTokens: number;
}

/**
 * Null where the model's price is not known, or where that of a long request may have been asked: the usage is of all
 * requests together, so which one was long is not known either. A model of one's own costs nothing by the token.
 */
export function costUsd(provider: Provider, model: string, { inputTokens, outputTokens }: Usage): number | null {
  if (provider === "local") return 0;
  const { usdPerMillionTokens: price, pricedUpToTokens = Infinity } = knownModel(model) ?? {};
  if (price === undefined || inputTokens > pricedUpToTokens) return null;
  return (inputTokens * price.input + outputTokens * price.output) / 1_000_000;
}
