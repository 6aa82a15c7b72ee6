/** What the HTTP side refuses, bounds and survives. Requests are written by hand, for a client would not send most. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { METHODS } from "../../src/protocol/methods.ts";
import { until, state, withDaemon, type Stage } from "./harness.ts";

const MIB = 1024 * 1024;

test("every path but /healthz needs the token", () =>
  withDaemon(async (stage) => {
    for (const path of ["/metrics", "/events", "/", "/nowhere"]) {
      const { status, head, body } = await ask(stage, { path, token: undefined });
      assert.equal(status, 401, path);
      assert.match(head, /www-authenticate: bearer/i);
      assert.equal(typeof (JSON.parse(body) as { error: { message: string } }).error.message, "string");
    }
    const token = tokenOf(stage);
    for (const wrong of ["", "x", `${token}x`, token.slice(1), token.toLowerCase(), "ä".repeat(43)]) {
      assert.equal((await ask(stage, { path: "/metrics", token: wrong })).status, 401, wrong);
    }
    assert.equal((await ask(stage, { method: "POST", path: "/rpc", token: undefined, body: "{}" })).status, 401);
    const health = await ask(stage, { path: "/healthz", token: undefined });
    assert.deepEqual([health.status, health.body], [200, "ok"]);
    assert.equal((await ask(stage, { path: "/nowhere" })).status, 404);
  }));

test("a foreign Host or Origin is refused, whatever the token", () =>
  withDaemon(async (stage) => {
    const { port } = stage.daemon;
    const status = async (host: string, origin?: string) =>
      (await ask(stage, { path: "/metrics", host, origin })).status;
    for (const host of ["localhost", `LOCALHOST:${port}`, "127.0.0.1:1", `[::1]:${port}`]) {
      assert.equal(await status(host), 200, host);
    }
    const foreign = [
      "evil.example",
      `evil.example:${port}`,
      "127.0.0.1.evil.example",
      "0.0.0.0",
      "localhost.",
      "a@localhost",
    ];
    for (const host of foreign) assert.notEqual(await status(host), 200, host);
    assert.equal(await status(`localhost:${port}`, `http://localhost:${port}`), 200);
    for (const origin of [
      "http://evil.example",
      "null",
      `https://localhost:${port}`,
      "http://localhost:1",
      "file://",
    ]) {
      assert.equal(await status(`localhost:${port}`, origin), 403, origin);
    }
    const nameless = await ask(stage, { path: "/healthz", host: undefined });
    assert.ok(nameless.status === 400 || nameless.status === 403);
  }));

test("an HTTP/1.0 client gets the body as it is", () =>
  withDaemon(async (stage) => {
    const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });
    const answer = await ask(stage, { method: "POST", path: "/rpc", body });
    assert.doesNotMatch(answer.head, /transfer-encoding/i);
    assert.equal((JSON.parse(answer.body) as { result: { version: string } }).result.version, "1.2.3");
  }));

test("JSON-RPC as the specification has it", () =>
  withDaemon(async (stage) => {
    const rpc = async (body: string) => {
      const { status, body: text } = await ask(stage, { method: "POST", path: "/rpc", body });
      return { status, json: text === "" ? undefined : (JSON.parse(text) as RpcAnswer | RpcAnswer[]) };
    };
    const codeOf = async (body: string) => ((await rpc(body)).json as RpcAnswer).error?.code;
    assert.equal(await codeOf("{"), -32700);
    assert.equal(await codeOf("\uFFFF"), -32700);
    assert.equal(await codeOf("7"), -32600);
    assert.equal(await codeOf("[]"), -32600);
    assert.equal(await codeOf(one({ jsonrpc: "1.0", method: "ping" })), -32600);
    assert.equal(await codeOf(one({ id: {}, method: "ping" })), -32600);
    assert.equal(await codeOf(one({ method: "toString" })), -32601);
    assert.equal(await codeOf(one({ method: "__proto__" })), -32601);
    for (const params of [
      { pid: 0 },
      { pid: "1" },
      { pid: 1, job: "a" },
      { node: "a" },
      { lang: "de" },
      { x: 1 },
      [1],
      7,
      "a",
    ]) {
      assert.equal(await codeOf(one({ method: "why", params })), -32602, JSON.stringify(params));
    }
    const tooMany = Array.from({ length: 1001 }, () => ({}));
    assert.equal(await codeOf(one({ method: "emit", params: { events: tooMany } })), -32602);
    const missing = (await rpc(one({ id: "a", method: "why", params: { pid: 4711 } }))).json as RpcAnswer;
    assert.equal(missing.id, "a");
    assert.deepEqual(missing.error?.data, { code: "no_such_process", hint: "xctl ps --all lists every process" });

    const notification = JSON.stringify({ jsonrpc: "2.0", method: "ping" });
    assert.deepEqual(await rpc(notification), { status: 204, json: undefined });
    assert.deepEqual(await rpc(`[${notification},${notification}]`), { status: 204, json: undefined });
    const batch = await rpc(`[${one({ method: "ping" })},${notification},7,${one({ id: 2, method: "nothing" })}]`);
    assert.deepEqual(
      (batch.json as RpcAnswer[]).map(({ id, error }) => [id, error?.code]),
      [
        [1, undefined],
        [null, -32600],
        [2, -32601],
      ],
    );
    assert.equal(await codeOf(`[${Array.from({ length: 1000 }, () => notification).join(",")}]`), -32600);
  }));

test("no JSON body makes it fail", () =>
  withDaemon(async (stage) => {
    const method = fc.oneof(fc.constantFrom(...Object.keys(METHODS)), fc.string());
    const id = fc.oneof(fc.integer(), fc.string(), fc.jsonValue());
    const request = fc.record(
      { jsonrpc: fc.constant("2.0"), id, method, params: fc.jsonValue() },
      { requiredKeys: ["method"] },
    );
    const event = fc.record({
      ts: fc.nat(),
      event_type: fc.constant("process.state"),
      entity_id: fc.string(),
      value: fc.string(),
    });
    const emit = fc.record({
      jsonrpc: fc.constant("2.0"),
      id: fc.integer(),
      method: fc.constant("emit"),
      params: fc.record({ events: fc.array(fc.oneof(event, fc.jsonValue())) }),
    });
    const body = fc.oneof(fc.jsonValue(), request, emit, fc.array(request)).map((value) => JSON.stringify(value));
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(fc.oneof(body, fc.string()), async (text) => {
        const { status, body: answer } = await ask(stage, { method: "POST", path: "/rpc", body: text });
        assert.ok(status === 200 || status === 204, `${status} to ${text}`);
        if (status === 200) answered += JSON.parse(answer) === undefined ? 0 : 1;
        assert.doesNotMatch(answer, /-32603/);
      }),
      { numRuns: 300 },
    );
    assert.ok(answered > 100);
    assert.ok(
      stage.logged.every((line) => !line.includes("failed")),
      stage.logged.join("\n"),
    );
  }));

test("a body that is too large, too deep or never comes is refused, and the daemon goes on", () =>
  withDaemon(async (stage) => {
    const deep = `${"[".repeat(3 * MIB)}${"]".repeat(3 * MIB)}`;
    assert.equal((await ask(stage, { method: "POST", path: "/rpc", body: deep })).status, 200);
    const params = `{"events":[${deep}]}`;
    const nested = `{"jsonrpc":"2.0","id":1,"method":"emit","params":${params}}`;
    const answer = await ask(stage, { method: "POST", path: "/rpc", body: nested });
    assert.deepEqual((JSON.parse(answer.body) as RpcAnswer).result, { accepted: 0, rejected: { not_object: 1 } });

    const large = await ask(stage, { method: "POST", path: "/rpc", body: " ".repeat(9 * MIB) }).catch(() => undefined);
    assert.ok(large === undefined || large.status === 413);
    const header = await ask(stage, { path: `/metrics?${"a".repeat(64 * 1024)}` }).catch(() => undefined);
    assert.ok(header === undefined || header.status >= 400);
    assert.equal((await ask(stage, { path: "/healthz" })).status, 200);
  }));

test("a request that is never finished does not stay", () =>
  withDaemon(async (stage) => {
    const { socket, closed } = await open(stage);
    socket.resume().write("GET /healthz HTTP/1.1\r\nHost: local");
    await closed;
  }));

test("an event's unknown and deep fields go no further", () =>
  withDaemon(async (stage) => {
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    const event = JSON.stringify(state(42, "running")).replace("{", `{"deep":${deep},`);
    const emit = `{"jsonrpc":"2.0","id":1,"method":"emit","params":{"events":[${event}]}}`;
    const { body } = await ask(stage, { method: "POST", path: "/rpc", body: emit });
    assert.deepEqual((JSON.parse(body) as RpcAnswer).result, { accepted: 1, rejected: {} });
    const { events } = await stage.client.call("events", { pid: 42 });
    assert.equal(events.length, 1);
    assert.ok(!Object.hasOwn(events[0] as object, "deep"));
  }));

test("metrics are Prometheus text", () =>
  withDaemon(async (stage) => {
    stage.probe.tell(state(42, "running"));
    await stage.client.call("emit", { events: [7] });
    await until(
      "the event is counted",
      async () => (await series(stage)).get('xctl_events_total{result="applied"}') === 1,
    );
    const metrics = await series(stage);
    assert.equal(metrics.get('xctl_events_total{result="rejected"}'), 1);
    assert.equal(metrics.get('xctl_rejections_total{reason="not_object"}'), 1);
    assert.equal(metrics.get('xctl_graph_nodes{type="processes"}'), 1);
    assert.equal(metrics.get('xctl_graph_edges{kind="waits_on"}'), 0);
    assert.equal(metrics.get('xctl_probe_up{probe="test"}'), 1);
    assert.equal(metrics.get('xctl_probe_restarts_total{probe="test"}'), 0);
    assert.ok((metrics.get("process_resident_memory_bytes") ?? 0) > MIB);
  }));

test("a client of the event stream that stops reading is dropped, and the others are served", () =>
  withDaemon(async (stage) => {
    const deaf = await open(stage);
    deaf.socket.write(`GET /events HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer ${tokenOf(stage)}\r\n\r\n`);
    await new Promise((resolve) => deaf.socket.once("data", resolve));
    deaf.socket.pause();
    const end = new AbortController();
    let heard = 0;
    const listener = (async () => {
      for await (const event of stage.client.events({ type: "process.state", pid: 2 }, end.signal))
        heard += event.pid === 2 ? 1 : -1;
    })();
    const before = process.memoryUsage().rss;
    const bulky = Array.from({ length: 200 }, () => state(1, "running", { comm: "x".repeat(5_000) }));
    await until("the deaf client is dropped and the other has heard", () => {
      stage.probe.tell(...bulky, state(2, "running"));
      return heard > 0 && stage.logged.some((line) => line.startsWith("dropped a client"));
    });
    assert.ok(process.memoryUsage().rss - before < 150 * MIB);
    end.abort();
    await listener;
    deaf.socket.resume();
    await deaf.closed;
  }));

test("a burst, as a large machine's sample is one, costs no client that reads", () =>
  withDaemon(async (stage) => {
    const end = new AbortController();
    let heard = 0;
    const listener = (async () => {
      for await (const event of stage.client.events({ pid: 3 }, end.signal)) heard += event.value === "stopped" ? 1 : 0;
    })();
    await until("it listens", async () => (await series(stage)).get("xctl_event_streams") === 1);
    const burst = Array.from({ length: 20_000 }, () => state(3, "stopped", { comm: "x".repeat(500) }));
    stage.probe.tell(...burst);
    await until("all is heard", () => heard === burst.length);
    end.abort();
    await listener;
    assert.deepEqual(
      stage.logged.filter((line) => line.startsWith("dropped")),
      [],
    );
  }));

test("at most 64 clients follow the events", () =>
  withDaemon(async (stage) => {
    const followers: Awaited<ReturnType<typeof open>>[] = [];
    const heads: string[] = [];
    const request = `GET /events HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer ${tokenOf(stage)}\r\n\r\n`;
    for (let count = 0; count < 65; count++) {
      const follower = await open(stage);
      followers.push(follower);
      follower.socket.write(request);
      heads.push(await new Promise<string>((resolve) => follower.socket.once("data", (data) => resolve(String(data)))));
    }
    assert.equal(heads.filter((head) => head.includes(" 200 ")).length, 64);
    assert.match(heads.at(-1) ?? "", / 503 /);
    for (const { socket } of followers) socket.destroy();
    await until("they are forgotten", async () => (await series(stage)).get("xctl_event_streams") === 0);
    assert.equal((await ask(stage, { path: "/events?type=nothing" })).status, 400);
    assert.equal((await ask(stage, { path: "/events?pid=-1" })).status, 400);
  }));

function one(fields: object): string {
  return JSON.stringify({ jsonrpc: "2.0", id: 1, ...fields });
}

interface RpcAnswer {
  id: unknown;
  result?: unknown;
  error?: { code: number; data?: unknown };
}

interface Asked {
  method?: string;
  path: string;
  /** Absent: the right one; undefined: none. */
  token?: string | undefined;
  host?: string | undefined;
  origin?: string | undefined;
  body?: string;
}

