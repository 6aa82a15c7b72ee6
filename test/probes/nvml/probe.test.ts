/** The whole probe, the process that calls the library included, over the stand-in for NVML. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir, uptime } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import { readText } from "../../../src/kernel/procfs.ts";
import { check, type Event } from "../../../src/model/event.ts";
import { nvmlProbe } from "../../../src/probes/nvml/index.ts";
import { carriers, collectingHost, lives, until } from "../programs.ts";
import { noStandIn, StandIn, type Variant } from "./standin.ts";

const skip = { skip: noStandIn };
const HEALTHY = `gpus 2
0 util 85 40
0 memory 81559 40000
0 pcie 16 16 5 5 0
0 ecc 3 0
0 rows 0 0 0 0
0 retired 0 0 0
1 util 0 0
1 memory 81559 10
1 pcie 16 16 1 5 0`;

test("figures and facts of each GPU come with every look", skip, async (t) => {
  const { events } = play(t, HEALTHY);
  const utils = () => events.filter((event) => event.event_type === "compute.util" && event.entity_id === "gpu-00");
  await until("three looks", () => utils().length >= 3);
  const [util] = utils();
  assert.equal(util?.value, "85");
  assert.deepEqual(pick(util, "name", "pci", "minor", "power_w", "sm_clock_mhz", "pcie_width_max", "temperature_c"), {
    name: "NVIDIA Stand-in",
    pci: "0000:1a:00.0",
    minor: 0,
    power_w: 153.991,
    sm_clock_mhz: 1980,
    pcie_width_max: 16,
    temperature_c: 45,
  });
  const mem = events.find((event) => event.event_type === "compute.mem" && event.entity_id === "gpu-01");
  assert.deepEqual(mem?.attrs, { used_bytes: 10 * 1024 ** 2, total_bytes: 81_559 * 1024 ** 2 });
  assert.deepEqual(errors(events), [], "a link that saves power at rest is no fault");
  for (const event of events) assert.equal(check(event), event);
});

test("a process's share is told while it lives, and a pid that is nobody's is not", skip, async (t) => {
  const program = sleeper(t);
  const { events, standIn } = play(t, HEALTHY);
  standIn.set(
    `${HEALTHY}\n0 process ${program} 2000 55\n0 process 4300001 100 5\n0 process 0 100 5\n1 process ${program} -1 -1`,
  );
  await until("both GPUs' shares", () => has(events, { entity_id: "gpu-01", pid: program, event_type: "compute.mem" }));
  await until("the share of the first", () => has(events, { entity_id: "gpu-00", pid: program, value: "55" }));
  assert.ok(has(events, { entity_id: "gpu-00", pid: program, event_type: "compute.mem", value: "2.5" }));
  assert.ok(has(events, { entity_id: "gpu-01", pid: program, event_type: "compute.mem", value: "0" }));
  assert.deepEqual([...new Set(events.flatMap(({ pid }) => pid ?? []))], [program]);
});

for (const variant of ["VERSION_1", "WIDE"] as const) {
  test(`a library of another age tells of processes as well: ${variant}`, skip, async (t) => {
    const [first, second] = [sleeper(t), sleeper(t)];
    const state = `${HEALTHY}\n0 process ${first} 2000 55\n0 process ${second} 4000 5`;
    const { events } = play(t, state, { variant });
    await until("the share of the second", () => has(events, { pid: second, value: "4.9" }));
    assert.ok(has(events, { pid: first, event_type: "compute.mem", value: "2.5" }));
    const util = events.find(({ event_type, pid }) => event_type === "compute.util" && pid === undefined);
    assert.equal(util?.attrs?.energy_joules_total, variant === "VERSION_1" ? undefined : 21_243.309);
  });
}

test("more processes than there is room for at first", skip, async (t) => {
  const program = sleeper(t);
  const others = Array.from({ length: 150 }, (_, place) => `0 process ${4_300_001 + place} 1 1`).join("\n");
  const { events } = play(t, `${HEALTHY}\n${others}\n0 process ${program} 2000 55`);
  await until("the last one's share", () => has(events, { pid: program, event_type: "compute.util", value: "55" }));
});

test("MIG: instances have their own memory, and processes are on theirs", skip, async (t) => {
  const program = sleeper(t);
  const { events } = play(t, `${HEALTHY}\n1 mig 2 5 0\n1 mig 3 6 0\n1 process ${program} 1000 -1 6 0`);
  await until("the process's share", () => has(events, { pid: program }));
  assert.deepEqual(
    [...new Set(events.filter(({ pid }) => pid === program).map(({ entity_id }) => entity_id))],
    ["gpu-01/mig-3"],
  );
  const whole = events.find((event) => event.entity_id === "gpu-01" && event.event_type === "compute.mem");
  assert.equal(whole?.attrs?.name, "NVIDIA Stand-in", "without utilisation its facts come with the memory");
  assert.ok(!has(events, { entity_id: "gpu-01", event_type: "compute.util" }));
  const instance = events.find((event) => event.entity_id === "gpu-01/mig-2");
  assert.deepEqual(pick(instance, "gpu_instance", "compute_instance"), { gpu_instance: 5, compute_instance: 0 });
});

test("a GPU lost from the bus: who was on it stays on it, until it is back", skip, async (t) => {
  const program = sleeper(t);
  const state = `${HEALTHY}\n0 process ${program} 2000 55`;
  const { events, standIn } = play(t, state);
  await until("the share", () => has(events, { pid: program }));
  standIn.add("0 lost");
  await until("the loss", () => has(events, { value: "GPU_LOST" }));
  const lost = events.find(({ value }) => value === "GPU_LOST");
  assert.deepEqual([lost?.event_type, lost?.entity_id, lost?.attrs?.severity], ["error.hw", "gpu-00", "fault"]);
  const before = events.length;
  await until("more looks", () => events.slice(before).some(({ entity_id }) => entity_id === "gpu-01"));
  await until("the process is on it still", () => has(events.slice(before), { pid: program, entity_id: "gpu-00" }));
  standIn.set(state);
  await until("it is back", () => events.some(({ value, attrs }) => value === "GPU_LOST" && attrs?.ended === true));
});

test("a GPU that is lost when the probe starts is read once it is back, its XIDs too", skip, async (t) => {
  const { events, standIn } = play(t, `${HEALTHY}\n0 lost`);
  await until("the loss", () => has(events, { entity_id: "gpu-00", value: "GPU_LOST" }));
  standIn.set(HEALTHY);
  await until("its figures", () => has(events, { entity_id: "gpu-00", event_type: "compute.util", value: "85" }));
  standIn.add("0 xid 1 119");
  await until("its XID", () =>
    events.some(({ entity_id, value }) => entity_id === "gpu-00" && value.startsWith("XID_119")),
  );
});

test("XCTL_NVML_INTERVAL sets the pace, and nothing but a time is taken", skip, async (t) => {
  t.after(() => delete process.env.XCTL_NVML_INTERVAL);
  process.env.XCTL_NVML_INTERVAL = "often";
  assert.throws(() => nvmlProbe(), /XCTL_NVML_INTERVAL=often: not a time/);
  process.env.XCTL_NVML_INTERVAL = "0.1";
  const { events } = play(t, HEALTHY, { pace: {} });
  const looks = () => [...new Set(events.map(({ ts }) => ts))];
  await until("some looks", () => looks().length >= 6);
  const pauses = looks().flatMap((ts, place, all) => (place === 0 ? [] : [ts - (all[place - 1] as number)]));
  assert.ok(Math.min(...pauses) < 900, "without it, one comes a second after the other at the earliest");
});

test("a call that never returns: told with its name, and over when the driver answers again", skip, async (t) => {
  const { events, standIn } = play(t, HEALTHY);
  await until("a look", () => has(events, { entity_id: "gpu-01" }));
  standIn.add("hang nvmlDeviceGetTemperature 1");
  await until("the hang of both", () =>
    ["gpu-00", "gpu-01"].every((entity_id) => has(events, { entity_id, event_type: "error.hw" })),
  );
  const [hang] = errors(events);
  assert.equal(hang?.value, "DRIVER_HANG:nvmlDeviceGetTemperature of GPU 1");
  // The stand-in hangs by asking its file over and over, asleep in between.
  assert.match(
    String(hang?.attrs?.observed),
    /^nvmlDeviceGetTemperature of GPU 1 has not returned for \d+ s, state [RS]/,
  );
  assert.equal(hang?.attrs?.severity, "warning", "work that is on the GPU already may go on");
  standIn.set(HEALTHY);
  await until("it is over", () => errors(events).filter(({ attrs }) => attrs?.ended === true).length === 2);
  await until("figures again", () => events.at(-1)?.event_type === "compute.mem");
});

test("a library that hangs at its start is a failure of the probe, and no processes pile up", skip, async (t) => {
  const { host, events, standIn } = play(t, `${HEALTHY}\nhang nvmlInit_v2`);
  await until("the failure", () => /does not answer: nvmlInit_v2/.test(host.status()[0]?.last_error ?? ""));
  assert.deepEqual(events, []);
  standIn.set(HEALTHY);
  await until("figures", () => has(events, { entity_id: "gpu-01" }));
  assert.equal(readers(standIn).length, 1);
});

test("a library that refuses to start, or ends its process, is a failure with the reason", skip, async (t) => {
  const { host } = play(t, "init 18");
  await until("the failure", () => /different versions/.test(host.status()[0]?.last_error ?? ""));
  assert.equal(host.status()[0]?.last_error, "nvmlInit_v2: the library and the driver are of different versions");
});

test("the process that calls the library ends with the host, even in a call", skip, async (t) => {
  const { host, events, standIn } = play(t, HEALTHY);
  await until("a look", () => has(events, { entity_id: "gpu-01" }));
  assert.equal(readers(standIn).length, 1);
  standIn.add("hang nvmlDeviceGetUtilizationRates -1");
  await host.stop();
  await until("it is gone", () => readers(standIn).length === 0);
});

test("it ends with a daemon that was killed as well, though it hangs in a call", skip, async (t) => {
  const standIn = new StandIn(HEALTHY);
  t.after(() => standIn.remove());
  const daemon = spawn(process.execPath, ["--input-type=module", "-e", DAEMON], {
    env: { ...process.env, ...standIn.environment },
    stdio: ["ignore", "pipe", "ignore"],
  });
  t.after(() => daemon.kill("SIGKILL"));
  await once(daemon.stdout, "data");
  const [reader, ...others] = readers(standIn).filter((pid) => pid !== daemon.pid);
  assert.equal(others.length, 0);
  standIn.add("hang nvmlDeviceGetUtilizationRates -1");
  await until("it hangs", () => isSteady(reader as number));
  daemon.kill("SIGKILL");
  await until("it is gone", () => !lives(reader as number));
});

/** A program that looks once a second and has all the time in the world. */
const DAEMON = `
import { nvmlProbe } from "${join(import.meta.dirname, "..", "..", "..", "src", "probes", "nvml", "index.ts")}";
const probe = nvmlProbe({ intervalMs: 100, kmsg: "/nonexistent", deadlines: { readMs: 3_600_000 } });
const { signal } = new AbortController();
for await (const events of probe.run({ signal, now: Date.now })) console.log(events.length);
`;

