import assert from "node:assert/strict";
import { test } from "node:test";
import type { CaseFile, CaseSource } from "../../src/diagnose/case.ts";
import { maskedCase } from "../../src/diagnose/case-file.ts";
import { caseText, roughTokens } from "../../src/diagnose/case-text.ts";
import { CASES, held, NOW_MS, process, wait } from "../views/cases.ts";
import { sourceOf, stalled } from "./source.ts";

const OPTIONS = { strict: false, maxTokens: 8000 };
const fileOf = (source: CaseSource, maxTokens = OPTIONS.maxTokens, strict = false): CaseFile =>
  maskedCase(source, { strict, maxTokens }).file;

test("holds the answer, its neighbours, their errors and actions, and the probes", () => {
  const source = stalled();
  const file = fileOf(source);
  assert.deepEqual(file.why, source.why);
  assert.deepEqual(
    file.processes.map(({ pid }) => pid),
    [10, 11, 9],
  );
  assert.deepEqual(
    file.events.map(({ event_type }) => event_type),
    ["error.hw", "action.exec"],
  );
  assert.deepEqual(file.probes[1], { name: "nvml", state: "failed", last_error: "no driver" });
  assert.deepEqual(file.left_out, { processes: 0, events: 0 });
  assert.equal(file.asked_ms, NOW_MS);
});

test("what may be cited is what it holds", () => {
  const { entities } = fileOf(stalled());
  assert.deepEqual(entities.toSorted(), ["lock:08:01:42", "pid-10", "pid-11", "pid-9"]);
});

test("a process of another host is cited with its host, on strict with the mask", () => {
  const remote = [
    { ...process(10, "sleeping", "reader"), entity_id: "node-b/pid-10", node: "node-b" },
    { ...wait(10, "flock", "lock:08:01:42", 12_400), node: "node-b" },
  ];
  const source = stalled();
  const rows = source.processes.map((row) => ({ ...row, node: "node-b" }));
  const why = {
    ...source.why,
    process: { ...source.why.process, node: "node-b" },
    chain: source.why.chain.map((hop) => ({ ...hop, from: away(hop.from), to: away(hop.to) })),
    root_causes: source.why.root_causes.map((cause) => ({ ...cause, entity_id: away(cause.entity_id) })),
    names: Object.fromEntries(Object.entries(source.why.names).map(([id, name]) => [away(id), name])),
  };
  const there = { ...source, why, processes: rows, events: remote };
  assert.deepEqual(
    fileOf(there).entities.filter((id) => id.includes("pid-")),
    ["node-b/pid-10", "node-b/pid-11"],
  );
  const { file, restore } = maskedCase(there, { ...OPTIONS, strict: true });
  assert.doesNotMatch(JSON.stringify(file), /node-b/);
  assert.ok(file.entities.includes("[host-1]/pid-10"), file.entities.join());
  assert.equal(restore("[host-1]/pid-10"), "node-b/pid-10");
});

test("on strict a chain through addresses can still be followed and cited", () => {
  const id = "tcp:10.0.0.1:29500-10.0.0.2:41000";
  const source = sourceOf(
    [
      process(30, "sleeping", "python3", { cmdline: "python3 train.py --master_addr 10.0.0.1" }),
      wait(30, "tcp.recv", id, 95_000, { observed: "recvfrom(9, …) in wait_woken" }),
      held(id, 31, "peer", "socket:[77]", "/proc/31/fd/5"),
      process(31, "stopped", "python3", { cmdline: "python3 train.py" }),
    ],
    30,
  );
  const { file, restore } = maskedCase(source, { ...OPTIONS, strict: true });
  assert.doesNotMatch(JSON.stringify(file), /10\.0\.0|node-a/);
  const [first, second] = file.why.chain;
  assert.equal(first?.to, second?.from);
  assert.ok(file.entities.includes(first?.to ?? ""));
  assert.equal(restore(first?.to ?? ""), id);
});

test("a value whose key says what it is, is masked", () => {
  const source = stalled();
  const error = { ...source.events.at(-1), attrs: { password: "wort", api_key: 12_345_678, disk: "nvme0n1" } };
  const { events } = fileOf({ ...source, events: [error as CaseSource["events"][number]] });
  assert.deepEqual(events[0]?.attrs, { password: "[secret-1]", api_key: "[secret-2]", disk: "nvme0n1" });
});

