/** The daemon as a whole: what it answers, how it stops, what it says when it cannot start. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { Client } from "../../src/client/client.ts";
import { startDaemon } from "../../src/daemon/daemon.ts";
import type { XctlError } from "../../src/lib/errors.ts";
import type { WhyAllDocument, WhyDocument } from "../../src/model/documents.ts";
import { defaults, NODE, stall, state, until, withDaemon, withRuntimeFolder } from "./harness.ts";

test("an event of a probe is answered from", () =>
  withDaemon(async ({ client, probe }) => {
    probe.tell(...stall());
    await until("the events are applied", async () => (await client.call("status", {})).events.applied >= 4);
    const why = (await client.call("why", { pid: 100 })) as WhyDocument;
    assert.equal(why.schema, "xctl.why/1");
    assert.equal(why.verdict, "blocked");
    assert.equal(why.root_causes[0]?.kind, "process.stopped");
    assert.equal(why.root_causes[0]?.pid, 200);
    assert.equal(why.process.node, NODE);

    const { processes } = await client.call("ps", { all: true });
    assert.deepEqual(processes.map(({ pid }) => pid).toSorted(), [100, 200]);

    const all = (await client.call("why", {})) as WhyAllDocument;
    assert.equal(all.groups[0]?.root_cause.pid, 200);
    assert.ok(all.groups[0]?.victims.some(({ pid }) => pid === 100));

    const { events } = await client.call("events", { pid: 200 });
    assert.deepEqual(
      events.map(({ value }) => value),
      ["stopped", "writer"],
    );
    assert.ok(events.every(({ node }) => node === NODE));
    const { events: newest } = await client.call("events", { limit: 1 });
    assert.deepEqual(
      newest.map(({ value }) => value),
      ["writer"],
    );
  }));

test("a question has the open ends looked at, each once", () =>
  withDaemon(async ({ client, probe }) => {
    const [reader, stopped, wait, held] = stall() as [never, never, never, never];
    probe.closer.set(100, [reader, wait, held]);
    probe.closer.set(200, [stopped]);
    const why = (await client.call("why", { pid: 100 })) as WhyDocument;
    assert.equal(why.root_causes[0]?.kind, "process.stopped");
    assert.deepEqual(probe.inspected, [[100], [200]]);
  }));

test("a process nobody knows is an error, one that has exited is answered", () =>
  withDaemon(async ({ client, probe }) => {
    await assert.rejects(client.call("why", { pid: 4711 }), { code: "no_such_process", message: "no process 4711" });
    probe.tell(state(4711, "running"), state(4711, "exit"));
    await until("the exit is applied", async () => (await client.call("status", {})).events.applied === 2);
    assert.equal(((await client.call("why", { pid: 4711 })) as WhyDocument).verdict, "exited");
    await assert.rejects(client.call("why", { job: "none" }), { code: "failed", message: "no job none" });
  }));

test("emitted events are guarded, counted and shown", () =>
  withDaemon(async ({ client }) => {
    const events = [...stall(), { ts: -1 }, 7, null, state(1, "running", { comm: "x".repeat(70_000) })];
    const result = await client.call("emit", { events, rejected: { not_json: 3 } });
    assert.deepEqual(result, { accepted: 4, rejected: { ts: 1, not_object: 2, too_long: 1 } });
    const status = await client.call("status", {});
    assert.deepEqual(status.events, { received: 11, applied: 4, rejected: 7, dropped: 0 });
    assert.deepEqual(status.rejections, { ts: 1, not_object: 2, too_long: 1, not_json: 3 });
    const { name, events: accepted, rejected } = status.probes.at(-1) ?? assert.fail();
    assert.deepEqual({ name, accepted, rejected }, { name: "emit", accepted: 4, rejected: 7 });
    assert.equal(((await client.call("why", { pid: 100 })) as WhyDocument).root_causes[0]?.pid, 200);
  }));

test("ready is told once, with the address and the probes", () =>
  withDaemon(async ({ daemon, logged }) => {
    const lines = logged.filter((line) => line.startsWith("listening"));
    assert.deepEqual(lines, [`listening on http://127.0.0.1:${daemon.port}, probes: test`]);
  }));

test("the token is its user's alone, and goes with the daemon", () =>
  withDaemon(async ({ daemon, tokenFile, folder }) => {
    if (process.platform !== "win32") {
      assert.equal(statSync(tokenFile).mode & 0o777, 0o600);
      assert.equal(statSync(join(folder, "xctl")).mode & 0o777, 0o700);
    }
    await daemon.stop();
    await daemon.done;
    assert.throws(() => statSync(tokenFile), { code: "ENOENT" });
  }));

test("another daemon's token is left where it is", () =>
  withDaemon(async ({ daemon, tokenFile }) => {
    writeFileSync(tokenFile, `${"A".repeat(43)}\n`);
    await daemon.stop();
    assert.equal(readFileSync(tokenFile, "utf8").trim(), "A".repeat(43));
  }));

test("a second daemon on the port is told whose it is", () =>
  withDaemon(async ({ daemon, client, tokenFile }) => {
    const token = readFileSync(tokenFile, "utf8");
    await assert.rejects(startDaemon({ ...defaults([]), port: daemon.port }), (error: XctlError) => {
      assert.equal(error.message, `another xctl daemon has port ${daemon.port}`);
      assert.match(error.hint ?? "", new RegExp(`xctl status --port ${daemon.port}`));
      return error.code === "failed";
    });
    assert.equal(readFileSync(tokenFile, "utf8"), token);
    assert.equal((await client.call("ping", {})).node, NODE);
  }));

test("a port that another program has is told as such, also where that one is silent", () =>
  withRuntimeFolder(async () => {
    const silent = createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
    const { port } = silent.address() as { port: number };
    try {
      await assert.rejects(startDaemon({ ...defaults([]), port }), { message: `another program has port ${port}` });
    } finally {
      silent.close();
    }
  }));

const POSIX = process.platform !== "win32";

test(
  "a token folder that others may write to, or that is a link, is refused",
  { skip: !POSIX && "no modes here" },
  () =>
    withRuntimeFolder(async (folder) => {
      const xctl = join(folder, "xctl");
      mkdirSync(xctl);
      chmodSync(xctl, 0o777);
      await assert.rejects(startDaemon(defaults([])), {
        message: /may be written to by others/,
        hint: /XDG_RUNTIME_DIR/,
      });
      rmSync(xctl, { recursive: true });
      mkdirSync(join(folder, "elsewhere"));
      symlinkSync(join(folder, "elsewhere"), xctl);
      await assert.rejects(startDaemon(defaults([])), { message: /is a symbolic link/ });
      rmSync(xctl);
      writeFileSync(xctl, "");
      await assert.rejects(startDaemon(defaults([])), { message: /is not a folder/ });
    }),
);

test(
  "an unwritable runtime folder is an error with a way out",
  { skip: process.getuid?.() === 0 && "root may write anywhere" },
  () =>
    withRuntimeFolder(async (folder) => {
      chmodSync(folder, 0o500);
      try {
        await assert.rejects(startDaemon(defaults([])), { code: "failed", hint: /XDG_RUNTIME_DIR/ });
      } finally {
        chmodSync(folder, 0o700);
      }
    }),
);

test("it stops in time, whoever is connected", () =>
  withDaemon(async ({ daemon, client, probe }) => {
    const end = new AbortController();
    let seen = 0;
    const followers = [1, 2, 3].map(async () => {
      for await (const event of client.events({}, end.signal)) seen += event.pid === 100 ? 1 : 0;
    });
    // Told again and again, for nobody says when the last of them is connected.
    const teller = setInterval(() => probe.tell(state(100, "running")), 20);
    await until("all are connected", () => seen > 10).finally(() => clearInterval(teller));
    const startMs = performance.now();
    await daemon.stop();
    await daemon.done;
    assert.ok(performance.now() - startMs < 2_000);
    for (const follower of followers) await assert.rejects(follower, { code: "daemon_unreachable" });
    await assert.rejects(client.call("ping", {}), { code: "daemon_unreachable" });
    await assert.rejects(new Client({ port: daemon.port }).call("ping", {}), {
      code: "daemon_unreachable",
      message: `cannot reach the daemon (port ${daemon.port})`,
      hint: "start it first: xctl run",
    });
  }));
