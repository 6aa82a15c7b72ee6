import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Event } from "../../src/model/event.ts";
import type { Probe, ProbeContext } from "../../src/probes/probe.ts";
import { Refusals } from "../../src/probes/refusals.ts";
import { subprocessProbe } from "../../src/probes/subprocess.ts";
import { collectingHost, LINE, programs, until } from "./programs.ts";

const usage = (entity_id: string): Event => ({ ts: 1, event_type: "compute.util", entity_id, value: "1" });
const untilAborted = (signal: AbortSignal) => delay(2 ** 30, undefined, { signal }).catch(() => {});

const wait = (entity_id: string, tid: number, value: string): Event => ({
  ts: 1,
  event_type: "process.wait",
  entity_id,
  pid: 10,
  value,
  attrs: { tid },
});

function probe(name: string, run: Probe["run"], more: Partial<Probe> = {}): Probe {
  return { name, summary: name, supported: () => true, run, ...more };
}

const healthy = (name: string, more: Partial<Probe> = {}): Probe =>
  probe(
    name,
    async function* ({ signal }) {
      yield [usage(name)];
      await untilAborted(signal);
    },
    more,
  );

test("probes fail alone: one that throws, one that returns and one that breaks the contract harm no other", async (t) => {
  const { host, events, logged } = collectingHost(t);
  host.start([
    // oxlint-disable-next-line require-yield
    probe("throws", async function* () {
      throw new Error("no such device\nsecond line");
    }),
    probe("returns", async function* () {
      yield [usage("returns")];
    }),
    probe("breaks", (() => undefined) as unknown as Probe["run"]),
    healthy("healthy"),
  ]);
  await until("all four to be told", () => events.length >= 2 && logged.length >= 3);
  const states = Object.fromEntries(host.status().map((status) => [status.name, status]));
  assert.equal(states.healthy?.state, "running");
  assert.equal(states.healthy?.last_error, null);
  assert.equal(states.throws?.state, "waiting");
  assert.equal(states.throws?.last_error, "no such device");
  assert.equal(states.returns?.last_error, "ended by itself");
  assert.equal(states.breaks?.state, "waiting");
  assert.ok(logged.includes("probe throws: no such device; starts again in 1 s"));
});

test("a program that dies is started again, later each time", async (t) => {
  const write = programs(t);
  const { host, events, logged } = collectingHost(t);
  const startsMs: number[] = [];
  const dying = subprocessProbe(write("dying.sh", `#!/bin/sh\necho '${LINE}'\nkill -SEGV $$\n`));
  host.start([
    {
      ...dying,
      run(context) {
        startsMs.push(performance.now());
        return dying.run(context);
      },
    },
  ]);
  await until("a third start", () => events.length >= 3);
  const [first = 0, second = 0, third = 0] = startsMs;
  assert.ok(second - first >= 990, `second start after ${second - first} ms`);
  assert.ok(third - second >= 1990, `third start after ${third - second} ms`);
  assert.equal(host.status()[0]?.restarts, 2);
  assert.equal(host.status()[0]?.last_error, "was killed by SIGSEGV");
  assert.ok(logged.some((line) => line.endsWith("was killed by SIGSEGV; starts again in 2 s")));
});

test("one that this machine does not support says so and is not run", async (t) => {
  const { host } = collectingHost(t);
  let runs = 0;
  const counted: Probe["run"] = async function* () {
    runs++;
    yield [];
  };
  host.start([probe("elsewhere", counted, { supported: () => "needs Plan 9" })]);
  await delay(50);
  assert.equal(runs, 0);
  assert.equal(host.status()[0]?.state, "failed");
  assert.equal(host.status()[0]?.last_error, "needs Plan 9");
});