test("every case of the catalogue fits whatever the budget, and keeps the process and the chain's ends", () => {
  for (const [name, given] of Object.entries(CASES)) {
    if (!("ask" in given)) continue;
    const source = sourceOf(given.events, given.ask);
    for (const budget of [1000, 2000, 4000, 16_000]) {
      const file = fileOf(source, budget);
      assert.ok(roughTokens(caseText(file)) <= budget, `${name}: ${roughTokens(caseText(file))} of ${budget}`);
      assert.equal(file.why.process.pid, given.ask);
      assert.equal(file.why.chain.length, source.why.chain.length, name);
      assert.equal(file.why.root_causes[0]?.kind, source.why.root_causes[0]?.kind);
    }
  }
});

test("a crowd of neighbours and a storm of errors are left out from the farthest on, and counted", () => {
  const source = stalled({ cmdline: "reader ".repeat(500) });
  const error = source.events.at(-1) as CaseSource["events"][number];
  const storm = Array.from({ length: 5000 }, (_, at) => ({ ...error, ts: NOW_MS - 5000 + at, value: `failure ${at}` }));
  const children = Array.from({ length: 500 }, (_, at) => process(1000 + at, "sleeping", "child", { ppid: 10 }));
  const rows = children.map(({ pid = 0 }) => ({ ...source.processes[0], pid }) as CaseSource["processes"][number]);
  const file = fileOf(
    { ...source, events: [...source.events, ...children, ...storm], processes: [...source.processes, ...rows] },
    4000,
  );
  assert.ok(roughTokens(caseText(file)) <= 4000);
  assert.deepEqual(
    file.processes.slice(0, 2).map(({ pid }) => pid),
    [10, 11],
  );
  assert.equal(file.events[0]?.value, "failure 4999");
  assert.ok(file.events.length > 3 && file.processes.length > 3 && file.probes.length === 2);
  assert.equal(file.left_out.events, 5002 - file.events.length);
  assert.equal(file.left_out.processes, 503 - file.processes.length);
});

test("a chain that is too long loses its middle", () => {
  const pids = Array.from({ length: 400 }, (_, at) => 2000 + at);
  const events = pids.map((pid) => process(pid, pid === 2399 ? "stopped" : "sleeping", `link-${"x".repeat(400)}`));
  for (const pid of pids.slice(0, -1)) {
    const lock = `lock:08:01:${pid}`;
    events.push(wait(pid, "flock", lock, 10_000, { label: `/data/${"y".repeat(300)}` }));
    events.push(held(lock, pid + 1, "owner", "FLOCK ADVISORY WRITE", "/proc/locks"));
  }
  const source = sourceOf(events, 2000);
  const file = fileOf(source, 3000);
  assert.ok(roughTokens(caseText(file)) <= 3000);
  assert.equal(file.why.chain[0]?.from, "pid-2000");
  assert.deepEqual(file.why.chain.at(-1)?.to, source.why.chain.at(-1)?.to);
  assert.ok(file.why.chain.length < source.why.chain.length);
});

test("a text is cut, a command or an id is not", () => {
  const long = "/data/".concat("deep/".repeat(90), "lock");
  const source = stalled({ label: long });
  source.why.process.cmdline = `reader ${"word ".repeat(600)}`;
  const cause = source.why.root_causes[0];
  assert.ok(cause !== undefined);
  cause.advice = [
    { text: "short", command: "kill -CONT 11", risk: "safe" },
    { text: "long", command: `kill ${"1 ".repeat(1000)}`, risk: "safe" },
  ];
  const file = fileOf(source);
  assert.ok(file.why.process.cmdline.length <= 1024 && file.why.process.cmdline.endsWith("…"));
  assert.deepEqual(
    file.why.root_causes[0]?.advice.map(({ command }) => command),
    ["kill -CONT 11", null],
  );
});

function away(id: string): string {
  return id.startsWith("pid-") ? `node-b/${id}` : id;
}