/** It sleeps and wakes up within the hanging call, and answers nobody. */
function isSteady(pid: number): boolean {
  return readText(`/proc/${pid}/wchan`)?.includes("nanosleep") === true;
}

test("an XID of NVML's event set, whose process is not known, blames nobody on the GPU", skip, async (t) => {
  const { events, standIn } = play(t, `${HEALTHY}\n0 xid 1 79`);
  await until("a look", () => has(events, { entity_id: "gpu-01" }));
  standIn.add("1 xid 2 31");
  standIn.add("1 xid 3 119");
  await until("the second XID", () => errors(events).length === 2);
  const [fault, hang] = errors(events);
  assert.deepEqual(
    [fault?.entity_id, fault?.value, fault?.attrs?.severity],
    ["gpu-01", "XID_31:memory page fault", "warning"],
  );
  assert.deepEqual(
    [hang?.value, hang?.attrs?.severity, hang?.attrs?.blame],
    ["XID_119:gsp timeout", "fault", "driver"],
  );
});

test("an XID that log and library tell is one, tied to its process", skip, async (t) => {
  const program = sleeper(t);
  const kmsg = join(tempFolder(t), "kmsg");
  writeFileSync(kmsg, "");
  const { events, standIn } = play(t, `${HEALTHY}\n0 process ${program} 2000 55`, { kmsg });
  await until("the share", () => has(events, { pid: program }));
  writeFileSync(
    kmsg,
    `3,1,${uptimeUs()},-;NVRM: Xid (PCI:0000:1A:00): 31, pid=${program}, name=sleep, channel 0x0b, MMU Fault\n`,
  );
  standIn.add("0 xid 1 31");
  await until("the XID", () => errors(events).length > 0);
  const before = events.length;
  await until("more looks", () => events.slice(before).filter(({ entity_id }) => entity_id === "gpu-01").length > 6);
  const tied = errors(events).filter(({ pid }) => pid !== undefined);
  assert.deepEqual(
    tied.map(({ pid, value, attrs }) => [pid, value, attrs?.severity, attrs?.scope, attrs?.source]),
    [[program, "XID_31:memory page fault", "fault", "process", "/dev/kmsg"]],
  );
});

