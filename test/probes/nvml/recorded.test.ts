/** A reading of a real H100 (driver 580.159.04) with three CUDA processes, and the line its driver logged for a fourth. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { NvmlReading } from "../../../src/kernel/nvml-reading.ts";
import { check } from "../../../src/model/event.ts";
import { NvmlWatch } from "../../../src/probes/nvml/watch.ts";

const FIXTURES = join(import.meta.dirname, "..", "..", "fixtures", "nvml");
const READING = JSON.parse(readFileSync(join(FIXTURES, "reading-h100-580.json"), "utf8")) as NvmlReading;
const NOW = 1_795_366_160_000;

/** A /proc in which these processes live, in the machine's first pid namespace. */
function procOf(context: TestContext, pids: readonly number[]): string {
  const proc = mkdtempSync(join(tmpdir(), "xctl-nvml-"));
  context.after(() => rmSync(proc, { recursive: true }));
  for (const pid of pids) {
    const stat = `${pid} (load) S 411 411 411 0 -1 4194304 0 0 0 0 0 0 0 0 20 0 3 0 ${pid} 0 0`;
    for (const folder of [`${pid}`, `${pid}/task/${pid}`]) {
      mkdirSync(join(proc, folder), { recursive: true });
      writeFileSync(join(proc, folder, "stat"), stat);
      writeFileSync(join(proc, folder, "comm"), "load\n");
    }
  }
  mkdirSync(join(proc, "self", "ns"), { recursive: true });
  symlinkSync("pid:[4026531836]", join(proc, "self", "ns", "pid"));
  return proc;
}

test("the figures of the GPU, and each process's share of it", (context) => {
  const events = new NvmlWatch(procOf(context, [462, 463, 464])).reading(READING, NOW);
  for (const event of events) assert.equal(check(event), event);
  const figures = (type: string) =>
    Object.fromEntries(events.filter(({ event_type }) => event_type === type).map(({ pid, value }) => [pid, value]));
  assert.deepEqual(figures("compute.util"), { undefined: "100", 462: "40", 464: "60" });
  assert.deepEqual(figures("compute.mem"), { undefined: "1.9", 462: "0.6", 463: "0.6", 464: "0.6" });
  assert.ok(events.every(({ entity_id }) => entity_id === "gpu-00"));
  const facts = events.find(({ event_type, pid }) => event_type === "compute.util" && pid === undefined)?.attrs;
  assert.deepEqual(
    [facts?.name, facts?.temperature_c, facts?.sm_clock_mhz, facts?.power_limit_w, facts?.pcie_width],
    ["NVIDIA H100 80GB HBM3", 42, 1980, 700, 16],
  );
});

test("an application's XID hits the process that the log names, and no other", (context) => {
  const watch = new NvmlWatch(procOf(context, [462, 463, 464, 573]));
  watch.reading(READING, NOW);
  const line = readFileSync(join(FIXTURES, "dmesg-h100.txt"), "utf8")
    .split("\n")
    .find((text) => /pid=573/.test(text));
  const text = (line ?? "").replace(/^\[[^\]]*\] /, "");
  const [error, ...others] = watch.log([{ text, atMs: NOW, ageMs: 0, level: 4 }], NOW);
  assert.deepEqual(others, []);
  assert.deepEqual(
    [error?.pid, error?.value.split(":")[0], error?.attrs?.severity, error?.attrs?.scope, error?.attrs?.blame],
    [573, "XID_31", "fault", "process", "application"],
  );
});

test("a process of another pid namespace is not taken for the one that has its number here", (context) => {
  const events = new NvmlWatch(procOf(context, [462])).reading(READING, NOW);
  assert.deepEqual([...new Set(events.flatMap(({ pid }) => pid ?? []))], [462]);
});
