/** What the client says when a daemon is not there, is another's, or is no daemon at all. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync, mkdirSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { test } from "node:test";
import { Client } from "../../src/client/client.ts";
import { emitStream } from "../../src/client/emit.ts";
import type { XctlError } from "../../src/lib/errors.ts";
import { findTokens } from "../../src/client/token.ts";
import { state, until, withDaemon, withRuntimeFolder } from "../daemon/harness.ts";

test("a token that an earlier daemon left behind is told as such", () =>
  withDaemon(async ({ client, tokenFile }) => {
    const token = readFileSync(tokenFile, "utf8");
    writeFileSync(tokenFile, `${"A".repeat(43)}\n`);
    await assert.rejects(client.call("ping", {}), { code: "not_permitted", message: /does not accept the token/ });
    writeFileSync(tokenFile, token);
    assert.equal((await client.call("ping", {})).version, "1.2.3");
  }));

test("without a token of ours, whoever has the port is not taken for the daemon", () =>
  withDaemon(async ({ client, tokenFile }) => {
    rmSync(tokenFile);
    await assert.rejects(
      client.call("ping", {}),
      (error: XctlError) => error.code === "daemon_unreachable" || error.code === "not_permitted",
    );
  }));

test("what is no token is not sent anywhere", () =>
  withRuntimeFolder(async (folder) => {
    const file = join(folder, "xctl", "9.token");
    mkdirSync(join(folder, "xctl"));
    const around = { platform: process.platform, env: { XDG_RUNTIME_DIR: folder }, uid: process.getuid?.() };
    for (const text of ["", "root:x:0:0", "A".repeat(42), "A".repeat(500)]) {
      writeFileSync(file, text);
      assert.deepEqual(findTokens(9, around).tokens, [], text);
    }
    writeFileSync(file, `${"A".repeat(43)}\n`);
    assert.deepEqual(findTokens(9, around).tokens, ["A".repeat(43)]);
  }));

const NO_FIFO = process.platform === "win32" && "no named pipes here";

test("a token file that is a link or a pipe is not read", { skip: NO_FIFO }, () =>
  withRuntimeFolder(async (folder) => {
    const file = join(folder, "xctl", "9.token");
    mkdirSync(join(folder, "xctl"));
    const around = { platform: process.platform, env: { XDG_RUNTIME_DIR: folder }, uid: process.getuid?.() };
    execFileSync("mkfifo", [file]);
    assert.deepEqual(findTokens(9, around).tokens, []);
    rmSync(file);
    writeFileSync(join(folder, "token"), "A".repeat(43));
    execFileSync("ln", ["-s", join(folder, "token"), file]);
    assert.deepEqual(findTokens(9, around).tokens, []);
  }),
);

test("whatever answers on the port, the client ends with an error of its own", async () => {
  const answers: [answer: string, code: string][] = [
    ["", "daemon_unreachable"],
    ["SSH-2.0-OpenSSH_9.6\r\n\r\n", "daemon_unreachable"],
    ["x".repeat(200_000), "daemon_unreachable"],
    ["HTTP/1.1 500 Oops\r\n\r\n", "failed"],
    ['HTTP/1.1 200 OK\r\n\r\n{"result', "failed"],
    ['HTTP/1.1 200 OK\r\n\r\n{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m"}}', "failed"],
  ];
  for (const [answer, code] of answers) {
    await withServer(
      (socket) => socket.once("data", () => socket.end(answer)),
      (client) => assert.rejects(client.call("ping", {}), { name: "XctlError", code }, answer.slice(0, 40)),
    );
  }
});

test("a stream goes to the daemon in batches, its bad lines counted", () =>
  withDaemon(async ({ client }) => {
    const good = Array.from({ length: 1_234 }, (_, pid) => JSON.stringify(state(pid + 1, "running")));
    const text = [...good, "nonsense", '{"ts":-1}', "x".repeat(100_000)].join("\n");
    const chunks = text.match(/[\s\S]{1,10000}/g) ?? [];
    const summary = await emitStream(Readable.from(chunks.map((chunk) => Buffer.from(chunk))), client);
    assert.deepEqual(summary, { accepted: 1_234, rejected: { not_json: 1, ts: 1, too_long: 1 } });
    const { events, rejections } = await client.call("status", {});
    assert.deepEqual(events, { received: 1_237, applied: 1_234, rejected: 3, dropped: 0 });
    assert.deepEqual(rejections, { not_json: 1, ts: 1, too_long: 1 });
  }));

test("a line is sent soon, also where the sender then pauses", () =>
  withDaemon(async ({ client }) => {
    const input = new PassThrough();
    const sent = emitStream(input, client);
    input.write(`${JSON.stringify(state(42, "running"))}\n`);
    try {
      await until("it has arrived", async () => (await client.call("events", { pid: 42 })).events.length === 1);
    } finally {
      input.end();
    }
    assert.deepEqual(await sent, { accepted: 1, rejected: {} });
  }));

test("a sender is told when the daemon goes away", () =>
  withDaemon(async ({ client, daemon }) => {
    const input = new PassThrough();
    const line = `${JSON.stringify(state(42, "running"))}\n`;
    const sent = assert.rejects(emitStream(input, client), { code: "daemon_unreachable" });
    input.write(line);
    await until("it has begun", async () => (await client.call("status", {})).events.applied > 0);
    await daemon.stop();
    // The sender then says no more, and does not end either.
    input.write(line);
    await sent;
    assert.ok(input.destroyed);
  }));

/** A client with a token, and on its port something that is no daemon. */
async function withServer(serve: (socket: Socket) => void, use: (client: Client) => Promise<void>): Promise<void> {
  await withRuntimeFolder(async (folder) => {
    const server: Server = createServer((socket) => {
      socket.on("error", () => {});
      serve(socket);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    mkdirSync(join(folder, "xctl"));
    writeFileSync(join(folder, "xctl", `${port}.token`), "A".repeat(43));
    try {
      await use(new Client({ port }));
    } finally {
      server.close();
    }
  });
}
