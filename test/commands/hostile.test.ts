/** A process whose name and arguments are an attack on whoever lists it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PsDocument, WhyDocument } from "../../src/model/documents.ts";
import { printable } from "../../src/lib/text.ts";
import { onLinux, Tree } from "../act/processes.ts";
import { until } from "../daemon/harness.ts";
import { Place } from "./place.ts";

const LONG_CHARACTERS = 100_000;
/** Clears the screen, sets the window's title, begins a line of its own, turns the text around. */
const NAME = "\\x1b[2J\\x9b1m\\n";
const HOSTILE = `
import ctypes, os, sys
if len(sys.argv) == 1:
    os.execv(sys.executable, ["\\x1b]0;title\\x07\\nroot 1", sys.argv[0], "\\u202egnp.exe", "<script>", "x" * ${LONG_CHARACTERS}])
ctypes.CDLL(None).prctl(15, b"${NAME}", 0, 0, 0)
print("ready", flush=True)
sys.stdin.close(); import time; time.sleep(300)
`;

test("is shown safely everywhere", { skip: onLinux }, async (t) => {
  const place = new Place(t);
  const script = place.file("hostile.py", HOSTILE);
  await using tree = await new Tree("python3", script).says("ready");
  const pid = String(tree.pid);
  const daemon = await place.daemon();
  const row = async () => {
    const { processes } = await daemon.document<PsDocument>("ps", "--all");
    return processes.find((process) => process.pid === tree.pid);
  };
  await until("it is known with its arguments", async () => /root 1.*<script> x+/s.test((await row())?.cmdline ?? ""));
  const outputs = await Promise.all([
    daemon.ask("ps", "--all"),
    daemon.ask("why", pid),
    daemon.ask("why", "--all"),
    daemon.ask("events", "--pid", pid),
    daemon.ask("ps", "--all", "--json"),
    daemon.ask("why", pid, "--json"),
    daemon.ask("events", "--pid", pid, "--json"),
    place.run(["zap", pid, "--dry-run"]),
    place.run(["zap", pid, "--dry-run", "--json"]),
  ]);
  for (const { status, stdout, stderr } of outputs) {
    assert.deepEqual([status, stderr], [0, ""]);
    const body = stdout.replaceAll("\n", " ");
    assert.equal(body, printable(body));
  }
  const [list] = outputs;
  assert.ok(list?.stdout.includes(pid));
  assert.ok(
    list?.stdout.split("\n").every((line) => line === "" || /^ *(PID|\d+) /.test(line)),
    "one process a line",
  );
  const why = JSON.parse(outputs[5]?.stdout ?? "") as WhyDocument;
  assert.equal(why.process.pid, tree.pid);
  assert.ok(why.process.cmdline.length < LONG_CHARACTERS);
  assert.ok(((await row())?.cmdline.length ?? Infinity) < LONG_CHARACTERS);
});
