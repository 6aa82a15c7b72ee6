/** What is made of readings and log lines, without a library: readings as the helper process hands them over. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";
import type { GpuReading, NvmlReading } from "../../../src/kernel/nvml-reading.ts";
import type { Event } from "../../../src/model/event.ts";
import { findLibrary } from "../../../src/probes/nvml/library.ts";
import { NvmlWatch } from "../../../src/probes/nvml/watch.ts";

const NOW = 1_800_000_000_000;

function gpu(index: number, more: Partial<GpuReading> = {}): GpuReading {
  return {
    index,
    state: "ok",
    uuid: `GPU-${index}`,
    pci: `0000:0${index + 1}:00.0`,
    utilPercent: 90,
    memory: { usedBytes: 10, totalBytes: 100 },
    figures: {},
    processes: [],
    migs: [],
    ...more,
  };
}

function onLink(pcie_width: number, pcie_generation: number, utilPercent: number): GpuReading {
  return gpu(0, { utilPercent, figures: { pcie_width, pcie_width_max: 16, pcie_generation, pcie_generation_max: 5 } });
}

const reading = (...gpus: GpuReading[]): NvmlReading => ({ gpus, xids: [] });
const line = (text: string, ageMs = 0) => ({ level: 3, atMs: 1, text, ageMs });
const errors = (events: Event[]) => events.filter(({ event_type }) => /^(?:error|topo)\./.test(event_type));
const values = (events: Event[]) =>
  errors(events).map(({ entity_id, value, attrs }) => `${entity_id} ${value}${attrs?.ended === true ? " ended" : ""}`);

test("a GPU that falls off the bus is told as lost, and those behind it keep their names", () => {
  const watch = new NvmlWatch("/nonexistent");
  watch.reading(reading(gpu(0), gpu(1), gpu(2)), NOW);
  const after = watch.reading(reading(gpu(0), gpu(1, { uuid: "GPU-2", pci: "0000:03:00.0" })), NOW + 1000);
  assert.deepEqual(values(after), ["gpu-01 GPU_LOST"]);
  const names = after.filter(({ event_type }) => event_type === "compute.util").map(({ entity_id }) => entity_id);
  assert.deepEqual(names, ["gpu-00", "gpu-02"]);
});

test("a slow link is told by its width, and by its generation only while the GPU is at work", () => {
  const watch = new NvmlWatch("/nonexistent");
  let nowMs = NOW;
  const look = (...link: Parameters<typeof onLink>) => values(watch.reading(reading(onLink(...link)), (nowMs += 1000)));
  assert.deepEqual(look(16, 1, 0), []);
  assert.deepEqual(look(16, 3, 80), ["gpu-00 PCIE_DEGRADED:below generation 5"]);
  assert.deepEqual(look(16, 1, 0), [], "at rest nothing new can be said");
  assert.deepEqual(look(16, 5, 80), ["gpu-00 PCIE_DEGRADED:below generation 5 ended"]);
  assert.deepEqual(look(8, 5, 0), ["gpu-00 PCIE_DEGRADED:x8 of x16"]);
});

test("an NVLink that is down is told where it was up or others are; a GPU without a bridge has none", () => {
  const watch = new NvmlWatch("/nonexistent");
  const look = (links: (boolean | null)[], nowMs: number) => errors(watch.reading(reading(gpu(0, { links })), nowMs));
  assert.deepEqual(look([false, false, null], NOW), []);
  const [down] = look([true, false, null], NOW + 1000);
  assert.deepEqual(
    [down?.event_type, down?.value, down?.attrs?.severity],
    ["topo.link_down", "NVLINK_DOWN:link 1", "warning"],
  );
  const [both] = look([false, false, null], NOW + 2000);
  assert.equal(both?.value, "NVLINK_DOWN:links 0 1");
  assert.equal(look([true, true, null], NOW + 3000)[0]?.attrs?.ended, true);
});

test("new errors of the memory are told for a while, old ones are not", () => {
  const watch = new NvmlWatch("/nonexistent");
  const look = (ecc_uncorrected_total: number, nowMs: number) =>
    values(watch.reading(reading(gpu(0, { figures: { ecc_uncorrected_total } })), nowMs));
  assert.deepEqual(look(7, NOW), []);
  assert.deepEqual(look(9, NOW + 1000), ["gpu-00 ECC_UNCORRECTED:2 new, 9 in all"]);
  assert.deepEqual(look(9, NOW + 400_000), ["gpu-00 ECC_UNCORRECTED:2 new, 9 in all ended"]);
});

test("a row that waits for a reset, one that failed, and a GPU that does nothing until it is reset", () => {
  const watch = new NvmlWatch("/nonexistent");
  const events = watch.reading(reading(gpu(0, { remapPending: true, remapFailed: true, state: "reset" })), NOW);
  assert.deepEqual(
    errors(events).map(({ value, attrs }) => [value, attrs?.severity]),
    [
      ["RESET_REQUIRED", "fault"],
      ["ROW_REMAP_FAILED", "warning"],
      ["ROW_REMAP_PENDING", "warning"],
    ],
  );
});

test("a lasting fault is told again every half minute, and while the driver hangs too", () => {
  const watch = new NvmlWatch("/nonexistent");
  const bad = reading(gpu(0, { remapPending: true }));
  assert.equal(errors(watch.reading(bad, NOW)).length, 1);
  assert.equal(errors(watch.reading(bad, NOW + 29_000)).length, 0);
  assert.equal(errors(watch.reading(bad, NOW + 31_000)).length, 1);
  const hang = { call: "nvmlDeviceGetName of GPU 0", where: "state D in os_acquire_mutex", sinceMs: 1000 };
  const hung = watch.hung(hang, NOW + 62_000, 4000);
  assert.deepEqual(values(hung), ["gpu-00 ROW_REMAP_PENDING", "gpu-00 DRIVER_HANG:nvmlDeviceGetName of GPU 0"]);
  assert.equal(
    errors(hung)[1]?.attrs?.observed,
    "nvmlDeviceGetName of GPU 0 has not returned for 3 s, state D in os_acquire_mutex",
  );
  assert.deepEqual(values(watch.reading(bad, NOW + 63_000)), ["gpu-00 DRIVER_HANG:nvmlDeviceGetName of GPU 0 ended"]);
});

test("an XID of the log is tied to its process where /proc has that by the same name", (t) => {
  const proc = procWith(t, [
    [50, "train"],
    [60, "other"],
  ]);
  const watch = new NvmlWatch(proc);
  watch.reading(reading(gpu(0)), NOW);
  const tell = (text: string) => errors(watch.log([line(text)], NOW))[0];
  const tied = tell("NVRM: Xid (PCI:0000:01:00): 31, pid=50, name=train, MMU Fault");
  assert.deepEqual(
    [tied?.entity_id, tied?.pid, tied?.attrs?.severity, tied?.attrs?.scope, tied?.attrs?.blame],
    ["gpu-00", 50, "fault", "process", "application"],
  );
  const thread = tell("NVRM: Xid (PCI:0000:01:00): 13, pid=50, name=worker, Graphics Exception");
  assert.equal(thread?.pid, 50, "a thread of it");
  for (const owner of ["pid=60, name=train", "pid=70, name=gone", "pid='<unknown>', name=<unknown>"]) {
    const event = errors(watch.log([line(`NVRM: Xid (PCI:0000:01:00): 69, ${owner}, x`)], (tick += 10_000)))[0];
    assert.deepEqual(
      [event?.pid, event?.attrs?.severity, event?.attrs?.scope],
      [undefined, "warning", "process"],
      owner,
    );
  }
});
let tick = NOW;

test("a process that has died of it is named where it was seen on the GPU before", (t) => {
  const proc = procWith(t, [[50, "train"]]);
  const watch = new NvmlWatch(proc);
  watch.reading(reading(gpu(0, { processes: [{ pid: 50, usedBytes: 1 }] })), NOW);
  rmSync(join(proc, "50"), { recursive: true });
  const [event] = watch.log([line("NVRM: Xid (PCI:0000:01:00): 31, pid=50, name=train, MMU Fault")], NOW);
  assert.equal(event?.pid, 50);
});

test("in a container a pid counts only with one of the driver's files open", (t) => {
  const proc = procWith(t, [
    [50, "train"],
    [60, "other"],
  ]);
  rmSync(join(proc, "self", "ns", "pid"));
  symlinkSync("pid:[4026532000]", join(proc, "self", "ns", "pid"));
  mkdirSync(join(proc, "50", "fd"));
  symlinkSync("/dev/nvidia0", join(proc, "50", "fd", "3"));
  mkdirSync(join(proc, "60", "fd"));
  const watch = new NvmlWatch(proc);
  const events = watch.reading(reading(gpu(0, { processes: [{ pid: 50 }, { pid: 60 }] })), NOW);
  assert.deepEqual([...new Set(events.flatMap(({ pid }) => pid ?? []))], [50]);
});

test("what follows an XID is told as following it, and is nobody's fault", () => {
  const watch = new NvmlWatch("/nonexistent");
  watch.reading(reading(gpu(0), gpu(1)), NOW);
  const tell = (text: string, nowMs: number) => watch.log([line(text)], nowMs)[0];
  tell("NVRM: Xid (PCI:0000:01:00): 48, DBE", NOW);
  const after = tell("NVRM: Xid (PCI:0000:01:00): 45, Ch 8", NOW + 2000);
  assert.deepEqual(
    [after?.value, after?.attrs?.severity, after?.attrs?.follows],
    ["XID_45:follows XID 48", "warning", "XID_48"],
  );
  const elsewhere = tell("NVRM: Xid (PCI:0000:02:00): 45, Ch 8", NOW + 3000);
  assert.equal(elsewhere?.attrs?.follows, undefined);
});

test("a GPU that needs a reset stays in error while those that were on it are on it", (t) => {
  const proc = procWith(t, [[50, "train"]]);
  const watch = new NvmlWatch(proc);
  const busy = reading(gpu(0, { processes: [{ pid: 50 }] }));
  watch.reading(busy, NOW);
  watch.log([line("NVRM: Xid (PCI:0000:01:00): 119, pid=50, name=train, Timeout")], NOW);
  assert.deepEqual(values(watch.reading(busy, NOW + 31_000)), ["gpu-00 XID_119:gsp timeout"]);
  assert.deepEqual(values(watch.reading(reading(gpu(0)), NOW + 62_000)), []);
  assert.deepEqual(values(watch.reading(busy, NOW + 93_000)), [], "a reset has come between");
});

test("an XID on a MIG instance is the instance's; one of long ago is over; a GPU that is not known is named by its place", () => {
  const watch = new NvmlWatch("/nonexistent");
  const migs = [
    { index: 0, gpuInstance: 5, computeInstance: 0 },
    { index: 1, gpuInstance: 6, computeInstance: 0 },
  ];
  watch.reading(reading(gpu(0, { migs })), NOW);
  const tell = (text: string, ageMs = 0) => watch.log([line(text, ageMs)], NOW).map(({ entity_id }) => entity_id);
  assert.deepEqual(tell("NVRM: Xid (PCI:0000:01:00 GPU-I:06): 43, Ch 8"), ["gpu-00/mig-1"]);
  assert.deepEqual(tell("NVRM: Xid (PCI:0000:01:00): 79, off", 600_000), []);
  assert.deepEqual(tell("NVRM: Xid (PCI:0000:77:00): 79, off"), ["gpu-0000:77:00.0"]);
});

test("a storm of XIDs is told now and then", () => {
  const watch = new NvmlWatch("/nonexistent");
  watch.reading(reading(gpu(0)), NOW);
  const storm = Array.from({ length: 500 }, () => line("NVRM: Xid (PCI:0000:01:00): 63, Row Remapper"));
  assert.equal(watch.log(storm, NOW).length, 1);
});

test("the library is found as the dynamic loader finds it, without being loaded", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "xctl-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const library = join(folder, "libnvidia-ml.so.1");
  const cache = join(folder, "ld.so.cache");
  writeFileSync(cache, `ld.so-1.7.0\0libm.so.6\0/lib/libm.so.6\0libnvidia-ml.so.1\0${library}\0`);
  const here = findLibrary({}, "/nonexistent");
  assert.equal(findLibrary({}, cache), here, "an entry of the cache whose file is gone");
  writeFileSync(library, "");
  if (here === undefined) assert.equal(findLibrary({}, cache), library);
  assert.equal(findLibrary({ LD_LIBRARY_PATH: `/nonexistent:${folder}` }, "/nonexistent"), library);
});

/** A proc folder of the machine's first pid namespace, with these processes; each has a thread `worker`. */
function procWith(t: TestContext, processes: [pid: number, comm: string][]): string {
  const proc = mkdtempSync(join(tmpdir(), "xctl-test-"));
  t.after(() => rmSync(proc, { recursive: true, force: true }));
  mkdirSync(join(proc, "self", "ns"), { recursive: true });
  symlinkSync("pid:[4026531836]", join(proc, "self", "ns", "pid"));
  for (const [pid, comm] of processes) {
    const zeros = Array.from({ length: 40 }, () => "0").join(" ");
    for (const [tid, name] of [
      [pid, comm],
      [pid + 1, "worker"],
    ] as const) {
      mkdirSync(join(proc, String(pid), "task", String(tid)), { recursive: true });
      writeFileSync(join(proc, String(pid), "task", String(tid), "comm"), `${name}\n`);
    }
    writeFileSync(join(proc, String(pid), "stat"), `${pid} (${comm}) S 1 ${zeros}\n`);
  }
  return proc;
}