function tokenOf({ tokenFile }: Stage): string {
  return readFileSync(tokenFile, "utf8").trim();
}

async function open({ daemon }: Stage): Promise<{ socket: Socket; closed: Promise<void> }> {
  const socket = connect(daemon.port, "127.0.0.1");
  socket.on("error", () => {});
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise((resolve) => socket.once("connect", resolve));
  return { socket, closed };
}

async function ask(stage: Stage, asked: Asked): Promise<{ status: number; head: string; body: string }> {
  const token = "token" in asked ? asked.token : tokenOf(stage);
  const host = "host" in asked ? asked.host : "localhost";
  const { method = "GET", path, origin, body = "" } = asked;
  const lines = [`${method} ${path} HTTP/1.0`, `Content-Length: ${Buffer.byteLength(body)}`];
  if (host !== undefined) lines.push(`Host: ${host}`);
  if (origin !== undefined) lines.push(`Origin: ${origin}`);
  if (token !== undefined) lines.push(`Authorization: Bearer ${token}`);
  const { socket, closed } = await open(stage);
  let text = "";
  socket.setEncoding("utf8").on("data", (data) => (text += String(data)));
  socket.write(`${lines.join("\r\n")}\r\n\r\n${body}`);
  await closed;
  const end = text.indexOf("\r\n\r\n");
  assert.ok(end > 0, "no answer");
  const head = text.slice(0, end);
  return { status: Number(head.split(" ")[1]), head, body: text.slice(end + 4) };
}

/** The samples of a scrape, each line understood or the test fails. */
async function series(stage: Stage): Promise<Map<string, number>> {
  const { status, body } = await ask(stage, { path: "/metrics" });
  assert.equal(status, 200);
  const samples = new Map<string, number>();
  for (const line of body.split("\n")) {
    if (line === "" || /^# (?:HELP|TYPE) /.test(line)) continue;
    const [, name, value] = /^([a-z_]+(?:\{(?:[a-z_]+="[^"]*",?)*\})?) ([-+.\deE]+)$/.exec(line) ?? assert.fail(line);
    samples.set(name as string, Number(value));
  }
  return samples;
}
