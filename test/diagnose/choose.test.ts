/** Which model is asked and where, and what it costs. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { costUsd } from "../../src/diagnose/cost.ts";
import { failureOf, safeWords } from "../../src/diagnose/failure.ts";
import { choose, type Wish } from "../../src/diagnose/providers/choose.ts";
import { DEFAULT_MODELS, knownModel, PRICES_AS_OF } from "../../src/diagnose/providers/models.ts";
import { XctlError } from "../../src/lib/errors.ts";

type Chosen = string | [provider: string, baseUrl: string, model: string | undefined, key: string | undefined];
const { openai, claude } = DEFAULT_MODELS;
const OPENAI = "https://api.openai.com/v1";
const ANTHROPIC = "https://api.anthropic.com/v1";
const OLLAMA = "http://127.0.0.1:11434/v1";

const CHOICES: [what: string, wish: Wish, env: Record<string, string>, chosen: Chosen][] = [
  ["nothing set up", {}, {}, "unset"],
  ["empty is not set", {}, { OPENAI_API_KEY: " ", XCTL_LLM_PROVIDER: "" }, "unset"],
  ["none asked for", { provider: "none" }, { OPENAI_API_KEY: "k" }, "none"],
  ["none by the environment", {}, { XCTL_LLM_PROVIDER: "none", OPENAI_API_KEY: "k" }, "none"],
  ["by OpenAI's key", {}, { OPENAI_API_KEY: "k" }, ["openai", OPENAI, openai, "k"]],
  ["by Anthropic's key first", {}, { OPENAI_API_KEY: "k", ANTHROPIC_API_KEY: "a" }, ["claude", ANTHROPIC, claude, "a"]],
  [
    "the variable before the keys",
    {},
    { XCTL_LLM_PROVIDER: "local", OPENAI_API_KEY: "k" },
    ["local", OLLAMA, undefined, undefined],
  ],
  [
    "the option before all",
    { provider: "openai" },
    { XCTL_LLM_PROVIDER: "local", ANTHROPIC_API_KEY: "a" },
    ["openai", OPENAI, openai, undefined],
  ],
  ["a model by the environment", {}, { OPENAI_API_KEY: "k", XCTL_LLM_MODEL: "m" }, ["openai", OPENAI, "m", "k"]],
  ["a model by the option", { model: "n" }, { OPENAI_API_KEY: "k", XCTL_LLM_MODEL: "m" }, ["openai", OPENAI, "n", "k"]],
  [
    "OpenAI's other address",
    {},
    { OPENAI_API_KEY: "k", OPENAI_BASE_URL: "http://h:1/api/" },
    ["openai", "http://h:1/api", openai, "k"],
  ],
  [
    "Anthropic's, without a version",
    {},
    { ANTHROPIC_API_KEY: "a", ANTHROPIC_BASE_URL: "https://h/proxy" },
    ["claude", "https://h/proxy/v1", claude, "a"],
  ],
  [
    "Anthropic's, with one",
    { baseUrl: "https://h/v1/" },
    { ANTHROPIC_API_KEY: "a" },
    ["claude", "https://h/v1", claude, "a"],
  ],
  [
    "a local one without a path",
    { provider: "local", baseUrl: "http://[::1]:8000" },
    {},
    ["local", "http://[::1]:8000/v1", undefined, undefined],
  ],
  [
    "a local one is not handed OpenAI's key",
    { provider: "local" },
    { OPENAI_API_KEY: "k", XCTL_LLM_API_KEY: "own" },
    ["local", OLLAMA, undefined, "own"],
  ],
];

for (const [what, wish, env, chosen] of CHOICES) {
  test(`chosen: ${what}`, () => {
    const choice = choose(wish, env, "en");
    assert.deepEqual(
      typeof choice === "string" ? choice : [choice.provider, choice.baseUrl, choice.model, choice.key],
      chosen,
    );
  });
}

test("a wrong name or address is wrong usage, and what may hold a password is not repeated", () => {
  assert.match(refusalOf({ provider: "gpt" }), /gpt.*openai, claude, local, none/);
  for (const baseUrl of ["h", "ftp://h", "file:///etc", "http://me:hunter2@h/v1", "http://h/v1?key=hunter2", ""]) {
    assert.doesNotMatch(refusalOf({ provider: "local", baseUrl }), /hunter2/);
  }
});

test("a cost is told where the price is known, by any snapshot of the model", () => {
  const usage = { inputTokens: 100_000, outputTokens: 10_000 };
  for (const model of Object.values(DEFAULT_MODELS)) assert.ok(knownModel(model) !== undefined, model);
  assert.equal(costUsd("openai", openai, usage), 0.015);
  assert.equal(costUsd("openai", `${openai}-2026-09-22`, usage), 0.015);
  assert.equal(costUsd("claude", "claude-haiku-4-5-20251001", usage), 0.15);
  assert.equal(costUsd("openai", "toString", usage), null);
  assert.equal(costUsd("local", "anything", usage), 0);
});

test("no cost is told where a long request is charged more", () => {
  assert.equal(costOf("claude-haiku-5-5", 100_000), 0.01);
  assert.equal(costOf("claude-haiku-5-5", 100_001), null);
  assert.equal(costOf("gpt-6-luna", 272_000), 0.0272);
  assert.equal(costOf("gpt-6-luna-2026-09-22", 272_001), null);
  assert.equal(costOf("claude-sonnet-5-5", 1_000_000), 2);
});

test("docs/diag.md names the models, their prices and the day they were looked up", () => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", "diag.md"), "utf8");
  assert.ok(text.includes(PRICES_AS_OF));
  for (const model of Object.values(DEFAULT_MODELS)) {
    const { input, output } = knownModel(model)?.usdPerMillionTokens ?? { input: Number.NaN, output: Number.NaN };
    assert.match(text, new RegExp(`\\| \`${model}\` +\\| ${input.toFixed(2)}, ${output.toFixed(2)} +\\|`));
  }
});

test("the key is taken out of whatever a server says, and its words are one short line", () => {
  const key = "sk-proj-abcdefghijklmnop";
  assert.equal(safeWords(`bad key ${key}!`, key), "bad key ***!");
  assert.equal(
    safeWords("Incorrect API key provided: sk-pr***************mnop.", key),
    "Incorrect API key provided: ***",
  );
  assert.equal(safeWords("a\u001b[2J\nb", undefined), "a?[2J b");
  assert.ok(safeWords("x".repeat(10_000), undefined).length <= 300);
  const thrown = Object.assign(new Error(`status for ${key}`), { statusCode: 401, cause: new Error(key) });
  assert.doesNotMatch(JSON.stringify(failureOf(thrown, key)), /sk-proj/);
});

test("Retry-After is read as seconds and as a date", () => {
  assert.equal(retryAfterOf("2"), 2000);
  const date = retryAfterOf(new Date(Date.now() + 60_000).toUTCString());
  assert.ok(date !== undefined && date > 30_000 && date <= 60_000);
  assert.equal(retryAfterOf("Thu, 01 Jan 1970 00:00:00 GMT"), 0);
  assert.equal(retryAfterOf("soon"), undefined);
});

function refusalOf(wish: Wish): string {
  try {
    choose(wish, {}, "en");
  } catch (error) {
    assert.ok(error instanceof XctlError && error.code === "usage");
    return `${error.message} ${error.hint}`;
  }
  return assert.fail("it was taken");
}

function costOf(model: string, inputTokens: number): number | null {
  return costUsd("claude", model, { inputTokens, outputTokens: 0 });
}

function retryAfterOf(value: string): number | undefined {
  const responseHeaders = { "retry-after": value };
  return failureOf(Object.assign(new Error("x"), { statusCode: 429, responseHeaders }), undefined).retryAfterMs;
}
