/** `xctl diag` as it is typed: with a model's server on this machine, with none, and with nobody there. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { DiagDocument } from "../../src/model/documents.ts";
import { modelServer, nobody as nobodysUrl, type ModelServer, type Step } from "../diagnose/model-server.ts";
import { logOf } from "../diagnose/rules/case.ts";
import { EVENTS, GOOD, WRONG } from "../diagnose/stuck-case.ts";
import { Place, type Ended } from "./place.ts";

const KEY = "sk-test-0123456789abcdefghij";
const FROM = ["diag", "10", "--from", "log.jsonl"];

test("a report as text, with what it rests on and what it cost", async (t) => {
  const { place, server } = await served(t, [{ says: GOOD }]);
  const { status, stdout, stderr } = await place.run([...FROM, "--provider", "openai", "--base-url", server.url], {
    env: { OPENAI_API_KEY: KEY },
  });
  assert.equal(status, 0, stderr);
  assert.equal(stderr, "", "no progress where standard error is no terminal");
  for (const said of [
    /root cause: process\.stopped \(90% sure\)/,
    /holder was stopped while it had the lock/,
    /1\. Let holder go on\.\n +kill -CONT 12\n/,
    /Do not stop a process that holds a lock\./,
    /Based on: holder \(12\), lock:8:1:33/,
    /openai, gpt-6-luna; 1234 tokens sent, 56 received; about \$0\.00015/,
  ]) {
    assert.match(stdout, said);
  }
  assert.equal(server.requests[0]?.body.stream, undefined, "one answer, in one piece");
});

test("a report as JSON, by Claude, chosen by its key alone", async (t) => {
  const { place, server } = await served(t, [{ says: GOOD }]);
  const env = { ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: server.url.replace("/v1", "") };
  const document = await documentOf(place.run([...FROM, "--json"], { env }));
  assert.deepEqual(
    { ...document, why: document.why.schema },
    {
      schema: "xctl.diag/1",
      provider: "claude",
      model: "claude-haiku-5-5",
      ...GOOD,
      verified: true,
      notes: [],
      usage: { input_tokens: 1234, output_tokens: 56, cost_usd: 0.0001514 },
      why: "xctl.why/1",
    },
  );
  assert.equal(server.requests[0]?.headers["x-api-key"], KEY);
});

test("an answer that the case does not bear out is marked", async (t) => {
  const { place, server } = await served(t, [{ says: WRONG }]);
  const local = ["--provider", "local", "--base-url", server.url, "--model", "m"];
  const document = await documentOf(place.run([...FROM, ...local, "--json"]));
  assert.deepEqual([document.verified, document.provider, document.cited], [false, "local", ["pid-12"]]);
  assert.deepEqual(document.notes, ["it cites pid-99, which is not in the case"]);
  const { stdout } = await place.run([...FROM, ...local], { env: { XCTL_LANG: "zh" } });
  assert.match(stdout, /未通过核实/);
  assert.match(stdout, /它引用了 pid-99/);
});

test("where no model answers, the rules do, marked; that is no failure", async (t) => {
  const steps: [step: Step, told: RegExp, outputTokens?: number][] = [
    [
      { status: 401, body: { error: { message: `Incorrect API key provided: ${KEY}` } } },
      /does not accept the key.*check OPENAI_API_KEY/s,
    ],
    [
      { status: 404, body: { error: { message: "no" } } },
      /knows no model gpt-6-luna.*curl -s -H "Authorization: Bearer \$OPENAI_API_KEY" \S+\/v1\/models/s,
    ],
    [{ status: 429, headers: { "retry-after": "7200" } }, /too many requests.*try again in 7200 s/s],
    [{ status: 429, headers: { "retry-after": "0" } }, /too many requests.*try again in a minute/s],
    [{ says: "" }, /gave an empty answer/, 56],
    [{ says: "{", finish: "length" }, /did not fit into 4000 tokens.*XCTL_LLM_MAX_TOKENS=48000 xctl diag 10\n/s, 56],
    [{ says: "Dunno." }, /is not the JSON that was asked for/, 112],
    [{ hangs: true }, /has not answered in 2 s.*XCTL_LLM_TIMEOUT=6 xctl diag 10\n/s],
    [{ raw: "<html>Log in</html>", type: "text/html" }, /answers with a web page.*--base-url URL/s],
    [{ dies: "at once" }, /the connection to \S+ broke\n.*try again/s],
  ];
  for (const [step, told, outputTokens = 0] of steps) {
    const { place, server } = await served(t, [step]);
    const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: server.url, XCTL_LLM_TIMEOUT: "2" };
    const { status, stdout, stderr } = await place.run([...FROM, "--json"], { env });
    assert.equal(status, 0, stderr);
    assert.match(stderr, told);
    assert.match(stderr, /the rules alone answer instead/);
    const document = JSON.parse(stdout) as DiagDocument;
    assert.deepEqual([document.provider, document.model, document.verified], ["none", null, true]);
    assert.equal(document.root_cause, "process.stopped");
    assert.match(document.notes.join(), new RegExp(told.source.split(/\.\*|\\n/, 1)[0] ?? ""));
    for (const text of [stdout, stderr]) assert.doesNotMatch(text, /sk-test/);
    assert.equal(document.usage.output_tokens, outputTokens, "what cannot be used is paid for too");
  }
});

test("nobody there, no key: the rules answer too, in the reader's language", async (t) => {
  const place = placeWithLog(t);
  const nobody = await place.run([...FROM, "--provider", "local", "--base-url", await nobodysUrl(), "--model", "m"]);
  assert.match(nobody.stderr, /nobody listens at http:\/\/127\.0\.0\.1:\d+\/v1/);
  assert.match(nobody.stdout, /kill -CONT 12/);
  const keyless = await place.run([...FROM, "--provider", "claude"], { env: { XCTL_LANG: "zh" } });
  assert.match(keyless.stderr, /没有密钥：未设置 ANTHROPIC_API_KEY/);
  assert.deepEqual([nobody.status, keyless.status], [0, 0]);
  const unset = await place.run(FROM);
  assert.match(unset.stdout, /no language model is set up.*ANTHROPIC_API_KEY/s);
  assert.deepEqual([unset.status, unset.stderr], [0, ""]);
});

test("--provider none asks nobody and says the same", async (t) => {
  const { place, server } = await served(t, [{ says: GOOD }]);
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: server.url };
  const document = await documentOf(place.run([...FROM, "--provider", "none", "--json"], { env }));
  assert.deepEqual([document.root_cause, document.steps[0]?.command], ["process.stopped", "kill -CONT 12"]);
  assert.deepEqual([document.notes, document.usage.cost_usd], [[], 0]);
  assert.equal(server.requests.length, 0);
});

test("the hour's calls are counted from run to run", async (t) => {
  const { place, server } = await served(t, [{ says: GOOD }]);
  const env = { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: server.url, XCTL_LLM_MAX_CALLS_PER_HOUR: "1" };
  assert.equal((await documentOf(place.run([...FROM, "--json"], { env }))).provider, "openai");
  const second = await place.run([...FROM, "--json"], { env });
  assert.match(second.stderr, /this hour's 1 calls are used up.*the next one is free in 60 min/s);
  assert.equal((JSON.parse(second.stdout) as DiagDocument).provider, "none");
  assert.equal(server.requests.length, 1);
  assert.ok(existsSync(join(place.folder, ".local", "state", "xctl", "llm-calls")));
});

test("--dry-run shows what would be sent, to the letter, and sends nothing", async (t) => {
  const { place, server } = await served(t, [{ says: GOOD }]);
  for (const env of [
    { OPENAI_API_KEY: KEY, OPENAI_BASE_URL: server.url },
    { ANTHROPIC_API_KEY: KEY, ANTHROPIC_BASE_URL: server.url },
  ]) {
    const planned = await place.run([...FROM, "--dry-run", "--json"], { env });
    const shown = await place.run([...FROM, "--dry-run"], { env });
    const before = server.requests.length;
    await place.run(FROM, { env });
    assert.equal(server.requests.length, before + 1, "only the run that is not dry sends");
    const { url, body } = JSON.parse(planned.stdout) as { url: string; body: Record<string, unknown> };
    const sent = server.requests.at(-1);
    assert.equal(url, new URL(sent?.path ?? "", server.url).href);
    assert.deepEqual(body, sent?.body);
    assert.match(shown.stdout, new RegExp(`^POST ${url}\nmodel: "`));
    assert.match(shown.stdout, /--- system ---[\s\S]*--- user ---[\s\S]*"xctl\.case\/1"/);
    assert.match(shown.stderr, /nothing was/);
    for (const { stdout, stderr } of [planned, shown]) assert.doesNotMatch(stdout + stderr, /sk-test/);
  }
});

test("--dry-run needs neither key nor server, nor a model", async (t) => {
  const place = placeWithLog(t);
  const local = await place.run([...FROM, "--dry-run", "--provider", "local"]);
  assert.match(local.stdout, /^POST http:\/\/127\.0\.0\.1:11434\/v1\/chat\/completions\nmodel: "\(the first that/);
  const keyless = await place.run([...FROM, "--dry-run", "--provider", "openai"]);
  const none = await place.run([...FROM, "--dry-run", "--provider", "none"]);
  assert.match(none.stderr, /nothing would be sent/);
  assert.match(none.stdout, /--- user ---/);
  assert.deepEqual([local.status, keyless.status, none.status], [0, 0, 0]);
});

test("a recorded rank that spins is explained by the rank that it waits for", async (t) => {
  const place = new Place(t);
  place.log(...logOf("collective-rank-late"));
  const document = await documentOf(place.run(["diag", "30", "--from", "log.jsonl", "--provider", "none", "--json"]));
  assert.deepEqual([document.root_cause, document.cited], ["process.busy", ["pid-30", "pid-32"]]);
  assert.match(document.explanation, /A time-out of NCCL names them, and not python3 \(32\)\./);
});

test("wrong usage, and who is not there", async (t) => {
  const place = placeWithLog(t);
  const statuses: [number, string[], Record<string, string>?][] = [
    [2, ["diag"]],
    [2, ["diag", "ten"]],
    [2, [...FROM, "--provider", "gpt"]],
    [2, [...FROM], { XCTL_LLM_PROVIDER: "gpt" }],
    [2, [...FROM, "--provider", "local", "--base-url", "nonsense"]],
    [2, [...FROM, "--redact", "some"]],
    [2, [...FROM], { XCTL_LLM_MAX_TOKENS: "lots" }],
    [3, ["diag", "4711", "--from", "log.jsonl"]],
    [4, ["diag", "10", "--port", "9"]],
    [4, ["diag", "10", "--port", "9", "--dry-run", "--provider", "none"]],
  ];
  for (const [status, args, env = {}] of statuses) {
    const ended = await place.run(args, { env });
    assert.equal(ended.status, status, `${args.join(" ")}: ${ended.stderr}`);
    assert.equal(ended.stdout, "");
  }
  const { stderr } = await place.run(["diag", "10", "--port", "9"], { env: { XCTL_LANG: "zh" } });
  assert.equal(stderr, "[xctl] 错误：无法连接到 daemon (端口 9)\n[xctl] 请先运行: xctl run\n");
});

test("a running daemon's case", { skip: process.platform !== "linux" && "needs /proc" }, async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "dummy");
  await daemon.emit(...EVENTS.map((event) => ({ ...event, ts: Date.now() })));
  const document = await documentOf(daemon.ask("diag", "10", "--provider", "none", "--json"));
  assert.equal(document.root_cause, "process.stopped");
});

test("an answer that tries to reach the terminal does not", async (t) => {
  const hostile = `\u001b]0;owned\u0007\u001b[2J\u202e${GOOD.explanation}`;
  const says = { ...GOOD, explanation: hostile, prevention: [hostile], steps: [{ ...GOOD.steps[0], text: hostile }] };
  const { place, server } = await served(t, [{ says }]);
  for (const how of [[], ["--json"]]) {
    const { stdout } = await place.run([
      ...FROM,
      ...how,
      "--provider",
      "local",
      "--base-url",
      server.url,
      "--model",
      "m",
    ]);
    assert.match(stdout, /holder was stopped/);
    // oxlint-disable-next-line no-control-regex
    assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u202e]/);
  }
});

test(
  "on a terminal a line counts the tokens of the answer that streams in, and makes way for the report",
  { skip: missing("script") },
  async (t) => {
    const { place, server } = await served(t, [{ says: GOOD }]);
    const typed = `xctl ${FROM.join(" ")} --provider local --model m --base-url ${server.url}`;
    const { stdout } = await place.shell(`export -f xctl; SHELL=$(command -v bash) script -qec "${typed}" /dev/null`);
    assert.equal(server.requests[0]?.body.stream, true);
    const cleared = stdout.lastIndexOf("\r\u001b[K");
    const [drawn, rest] = [stdout.slice(0, cleared), stdout.slice(cleared)];
    assert.match(drawn, /\[xctl\] m: (?:waiting for an answer|\d+ tokens), \d+\.\d s/);
    assert.doesNotMatch(rest, /waiting for an answer/);
    assert.match(rest, /root cause/);
  },
);

test("Ctrl-C ends the waiting", async (t) => {
  const { place, server } = await served(t, [{ hangs: true }]);
  const started = place.start([...FROM, "--provider", "local", "--model", "m", "--base-url", server.url]);
  while (server.requests.length === 0 && started.child.exitCode === null) await new Promise((go) => setTimeout(go, 20));
  started.child.kill("SIGINT");
  const { status, stdout, stderr } = await started.ended;
  assert.deepEqual([status, stdout], [1, ""]);
  assert.match(stderr, /interrupted/);
});

test("only who asks a model loads its code", async (t) => {
  const place = placeWithLog(t);
  const list = join(place.folder, "loaded");
  const hooks = place.file(
    "hooks.mjs",
    `import { registerHooks } from "node:module";
     import { appendFileSync } from "node:fs";
     registerHooks({ load(url, context, next) { appendFileSync(${JSON.stringify(list)}, url + "\\n"); return next(url, context); } });`,
  );
  const loadedBy = async (...args: string[]): Promise<string[]> => {
    place.file("loaded", "");
    const { status } = await place.run(args, { env: { NODE_OPTIONS: `--import=${hooks}` } });
    assert.equal(status, 0);
    return readFileSync(list, "utf8").split("\n");
  };
  for (const verb of [["ps"], ["why", "10"], ["why"]]) {
    const loaded = await loadedBy(...verb, "--from", "log.jsonl");
    assert.ok(loaded.some((url) => url.endsWith(`/commands/${verb[0]}.ts`)));
    assert.deepEqual(modelCode(loaded), []);
    assert.deepEqual(
      loaded.filter((url) => /src\/diagnose\/|node_modules\/(?:yaml|zod)\//.test(url)),
      [],
      verb.join(" "),
    );
  }
  assert.deepEqual(modelCode(await loadedBy(...FROM, "--provider", "none")), []);
  const asking = await loadedBy(...FROM, "--provider", "local", "--model", "m", "--base-url", await nobodysUrl());
  assert.ok(modelCode(asking).length > 2, "the hooks see what is loaded");
});

function modelCode(urls: readonly string[]): string[] {
  return urls.filter((url) => /node_modules\/(?:ai|@ai-sdk)\/|diagnose\/providers\/language/.test(url));
}

async function served(t: TestContext, steps: readonly Step[]): Promise<{ place: Place; server: ModelServer }> {
  return { place: placeWithLog(t), server: await modelServer(t, steps) };
}

function placeWithLog(t: TestContext): Place {
  const place = new Place(t);
  place.log(...EVENTS);
  return place;
}

async function documentOf(ended: Promise<Ended>): Promise<DiagDocument> {
  const { status, stdout, stderr } = await ended;
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as DiagDocument;
}

function missing(program: string): string | false {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0 ? false : `there is no ${program} here`;
}
