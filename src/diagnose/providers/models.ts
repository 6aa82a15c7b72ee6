/** The models that are asked by default, and what the known ones cost. The one place to change when a provider retires one. */

/** When the ids and prices were read from developers.openai.com/api/docs/models and platform.claude.com/docs/en/models. */
export const PRICES_AS_OF = "2026-11-22";

export interface KnownModel {
  usdPerMillionTokens: { input: number; output: number };
  /** A request with more input than this is all charged at a higher price. */
  pricedUpToTokens?: number;
  /** It thinks before it answers unless told how much; a case that fits on a page needs little of that. */
  thinks: boolean;
}

/** Each provider's small current model. */
export const DEFAULT_MODELS = { openai: "gpt-6-luna", claude: "claude-haiku-5-5" } as const;

/** What OpenAI calls a short context. */
const OPENAI_SHORT = 272_000;

const KNOWN: Readonly<Record<string, KnownModel>> = {
  "gpt-6-luna": { usdPerMillionTokens: { input: 0.1, output: 0.5 }, pricedUpToTokens: OPENAI_SHORT, thinks: true },
  "gpt-6-sol": { usdPerMillionTokens: { input: 2, output: 10 }, pricedUpToTokens: OPENAI_SHORT, thinks: true },
  "gpt-6-astra": { usdPerMillionTokens: { input: 10, output: 50 }, pricedUpToTokens: OPENAI_SHORT, thinks: true },
  "gpt-5.6-luna": { usdPerMillionTokens: { input: 0.2, output: 1.2 }, pricedUpToTokens: OPENAI_SHORT, thinks: true },
  "gpt-5.6-terra": { usdPerMillionTokens: { input: 2, output: 12 }, pricedUpToTokens: OPENAI_SHORT, thinks: true },
  "gpt-5.6-sol": { usdPerMillionTokens: { input: 4, output: 20 }, pricedUpToTokens: OPENAI_SHORT, thinks: true },
  "claude-haiku-5-5": { usdPerMillionTokens: { input: 0.1, output: 0.5 }, pricedUpToTokens: 100_000, thinks: true },
  "claude-sonnet-5-5": { usdPerMillionTokens: { input: 2, output: 10 }, thinks: true },
  "claude-opus-5-5": { usdPerMillionTokens: { input: 4, output: 20 }, thinks: true },
  "claude-haiku-4-5": { usdPerMillionTokens: { input: 1, output: 5 }, thinks: false },
};

/** Also by the id of a dated snapshot: `gpt-6-luna-2026-09-22`, `claude-haiku-4-5-20251001`. */
export function knownModel(id: string): KnownModel | undefined {
  const name = id.replace(/-\d{4}-?\d{2}-?\d{2}$/, "");
  return Object.hasOwn(KNOWN, name) ? KNOWN[name] : undefined;
}
