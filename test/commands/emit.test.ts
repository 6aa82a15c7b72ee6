/** `xctl emit`: what somebody else's program tells, good or bad, of today or of 1970. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  EventsDocument,
  PsDocument,
  StatusDocument,
  WhyAllDocument,
  WhyDocument,
} from "../../src/model/documents.ts";
import { stall } from "../daemon/harness.ts";
import { Place } from "./place.ts";

test("events of any clock are believed from now on", async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "dummy", "--interval", "1h");
  for (const ts of [1000, Date.now() - 3_600_000]) {
    assert.deepEqual(await daemon.emit(...stall(ts)), { status: 0, stdout: "", stderr: "" });
    // The graph forgets once a second what has had its time.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    const why = await daemon.document<WhyDocument>("why", "100");
    assert.deepEqual([why.verdict, why.root_causes[0]?.pid], ["blocked", 200], String(ts));
    const { groups } = await daemon.document<WhyAllDocument>("why");
    assert.ok(groups.some(({ root_cause }) => root_cause.pid === 200));
    const { processes } = await daemon.document<PsDocument>("ps");
    assert.deepEqual(
      processes.map(({ pid }) => pid).filter((pid) => pid < 1000),
      [100, 200],
    );
  }
});

test("a bad line stops nothing; only bad lines are a failure", async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "dummy", "--interval", "1h");
  const emit = (input: string | Uint8Array) => place.run(["emit", "--port", String(daemon.port)], { input });
  const good = '{"ts":1,"event_type":"compute.util","entity_id":"gpu-09","value":"5"}';
  assert.deepEqual(await emit(""), { status: 0, stdout: "", stderr: "" });
  assert.deepEqual(await emit(`nonsense\n\n${good}\n[]\n${good}`), {
    status: 0,
    stdout: "",
    stderr: "[xctl] 1 line was refused: not_json\n[xctl] 1 line was refused: not_object\n",
  });
  assert.deepEqual(await emit("nonsense\n"), {
    status: 1,
    stdout: "",
    stderr: "[xctl] 1 line was refused: not_json\n",
  });
  const { probes, events } = await daemon.document<StatusDocument>("status");
  const { name, events: accepted, rejected } = probes.at(-1) ?? assert.fail();
  assert.deepEqual({ name, accepted, rejected }, { name: "emit", accepted: 2, rejected: 3 });
  assert.equal(events.rejected, 3);
});

const EXAMPLE = join(import.meta.dirname, "..", "..", "examples", "probe.py");

/** Undefined where the example has what it needs. */
function lackingForExample(): string | undefined {
  if (process.platform !== "linux") return "needs /proc/diskstats";
  if (readFileSync("/proc/diskstats", "utf8") === "") return "this machine has no block device";
  return spawnSync("python3", ["--version"]).status === 0 ? undefined : "python3 is not installed";
}

test("python3 examples/probe.py | xctl emit", { skip: lackingForExample() ?? false }, async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "dummy", "--interval", "1h");
  const emit = place.start(["emit", "--port", String(daemon.port)], { input: null });
  const probe = spawn("python3", [EXAMPLE], {
    env: { ...process.env, XCTL_INTERVAL_MS: "100" },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => probe.kill("SIGKILL"));
  assert.ok(emit.child.stdin !== null);
  probe.stdout.pipe(emit.child.stdin);
  const told = async (type: string) => {
    const { events } = await daemon.document<EventsDocument>("events", "--type", type);
    return events.filter(({ entity_id: id }) => readFileSync("/proc/diskstats", "utf8").includes(` ${id} `));
  };
  for (const type of ["storage.iops", "storage.qdepth"]) {
    let events = await told(type);
    for (let tries = 0; events.length === 0 && tries < 50; tries++) {
      await sleep(200);
      events = await told(type);
    }
    assert.ok(events.length > 0, type);
  }
  // With its input `emit` ends as well.
  probe.kill("SIGKILL");
  assert.deepEqual(await emit.ended, { status: 0, stdout: "", stderr: "" });
  const { probes } = await daemon.document<StatusDocument>("status");
  const { name, events: accepted, rejected } = probes.at(-1) ?? assert.fail();
  assert.ok(accepted > 1);
  assert.deepEqual({ name, rejected }, { name: "emit", rejected: 0 });
});
