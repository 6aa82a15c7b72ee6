/** A model is asked over its real protocol, streamed and not, and every way in which that goes wrong is told apart. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { diagnose, type Outcome } from "../../src/diagnose/diagnose.ts";
import type { FailureKind } from "../../src/diagnose/failure.ts";
import type { Choice } from "../../src/diagnose/providers/choose.ts";
import { modelServer, nobody, type Step } from "./model-server.ts";
import { CASE, GOOD, WRONG } from "./stuck-case.ts";

const KEY = "sk-test-0123456789abcdefghij";
const PROVIDERS = ["openai", "claude", "local"] as const;
const MODELS = { openai: "gpt-6-luna", claude: "claude-haiku-5-5", local: "qwen3:4b" };

interface Asked {
  streams?: boolean;
  timeoutMs?: number;
  callsPerHour?: number;
  tokensPerCall?: number;
  tokens?: number[];
}

for (const provider of PROVIDERS) {
  for (const streams of [true, false]) {
    const how = `${provider}, ${streams ? "streamed" : "in one piece"}`;

    test(`${how}: an answer that the case bears out is taken`, async (t) => {
      const server = await modelServer(t, [{ says: GOOD }]);
      const tokens: number[] = [];
      const outcome = await asked(t, choiceOf(provider, server.url), { streams, tokens });
      assert.deepEqual(outcome.report, GOOD);
      assert.deepEqual([outcome.objections, outcome.failure], [[], undefined]);
      assert.deepEqual(outcome.usage, { inputTokens: 1234, outputTokens: 56 });
      assert.equal(server.requests.length, 1);
      assert.equal(server.requests[0]?.body.stream === true, streams);
      assert.equal(server.requests[0]?.path, provider === "claude" ? "/v1/messages" : "/v1/chat/completions");
      assert.equal(tokens.length > 1, streams, "progress is told where somebody watches");
      assert.deepEqual(
        tokens,
        tokens.toSorted((a, b) => a - b),
      );
    });

    test(`${how}: a wrong citation is named to the model, and the second answer taken`, async (t) => {
      const server = await modelServer(t, [{ says: WRONG }, { says: GOOD }]);
      const outcome = await asked(t, choiceOf(provider, server.url), { streams });
      assert.deepEqual([outcome.report, outcome.objections], [GOOD, []]);
      assert.deepEqual(outcome.usage, { inputTokens: 2468, outputTokens: 112 }, "both answers are paid for");
      const [first, second] = server.requests.map(({ body }) => JSON.stringify(body));
      assert.doesNotMatch(first ?? "", /pid-99/);
      assert.match(second ?? "", /pid-99/);
    });

    test(`${how}: an answer that is wrong twice is shown with what is wrong`, async (t) => {
      const server = await modelServer(t, [{ says: WRONG }]);
      const outcome = await asked(t, choiceOf(provider, server.url), { streams });
      assert.deepEqual(
        outcome.objections.map(({ kind, subject }) => [kind, subject]),
        [["foreign_entity", "pid-99"]],
      );
      assert.deepEqual(outcome.report?.cited, ["pid-12"]);
      assert.equal(server.requests.length, 2);
    });

    test(`${how}: a stream or body that is cut off`, async (t) => {
      const server = await modelServer(t, [{ dies: "midway", after: '{"root_cause":"pro' }]);
      const outcome = await asked(t, choiceOf(provider, server.url), { streams });
      assert.equal(outcome.report, undefined);
      assert.deepEqual([outcome.failure?.kind, server.requests.length], ["cut", 1]);
      assert.equal(outcome.usage.inputTokens > 0, streams, "what has begun is paid for");
    });

    test(`${how}: an empty answer, one that is cut short, and a refusal`, async (t) => {
      const [length, refusal] = provider === "claude" ? ["max_tokens", "refusal"] : ["length", "content_filter"];
      assert.equal(await failureOf(t, provider, streams, { says: "" }), "empty");
      assert.equal(await failureOf(t, provider, streams, { says: '{"root', finish: length }), "answer_limit");
      assert.equal(await failureOf(t, provider, streams, { says: "No.", finish: refusal }), "content_refused");
    });

    test(`${how}: what is not JSON is asked for again, and then given up`, async (t) => {
      const server = await modelServer(t, [{ says: "I think that holder is stopped." }]);
      const outcome = await asked(t, choiceOf(provider, server.url), { streams });
      assert.deepEqual([outcome.report, outcome.failure?.kind, server.requests.length], [undefined, "not_json", 2]);
      assert.equal(outcome.usage.outputTokens, 112);
      const later = await modelServer(t, [{ says: "Let me think." }, { says: GOOD }]);
      assert.deepEqual((await asked(t, choiceOf(provider, later.url), { streams })).report, GOOD);
    });

    test(`${how}: who is refused is told why, and is not asked again`, async (t) => {
      const refusals: [number, unknown, FailureKind][] = [
        [401, { error: { message: `Incorrect API key provided: ${KEY}` } }, "unauthorized"],
        [403, { error: { message: "not allowed" } }, "unauthorized"],
        [404, { error: { message: "no such model" } }, "unknown_model"],
        [402, { error: { message: "pay first" } }, "no_credit"],
        [429, { error: { message: "quota", type: "insufficient_quota", code: "insufficient_quota" } }, "no_credit"],
        [302, {}, "redirected"],
      ];
      for (const [status, body, kind] of refusals) {
        const server = await modelServer(t, [{ status, body, headers: { location: "http://127.0.0.1:9/" } }]);
        const { failure } = await asked(t, choiceOf(provider, server.url), { streams });
        assert.deepEqual([failure?.kind, failure?.status], [kind, status]);
        assert.equal(server.requests.length, 1, String(status));
        assert.doesNotMatch(JSON.stringify(failure), new RegExp(KEY));
      }
    });

    test(`${how}: what waiting helps is tried again, not more than twice`, async (t) => {
      const later = await modelServer(t, [
        { status: 429, headers: { "retry-after": "1" } },
        { status: 500 },
        { says: GOOD },
      ]);
      const startMs = performance.now();
      assert.deepEqual((await asked(t, choiceOf(provider, later.url), { streams })).report, GOOD);
      assert.ok(performance.now() - startMs >= 1000, "Retry-After is honoured");
      assert.equal(later.requests.length, 3);
      const never = await modelServer(t, [{ status: 503, headers: { "retry-after": "0" } }]);
      const { failure } = await asked(t, choiceOf(provider, never.url), { streams });
      assert.deepEqual([failure?.kind, failure?.status, never.requests.length], ["server_error", 503, 3]);
      const reset = await modelServer(t, [{ dies: "at once" }, { says: GOOD }]);
      assert.deepEqual((await asked(t, choiceOf(provider, reset.url), { streams })).report, GOOD);
    });

    test(`${how}: a wait that is longer than there is time for is not begun`, async (t) => {
      const server = await modelServer(t, [{ status: 429, headers: { "retry-after": "3600" } }]);
      const { failure } = await asked(t, choiceOf(provider, server.url), { streams });
      assert.deepEqual([failure?.kind, failure?.retryAfterMs, server.requests.length], ["rate_limited", 3_600_000, 1]);
    });

    test(`${how}: no answer in time`, async (t) => {
      const server = await modelServer(t, [{ hangs: true }]);
      const { failure } = await asked(t, choiceOf(provider, server.url), { streams, timeoutMs: 1500 });
      assert.equal(failure?.kind, streams ? "no_first_token" : "timed_out");
    });
  }

  test(`${provider}: a stream that ends in order but unfinished is cut off too`, async (t) => {
    assert.equal(await failureOf(t, provider, true, { stops: '{"root_cause":"pro' }), "cut");
  });

  test(`${provider}: nobody listens, no such host`, async (t) => {
    const unheard = await asked(t, choiceOf(provider, await nobody()), {});
    assert.equal(unheard.failure?.kind, "connection_refused");
    // RFC 6761: the top-level domain that no name server answers for.
    const nowhere = await asked(t, choiceOf(provider, "http://nobody.invalid/v1"), {});
    assert.equal(nowhere.failure?.kind, "unknown_host");
    // Fetch's standard forbids ports of other protocols, this one of "discard".
    const forbidden = await asked(t, choiceOf(provider, "http://127.0.0.1:9/v1"), {});
    assert.equal(forbidden.failure?.kind, "blocked_port");
  });

  test(`${provider}: what is no such API at all`, async (t) => {
    const page: Step = { raw: "<html>Welcome</html>", type: "text/html" };
    for (const streams of [true, false]) assert.equal(await failureOf(t, provider, streams, page), "no_api");
    assert.equal(await failureOf(t, provider, false, { raw: "{}" }), "not_json");
    const flood: Step = { raw: `data: ${"x".repeat(5_000_000)}\n\n`, type: "text/event-stream" };
    assert.equal(await failureOf(t, provider, true, flood), "too_large");
  });
}

test("the key goes into its header, and nowhere else", async (t) => {
  const claude = await modelServer(t, [{ says: GOOD }]);
  await asked(t, choiceOf("claude", claude.url), {});
  assert.equal(claude.requests[0]?.headers["x-api-key"], KEY);
  const openai = await modelServer(t, [{ says: GOOD }]);
  await asked(t, choiceOf("openai", openai.url), {});
  assert.equal(openai.requests[0]?.headers.authorization, `Bearer ${KEY}`);
  for (const { body } of [...claude.requests, ...openai.requests]) {
    assert.doesNotMatch(JSON.stringify(body), /sk-test/);
  }
});

test("the schema goes along, and OpenAI's own name for the limit", async (t) => {
  const openai = await sentTo(t, "openai");
  const { json_schema } = openai.response_format as { json_schema: { schema: { required: string[] } } };
  assert.deepEqual(json_schema.schema.required.toSorted(), Object.keys(GOOD).toSorted());
  assert.deepEqual([openai.max_completion_tokens, openai.max_tokens], [4000, undefined]);
  assert.equal((await sentTo(t, "local")).max_tokens, 4000);
});

test("a Claude that takes no schema answers by way of a tool", async (t) => {
  for (const streams of [true, false]) {
    const server = await modelServer(t, [{ says: GOOD }]);
    const outcome = await asked(
      t,
      { ...choiceOf("claude", server.url), model: "claude-3-haiku-20240307" },
      { streams },
    );
    assert.equal((server.requests[0]?.body.tools as { name: string }[] | undefined)?.length, 1);
    assert.deepEqual([outcome.report, outcome.objections], [GOOD, []]);
  }
});

test("a server that knows no response_format is asked without it", async (t) => {
  for (const streams of [true, false]) {
    const fenced = `Sure!\n\`\`\`json\n${JSON.stringify(GOOD, null, 2)}\n\`\`\`\nHope it helps.`;
    const steps: Step[] = [
      { status: 400, body: { error: { message: "response_format is not supported" } } },
      { says: `<think>{"a":1} hm</think>${fenced}` },
    ];
    const server = await modelServer(t, steps);
    const outcome = await asked(t, choiceOf("local", server.url), { streams });
    assert.deepEqual([outcome.report, outcome.objections], [GOOD, []]);
    assert.deepEqual(
      server.requests.map(({ body }) => "response_format" in body),
      [true, false],
    );
  }
  assert.equal(
    await failureOf(t, "local", false, { status: 400, body: { error: { message: "context" } } }),
    "rejected",
  );
});

test("a local server without a model named is asked for its first; one that lists none by any name", async (t) => {
  const listing = await modelServer(t, [{ says: GOOD }], { models: ["qwen3:4b", "other"] });
  const outcome = await asked(t, { ...choiceOf("local", listing.url), model: undefined }, {});
  assert.deepEqual([outcome.model, listing.requests[0]?.body.model], ["qwen3:4b", "qwen3:4b"]);
  const silent = await modelServer(t, [{ says: GOOD }]);
  const other = await asked(t, { ...choiceOf("local", silent.url), model: undefined }, {});
  assert.deepEqual([other.report, other.failure], [GOOD, undefined]);
});

test("a server that counts no tokens has them estimated", async (t) => {
  const server = await modelServer(t, [{ says: GOOD, usage: null }]);
  const { usage } = await asked(t, choiceOf("local", server.url), { streams: true });
  assert.ok(usage.inputTokens > 100 && usage.outputTokens > 20, JSON.stringify(usage));
});

test("JSON of another shape is shown as far as it goes", async (t) => {
  const { cited: _cited, ...lacking } = GOOD;
  const server = await modelServer(t, [{ says: lacking }]);
  const outcome = await asked(t, choiceOf("local", server.url), {});
  assert.equal(outcome.report?.explanation, GOOD.explanation);
  assert.deepEqual(
    outcome.objections.map(({ kind }) => kind),
    ["misfit", "no_citation"],
  );
});

test("where asking again fails, the first answer is shown", async (t) => {
  const server = await modelServer(t, [{ says: WRONG }, { status: 401 }]);
  const outcome = await asked(t, choiceOf("local", server.url), {});
  assert.deepEqual([outcome.report?.cited, outcome.failure?.kind], [["pid-12"], "unauthorized"]);
  assert.equal(outcome.objections.length, 1);
});

test("a missing key, too many calls and too large a case are found before anything is sent", async (t) => {
  const server = await modelServer(t, [{ says: GOOD }]);
  const choice = choiceOf("openai", server.url);
  assert.equal((await asked(t, { ...choice, key: undefined }, {})).failure?.kind, "no_key");
  assert.equal((await asked(t, { ...choice, key: "sk-a\nb" }, {})).failure?.kind, "bad_key");
  assert.equal((await asked(t, choice, { callsPerHour: 0 })).failure?.kind, "call_limit");
  assert.equal((await asked(t, choice, { tokensPerCall: 100 })).failure?.kind, "token_limit");
  assert.equal(server.requests.length, 0);
});

test("the user's interruption ends the waiting", async (t) => {
  const server = await modelServer(t, [{ hangs: true }]);
  const interruption = new AbortController();
  const waiting = diagnose(CASE, choiceOf("local", server.url), {
    ...optionsOf(t, {}),
    signal: interruption.signal,
  });
  interruption.abort(new RangeError("stop"));
  await assert.rejects(waiting, RangeError);
});

async function failureOf(t: TestContext, provider: Choice["provider"], streams: boolean, step: Step) {
  const server = await modelServer(t, [step]);
  const outcome = await asked(t, choiceOf(provider, server.url), { streams });
  assert.equal(outcome.report, undefined);
  return outcome.failure?.kind;
}

async function sentTo(t: TestContext, provider: Choice["provider"]): Promise<Record<string, unknown>> {
  const server = await modelServer(t, [{ says: GOOD }]);
  await asked(t, choiceOf(provider, server.url), {});
  return server.requests[0]?.body ?? {};
}

function choiceOf(provider: Choice["provider"], baseUrl: string): Choice {
  return { provider, baseUrl, model: MODELS[provider], key: KEY };
}

function asked(t: TestContext, choice: Choice, options: Asked): Promise<Outcome> {
  return diagnose(CASE, choice, optionsOf(t, options));
}

function optionsOf(
  t: TestContext,
  { streams, timeoutMs = 20_000, callsPerHour = 20, tokensPerCall = 16_000, tokens }: Asked,
) {
  const stateFolder = mkdtempSync(join(tmpdir(), "xctl-state-"));
  t.after(() => rmSync(stateFolder, { recursive: true }));
  return {
    lang: "en" as const,
    limits: { callsPerHour, tokensPerCall, timeoutMs },
    stateFolder,
    signal: new AbortController().signal,
    ...(streams === true ? { onAsk: () => (soFar: number) => void tokens?.push(soFar) } : {}),
  };
}