test("what a dead probe had told ends with it, and what it had ended itself does not end twice", async (t) => {
  const held: Event = { ts: 1, event_type: "resource.held", entity_id: "pipe:1", pid: 11, value: "writer" };
  const elsewhere: Event = { ...held, node: "other" };
  const { host, events } = collectingHost(t, { now: () => 5 });
  host.start([
    probe("dies", async function* () {
      yield [wait("pipe:1", 10, "pipe.read"), wait("pipe:1", 12, "pipe.read"), held, elsewhere, usage("gpu-00")];
      yield [wait("pipe:1", 10, "pipe.read"), wait("pipe:1", 12, "end")];
    }),
  ]);
  await until("its death", () => host.status()[0]?.state === "waiting");
  assert.deepEqual(events.slice(7), [
    { ts: 5, event_type: "process.wait", entity_id: "pipe:1", pid: 10, value: "end", attrs: { tid: 10 } },
    { ts: 5, event_type: "resource.held", entity_id: "pipe:1", pid: 11, value: "end" },
    { ts: 5, event_type: "resource.held", entity_id: "pipe:1", pid: 11, value: "end", node: "other" },
  ]);
});

test("a probe is not asked for more until the sink has taken what it gave", async (t) => {
  const gate = Promise.withResolvers<void>();
  let asked = 0;
  const { host } = collectingHost(t, { sink: () => gate.promise });
  host.start([
    probe("eager", async function* ({ signal }) {
      for (; asked < 5; yield [usage("a")]) asked++;
      await untilAborted(signal);
    }),
  ]);
  await delay(50);
  assert.equal(asked, 1);
  assert.equal(host.status()[0]?.events, 1);
  gate.resolve();
  await until("the next batches", () => host.status()[0]?.events === 5);
});

test("stop is bounded, whatever a probe or the sink does", async (t) => {
  const write = programs(t);
  const { host, events } = collectingHost(t, {
    sink: (batch, name) => {
      events.push(...batch);
      return name === "stuck sink" ? new Promise<void>(() => {}) : undefined;
    },
  });
  const deaf = write("deaf.sh", `#!/bin/sh\ntrap '' TERM HUP INT\necho '${LINE}'\nwhile :; do sleep 1; done\n`);
  host.start([
    subprocessProbe(deaf),
    probe("deaf", async function* () {
      yield [usage("deaf")];
      await new Promise(() => {});
    }),
    healthy("stuck sink"),
  ]);
  await until("all three", () => events.length >= 3);
  const pid = host.status()[0]?.pid;
  const startedMs = performance.now();
  await host.stop();
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < 4_000, `${tookMs} ms`);
  assert.ok(pid);
  assert.throws(() => process.kill(pid, 0), { code: "ESRCH" });
});

test("a closer look is the sum of those who answer in time", async (t) => {
  const { host, logged } = collectingHost(t);
  const looks = (name: string, inspect: NonNullable<Probe["inspect"]>) => healthy(name, { inspect });
  let seen: readonly number[] = [];
  let late: AbortSignal | undefined;
  host.start([
    healthy("cannot look"),
    looks("quick", async (pids) => {
      seen = pids;
      return [usage("quick")];
    }),
    looks("fails", async () => {
      throw new Error("permission denied");
    }),
    looks("hangs", (_, context: ProbeContext) => {
      late = context.signal;
      return new Promise(() => {});
    }),
  ]);
  const keepAlive = setInterval(() => {}, 1000);
  t.after(() => clearInterval(keepAlive));
  const events = await host.inspect([7, 8], 100);
  assert.deepEqual(seen, [7, 8]);
  assert.deepEqual(
    events.map((event) => event.entity_id),
    ["quick"],
  );
  assert.ok(late?.aborted, "the late one is told to give up");
  assert.ok(logged.includes("probe fails: inspection failed: permission denied"));
});

test("a flood of refusals is one line a minute for each reason", () => {
  const logged: string[] = [];
  const refusals = new Refusals((line) => logged.push(line));
  for (let ms = 0; ms < 180_000; ms += 1_000) {
    for (let line = 0; line < 100; line++) refusals.add("not_json");
    refusals.tell(ms);
  }
  refusals.add("ts");
  refusals.tell(180_000, true);
  assert.deepEqual(logged, [
    "100 lines refused (not_json)",
    "6000 lines refused (not_json)",
    "6000 lines refused (not_json)",
    "5900 lines refused (not_json)",
    "1 line refused (ts)",
  ]);
  assert.equal(refusals.total, 18_001);
});
