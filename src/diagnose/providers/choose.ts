/**
 * Which model is asked, where, and with whose key: from the command line and the environment. Pure; it asks nobody.
 * The key stays in this value and in the request's header, nowhere else.
 */
import { XctlError } from "../../lib/errors.ts";
import { sentencesOf } from "../../views/sentences/index.ts";
import type { Lang } from "../../views/language.ts";
import { Failure } from "../failure.ts";
import { DEFAULT_MODELS } from "./models.ts";

const PROVIDERS = ["openai", "claude", "local", "none"] as const;
export type Provider = Exclude<(typeof PROVIDERS)[number], "none">;

export interface Choice {
  provider: Provider;
  /** With its version, without a slash at its end: `https://api.openai.com/v1`. */
  baseUrl: string;
  /** Undefined for a local server: the first that it lists. */
  model: string | undefined;
  key: string | undefined;
}

export interface Wish {
  provider?: string;
  model?: string;
  baseUrl?: string;
}

type Environment = Record<string, string | undefined>;

const BASE_URLS: Record<Provider, string> = {
  openai: "https://api.openai.com/v1",
  claude: "https://api.anthropic.com/v1",
  local: "http://127.0.0.1:11434/v1",
};

const BASE_URL_VARIABLES = {
  openai: "OPENAI_BASE_URL",
  claude: "ANTHROPIC_BASE_URL",
  local: "OPENAI_BASE_URL",
} as const satisfies Record<Provider, string>;

/** A local server's key is one of its own: OpenAI's is not handed to whatever listens on a port. */
export const KEY_VARIABLES = {
  openai: "OPENAI_API_KEY",
  claude: "ANTHROPIC_API_KEY",
  local: "XCTL_LLM_API_KEY",
} as const satisfies Record<Provider, string>;

/**
 * "none" where it was asked for, "unset" where nothing was asked for and no key is there. Throws XctlError for a wrong
 * name or URL; a key that is missing is found by `checkKey`, since a dry run needs none.
 */
export function choose(wish: Wish, env: Environment, lang: Lang): Choice | "none" | "unset" {
  const provider = providerOf(wish.provider ?? setting(env, "XCTL_LLM_PROVIDER"), env, lang);
  if (provider === "none" || provider === "unset") return provider;
  return {
    provider,
    baseUrl: baseUrlOf(provider, wish.baseUrl ?? setting(env, BASE_URL_VARIABLES[provider]), lang),
    model:
      wish.model ?? setting(env, "XCTL_LLM_MODEL") ?? (provider === "local" ? undefined : DEFAULT_MODELS[provider]),
    key: setting(env, KEY_VARIABLES[provider]),
  };
}

/** Throws Failure where the request could only be refused, or not even be sent. */
export function checkKey({ provider, key }: Choice): void {
  const variable = KEY_VARIABLES[provider];
  if (key === undefined && provider !== "local") throw new Failure("no_key", [variable]);
  // What a header cannot hold would come back in an error's text.
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key)) throw new Failure("bad_key", [variable]);
}

function providerOf(asked: string | undefined, env: Environment, lang: Lang): Provider | "none" | "unset" {
  if (asked === undefined) {
    if (setting(env, KEY_VARIABLES.claude) !== undefined) return "claude";
    return setting(env, KEY_VARIABLES.openai) === undefined ? "unset" : "openai";
  }
  const found = PROVIDERS.find((name) => name === asked);
  if (found !== undefined) return found;
  throw new XctlError("usage", sentencesOf(lang).diag.badProvider(asked), PROVIDERS.join(", "));
}

/**
 * OpenAI's own variable holds the version (`…/v1`), Anthropic's does not, and people write either: a URL without a path
 * gets it, and for Claude any that lacks it. Credentials in a URL would be shown with it.
 */
function baseUrlOf(provider: Provider, text: string | undefined, lang: Lang): string {
  if (text === undefined) return BASE_URLS[provider];
  const url = URL.parse(text);
  const isUsable =
    url !== null && /^https?:$/.test(url.protocol) && `${url.username}${url.password}${url.search}` === "";
  if (!isUsable) {
    const { badBaseUrl, baseUrlShape } = sentencesOf(lang).diag;
    throw new XctlError("usage", badBaseUrl, baseUrlShape);
  }
  const path = url.pathname.replace(/\/+$/, "");
  const isVersioned = provider === "claude" ? path.endsWith("/v1") : path !== "";
  return `${url.origin}${path}${isVersioned ? "" : "/v1"}`;
}

function setting(env: Environment, name: string): string | undefined {
  const value = env[name]?.trim();
  return value === "" ? undefined : value;
}
