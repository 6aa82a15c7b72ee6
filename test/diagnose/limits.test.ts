/** Calls are counted across runs, also of runs at once, and whatever the file holds. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { Failure } from "../../src/diagnose/failure.ts";
import { limitsOf, stateFolder, takeCall } from "../../src/diagnose/limits.ts";

const NOW_MS = 1_790_000_000_000;
const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

test("so many an hour, and no more", (t) => {
  const folder = place(t);
  for (let call = 0; call < 3; call++) takeCall(folder, 3, NOW_MS + call * MINUTE_MS);
  assert.deepEqual(refusal(folder, 3, NOW_MS + 10 * MINUTE_MS), ["call_limit", "3", "50"]);
  takeCall(folder, 3, NOW_MS + HOUR_MS);
  assert.deepEqual(refusal(folder, 3, NOW_MS + HOUR_MS), ["call_limit", "3", "1"]);
});

test("a loop that is refused does not make its own hour longer, nor the file", (t) => {
  const folder = place(t);
  takeCall(folder, 1, NOW_MS);
  const { size } = statSync(join(folder, "llm-calls"));
  for (let call = 1; call < 50; call++) assert.ok(refusal(folder, 1, NOW_MS + call * MINUTE_MS));
  assert.equal(statSync(join(folder, "llm-calls")).size, size);
  takeCall(folder, 1, NOW_MS + HOUR_MS);
});

test("runs at once take no more than there are", async (t) => {
  const folder = place(t);
  const limits = join(import.meta.dirname, "..", "..", "src", "diagnose", "limits.ts");
  const script = `
    import { takeCall } from ${JSON.stringify(limits)};
    for (let at = 0; at < 10; at++) try { takeCall(${JSON.stringify(folder)}, 7, Date.now()); process.stdout.write("x"); } catch {}
  `;
  const runs = Array.from({ length: 4 }, () => {
    const child = spawn(process.execPath, ["--input-type=module-typescript", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    t.after(() => child.kill("SIGKILL"));
    let taken = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (taken += text));
    return once(child, "close").then(() => taken.length);
  });
  const taken = (await Promise.all(runs)).reduce((sum, each) => sum + each, 0);
  assert.equal(taken, 7);
});

test("only the user may read it", (t) => {
  const folder = place(t);
  takeCall(folder, 3, NOW_MS);
  assert.equal(statSync(join(folder, "llm-calls")).mode & 0o777, 0o600);
  assert.equal(statSync(folder).mode & 0o777, 0o700);
  assert.match(readFileSync(join(folder, "llm-calls"), "utf8"), /^\d{13} \d+\n$/);
});

test("whatever the file holds, it is no failure", (t) => {
  const folder = place(t);
  mkdirSync(folder);
  const path = join(folder, "llm-calls");
  for (const text of ["", "\0\0\0", "{]", "9".repeat(50), `${NOW_MS}`, "x\n".repeat(100_000), `${NOW_MS + 1e12} 1\n`]) {
    writeFileSync(path, text);
    takeCall(folder, 1, NOW_MS);
  }
  assert.ok(statSync(path).size <= 64 * 1024 + 64, "it does not grow for ever");
});

test("of a file that has grown, the calls of this hour are kept", (t) => {
  const folder = place(t);
  mkdirSync(folder);
  const old = Array.from({ length: 6_000 }, (_, at) => `${NOW_MS - 10 * HOUR_MS + at} 1\n`).join("");
  writeFileSync(join(folder, "llm-calls"), old);
  takeCall(folder, 2, NOW_MS);
  takeCall(folder, 2, NOW_MS + 1);
  assert.ok(statSync(join(folder, "llm-calls")).size < old.length);
  assert.ok(refusal(folder, 2, NOW_MS + 2));
});

test("no link is followed, and what is no file is not written to", (t) => {
  const folder = place(t);
  mkdirSync(folder);
  const target = join(folder, "target");
  symlinkSync(target, join(folder, "llm-calls"));
  assert.equal(refusal(folder, 3, NOW_MS)?.[0], "uncounted");
  assert.ok(!existsSync(target));
  rmSync(join(folder, "llm-calls"));
  mkdirSync(join(folder, "llm-calls"));
  assert.equal(refusal(folder, 3, NOW_MS)?.[0], "uncounted");
  const link = `${folder}-link`;
  symlinkSync(folder, link);
  t.after(() => rmSync(link, { force: true }));
  assert.equal(refusal(link, 3, NOW_MS)?.[0], "uncounted");
});

test(
  "where they cannot be counted, none is made",
  { skip: process.getuid?.() === 0 && "root may write anywhere" },
  (t) => {
    const folder = place(t);
    mkdirSync(folder);
    chmodSync(folder, 0o500);
    t.after(() => chmodSync(folder, 0o700));
    assert.equal(refusal(folder, 3, NOW_MS)?.[0], "uncounted");
  },
);

test("the limits as the environment sets them", () => {
  assert.deepEqual(limitsOf({}, "en"), { callsPerHour: 20, tokensPerCall: 16_000, timeoutMs: 60_000 });
  const set = { XCTL_LLM_MAX_CALLS_PER_HOUR: "0", XCTL_LLM_MAX_TOKENS: "32000", XCTL_LLM_TIMEOUT: "180" };
  assert.deepEqual(limitsOf(set, "en"), { callsPerHour: 0, tokensPerCall: 32_000, timeoutMs: 180_000 });
  for (const text of ["-1", "many", "1e9", "12.5", "99999999999"]) {
    assert.throws(() => limitsOf({ XCTL_LLM_MAX_TOKENS: text }, "en"), /XCTL_LLM_MAX_TOKENS/);
  }
});

test("the folder is where the XDG specification has it", () => {
  assert.equal(stateFolder({ XDG_STATE_HOME: "/state", HOME: "/srv/a" }), "/state/xctl");
  assert.equal(stateFolder({ XDG_STATE_HOME: "relative", HOME: "/srv/a" }), "/srv/a/.local/state/xctl");
  assert.equal(stateFolder({ HOME: "/srv/a" }), "/srv/a/.local/state/xctl");
});

function place(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "xctl-limits-"));
  t.after(() => rmSync(folder, { recursive: true }));
  return join(folder, "xctl");
}

function refusal(folder: string, callsPerHour: number, nowMs: number): string[] | undefined {
  try {
    takeCall(folder, callsPerHour, nowMs);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof Failure);
    return [error.kind, ...error.details];
  }
}
