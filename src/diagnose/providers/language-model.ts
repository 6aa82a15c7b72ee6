/** A choice as the AI SDK's model. The SDK is loaded here and in ask.ts only, when a model is really asked. */
import type { LanguageModel } from "ai";
import type { Choice } from "./choose.ts";

export type ConcreteModel = Exclude<LanguageModel, string>;

export async function languageModel(choice: Choice, model: string, request: typeof fetch): Promise<ConcreteModel> {
  const { provider, baseUrl, key } = choice;
  if (provider === "claude") {
    const { createAnthropic } = await import("@ai-sdk/anthropic");
    return createAnthropic({ baseURL: baseUrl, apiKey: key ?? "", fetch: request })(model);
  }
  const { createOpenAICompatible } = await import("@ai-sdk/openai-compatible");
  const server = createOpenAICompatible({
    name: provider,
    baseURL: baseUrl,
    apiKey: key,
    fetch: request,
    includeUsage: true,
    supportsStructuredOutputs: true,
    ...(provider === "openai" ? { transformRequestBody: withCompletionTokens } : {}),
  });
  return server(model);
}

/** OpenAI's models that think refuse `max_tokens`; what speaks its API elsewhere often knows no other name. */
function withCompletionTokens({ max_tokens, ...body }: Record<string, unknown>): Record<string, unknown> {
  return { ...body, max_completion_tokens: max_tokens };
}
