import assert from "node:assert/strict";
import { test } from "node:test";
import { errorDocument, errorText } from "../../src/views/errors.ts";
import type { Style } from "../../src/views/style.ts";

const style: Style = { color: false, width: 20, lang: "en", unicode: true };

test("without a daemon: the contract's two lines, in English and Chinese", () => {
  assert.equal(unreachable("en"), "[xctl] error: cannot reach the daemon (port 9090)\n[xctl] start it first: xctl run");
  assert.equal(unreachable("zh"), "[xctl] 错误：无法连接到 daemon (端口 9090)\n[xctl] 请先运行: xctl run");
});

test("what the daemon says of a pid or a job is said in the reader's language", () => {
  const zh = { ...style, lang: "zh" } as const;
  assert.match(errorText("no_such_process", "no process 41", undefined, zh), /^\[xctl\] 错误：没有这个进程：41\n/);
  assert.match(errorText("failed", "no job train-7", undefined, zh), /^\[xctl\] 错误：没有这个作业：train-7\n/);
});

test("another error is told as it is, on one line, without a hint on one only", () => {
  assert.equal(errorText("failed", "cannot\nread\u001b[2J", undefined, style), "[xctl] error: cannot?read?[2J");
});

test("the document has all three fields", () => {
  const error = { code: "usage", message: "not a port: x", hint: null };
  assert.deepEqual(errorDocument("usage", "not a port: x", undefined, "en"), { error });
});

function unreachable(lang: "en" | "zh"): string {
  const message = "cannot reach the daemon (port 9090)";
  return errorText("daemon_unreachable", message, "start it first: xctl run", { ...style, lang });
}
