/** Whatever the file holds, a replay ends, and says what it could not use. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { replay } from "../../src/client/replay.ts";

const folder = mkdtempSync(join(tmpdir(), "xctl-replay-"));
after(() => rmSync(folder, { recursive: true }));

const line = (ts: number, pid: number, value: string) =>
  JSON.stringify({ ts, event_type: "process.state", entity_id: `pid-${pid}`, pid, value, node: "host" });

function fileOf(text: string | Buffer): string {
  const file = join(folder, "log.jsonl");
  writeFileSync(file, text);
  return file;
}

test("lines that are no events are counted, the others folded", async () => {
  const lines = ["not json", line(5_000, 1, "running"), "", "{}", line(6_000, 2, "stopped"), "x".repeat(1_000_000)];
  const { graph, events, nowMs, refused } = await replay(fileOf(lines.join("\n")));
  assert.deepEqual([events.length, nowMs, refused], [2, 6_000, 3]);
  assert.equal(graph.process(2)?.state, "stopped");
});

test("time goes on with the log and never back", async () => {
  const lines = [
    line(10_000, 1, "running"),
    line(1_000, 2, "exit"),
    line(20_000, 1, "exit"),
    line(3_000, 3, "running"),
  ];
  const { graph, nowMs } = await replay(fileOf(lines.join("\n")));
  assert.equal(nowMs, 20_000);
  assert.equal(graph.process(1)?.exited, true);
  const later = await replay(fileOf([...lines, line(90_000, 3, "running")].join("\n")));
  assert.equal(later.graph.process(1), undefined, "a minute after its exit a process is forgotten");
});

test("a file that cannot be used is an error that says why", async () => {
  await assert.rejects(replay(join(folder, "missing")), { code: "failed", message: /missing: no such file/ });
  await assert.rejects(replay(folder), { code: "failed", message: /it is a folder/ });
  await assert.rejects(replay(fileOf("")), { code: "failed", message: /is empty/ });
  await assert.rejects(replay(fileOf("a\nb\n")), { code: "failed", message: /holds no event, only 2 other lines/ });
  await assert.rejects(replay(fileOf(Buffer.alloc(300_000, 0xff))), { code: "failed", message: /holds no event/ });
});