test("throttling by heat is told, the power limit is not; a blip neither", skip, async (t) => {
  const { events, standIn } = play(t, `${HEALTHY}\n0 reasons 4`);
  await until("a look", () => events.some(({ attrs }) => attrs?.clocks_held_down_by === "sw_power_cap"));
  assert.deepEqual(errors(events), []);
  standIn.set(`${HEALTHY}\n0 reasons 72`);
  await until("the throttling", () => has(events, { value: "THROTTLED:hw_slowdown hw_thermal_slowdown" }));
  const [trouble] = errors(events);
  assert.deepEqual([trouble?.attrs?.cause, trouble?.attrs?.severity], ["gpu.throttled", "warning"]);
  standIn.set(HEALTHY);
  await until("it is over", () => errors(events).some(({ attrs }) => attrs?.ended === true));
});

test("garbage of the driver passes the guard or is left out", skip, async (t) => {
  const { events } = play(t, `${HEALTHY}\n0 text \u001b[31m\u00ff\u0007evil`);
  await until("looks", () => has(events, { entity_id: "gpu-01" }));
  for (const event of events) assert.equal(check(structuredClone(event)) instanceof Object, true);
});

test("without the library the probe says what is missing", (t) => {
  const path = process.env.LD_LIBRARY_PATH;
  process.env.LD_LIBRARY_PATH = "/nonexistent";
  t.after(() => restore("LD_LIBRARY_PATH", path));
  const supported = nvmlProbe({ intervalMs: 100 }).supported();
  if (supported === true) return t.skip("NVML is installed here");
  assert.match(supported, /libnvidia-ml\.so\.1|Linux/);
});

