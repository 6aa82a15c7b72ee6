/** What is recorded, replayed, gives the answers that the daemon gave. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { Client } from "../../src/client/client.ts";
import { replay } from "../../src/client/replay.ts";
import { startDaemon } from "../../src/daemon/daemon.ts";
import { openRecording } from "../../src/daemon/recorder.ts";
import type { WhyDocument } from "../../src/model/documents.ts";
import { explain } from "../../src/model/why.ts";
import { psDocument } from "../../src/views/ps.ts";
import { whyDocument } from "../../src/views/why.ts";
import { defaults, NODE, stall, state, TestProbe, until, withRuntimeFolder } from "./harness.ts";

test("the replay answers as the daemon did, inspections included", () =>
  withRuntimeFolder(async (folder) => {
    const record = join(folder, "case.jsonl");
    const probe = new TestProbe();
    const daemon = await startDaemon({ ...defaults([]), probes: [probe], record });
    const client = new Client({ port: daemon.port });
    let live: WhyDocument;
    let rows: unknown;
    try {
      const [reader, stopped, wait, held] = stall() as [never, never, never, never];
      // Told first of all, by another host: it must not pass for the recording one.
      await client.call("emit", { events: [{ ...state(9, "running"), node: "other" }] });
      probe.tell(reader, wait, held);
      probe.closer.set(200, [stopped]);
      await until("all is applied", async () => (await client.call("status", {})).events.applied === 4);
      live = (await client.call("why", { pid: 100 })) as WhyDocument;
      rows = await client.call("ps", { all: true });
      assert.equal((await client.call("status", {})).recording?.file, record);
    } finally {
      await daemon.stop();
    }
    if (process.platform !== "win32") assert.equal(statSync(record).mode & 0o777, 0o600);

    const { graph, events, nowMs, refused } = await replay(record);
    assert.equal(refused, 0);
    assert.equal(graph.localNode, NODE);
    assert.deepEqual(
      events.map(({ event_type }) => event_type),
      ["action.exec", "process.state", "process.state", "process.wait", "resource.held", "process.state"],
    );
    const process100 = graph.process(100) ?? assert.fail();
    const told = whyDocument(explain(graph, process100, nowMs), { lang: "en", graph, container: null });
    assert.equal(live.root_causes[0]?.pid, 200);
    assert.deepEqual(timeless(told), timeless(live));
    const replayed = psDocument(graph, { all: true, nowMs });
    assert.deepEqual(timeless(replayed), timeless(rows));
  }));

test("a recording is never overwritten", () =>
  withRuntimeFolder(async (folder) => {
    const record = join(folder, "case.jsonl");
    writeFileSync(record, "precious");
    await assert.rejects(startDaemon({ ...defaults([]), record }), { code: "failed", message: /exists already/ });
    assert.equal(readFileSync(record, "utf8"), "precious");
    const missing = join(folder, "no", "case.jsonl");
    await assert.rejects(startDaemon({ ...defaults([]), record: missing }), {
      code: "failed",
      message: /cannot record/,
    });
  }));

test("an empty file, as mktemp makes it, is taken; a link to one is not", () =>
  withRuntimeFolder(async (folder) => {
    const record = join(folder, "case.jsonl");
    writeFileSync(record, "");
    const daemon = await startDaemon({ ...defaults([]), record });
    await daemon.stop();
    assert.match(readFileSync(record, "utf8"), /^\{.*"record".*\}\n$/);
    const link = join(folder, "link.jsonl");
    writeFileSync(join(folder, "empty"), "");
    symlinkSync(join(folder, "empty"), link);
    await assert.rejects(startDaemon({ ...defaults([]), record: link }), { message: /exists already/ });
  }));

test("a daemon that cannot start leaves no empty recording behind", () =>
  withRuntimeFolder(async (folder) => {
    const other = createServer(() => {});
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    const { port } = other.address() as { port: number };
    const record = join(folder, "case.jsonl");
    try {
      await assert.rejects(startDaemon({ ...defaults([]), port, record }), { message: /another program/ });
    } finally {
      other.close();
    }
    assert.equal(existsSync(record), false);
  }));

const FULL = { skip: !existsSync("/dev/full") && "no /dev/full here" };

test("a full disk ends the recording, tells so once, and nothing else", FULL, () =>
  withRuntimeFolder(async () => {
    const logged: string[] = [];
    await assert.rejects(openRecording("/dev/full", { node: NODE, version: "1", log: () => {} }), {
      message: /exists already/,
    });
    const { Recorder } = await import("../../src/daemon/recorder.ts");
    const { open } = await import("node:fs/promises");
    const recorder = new Recorder("/dev/full", await open("/dev/full", "w"), {
      node: NODE,
      version: "1",
      log: (line) => void logged.push(line),
    });
    for (let batch = 0; batch < 10; batch++) await recorder.write(stall());
    await until("the failure is seen", () => recorder.status.error !== null);
    await recorder.write(stall());
    await recorder.close(1_000);
    assert.equal(recorder.status.written, 0);
    assert.equal(recorder.status.dropped, 44);
    assert.match(recorder.status.error ?? "", /no space is left/);
    assert.equal(logged.length, 1);
  }),
);

test("a flood is recorded whole where the disk keeps up", () =>
  withRuntimeFolder(async (folder) => {
    const record = join(folder, "flood.jsonl");
    const recorder = await openRecording(record, { node: NODE, version: "1", log: () => {} });
    const batch = Array.from({ length: 1_000 }, (_, pid) => state(pid + 1, "running", { comm: "x".repeat(100) }));
    for (let count = 0; count < 100; count++) await recorder.write(batch);
    await recorder.close(10_000);
    assert.deepEqual({ ...recorder.status, file: "" }, { file: "", written: 100_001, dropped: 0, error: null });
    const { graph, refused } = await replay(record);
    assert.deepEqual([graph.applied, graph.counts().processes, refused], [100_001, 1_000, 0]);
  }));

/** As it comes over the wire, but for what depends on when it was asked. */
function timeless(document: unknown): unknown {
  return JSON.parse(JSON.stringify(document, (key, value: unknown) => (TIMES.has(key) ? null : value)));
}

const TIMES: ReadonlySet<string> = new Set(["blocked_ms", "now_ms"]);