interface Options {
  /** Of the probe itself, where not given. */
  pace?: { intervalMs?: number };
  variant?: Variant;
  kmsg?: string;
}

/** A running probe over a stand-in in this state; all of it ends with the test. */
function play(
  t: TestContext,
  state: string,
  { variant, kmsg = "/nonexistent", pace = { intervalMs: 100 } }: Options = {},
) {
  const standIn = new StandIn(state, variant);
  for (const [name, value] of Object.entries(standIn.environment)) {
    const before = process.env[name];
    process.env[name] = value;
    t.after(() => restore(name, before));
  }
  t.after(() => standIn.remove());
  const { host, events, logged } = collectingHost(t);
  const probe = nvmlProbe({ ...pace, kmsg, deadlines: { readMs: 2_000, startMs: 4_000, pauseMs: 100 } });
  assert.equal(probe.supported(), true);
  host.start([probe]);
  return { standIn, host, events, logged };
}

function restore(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** The processes that call this stand-in. */
function readers(standIn: StandIn): number[] {
  return carriers(`XCTL_NVML_STANDIN=${standIn.environment.XCTL_NVML_STANDIN}`).filter((pid) => pid !== process.pid);
}

function sleeper(t: TestContext): number {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  return child.pid as number;
}

function tempFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "xctl-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function uptimeUs(): number {
  return Math.round(uptime() * 1e6);
}

function errors(events: readonly Event[]): Event[] {
  return events.filter(({ event_type }) => event_type === "error.hw" || event_type === "topo.link_down");
}

function has(events: readonly Event[], wanted: Partial<Event>): boolean {
  return events.some((event) => Object.entries(wanted).every(([key, value]) => event[key as keyof Event] === value));
}

function pick(event: Event | undefined, ...keys: string[]): Record<string, unknown> {
  return Object.fromEntries(keys.map((key) => [key, event?.attrs?.[key]]));
}
