/** The probe of graphics cards, on recorded trees; and its parts on samples. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { DrmSampler } from "../../src/kernel/drm-sampler.ts";
import { gpuLogRecord } from "../../src/kernel/gpu-log.ts";
import { check, type Event } from "../../src/model/event.ts";
import { drmProbe } from "../../src/probes/drm/index.ts";
import { figureEvents } from "../../src/probes/drm/figures.ts";
import { CardLog } from "../../src/probes/drm/log.ts";
import { MemoryErrors, troublesOf } from "../../src/probes/drm/troubles.ts";
import { UsageMeter } from "../../src/probes/drm/usage.ts";
import type { ProbeContext } from "../../src/probes/probe.ts";
import { Tree } from "../kernel/tree.ts";

const skip = process.platform === "linux" ? false : "names with colons and links";
const MI250 = "sys/devices/pci0000:20/0000:20:01.1/0000:21:00.0";
const INTEL = "sys/devices/pci0000:00/0000:00:02.0";
const ARC = "sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0";

const brief = (events: Event[]) =>
  events.map(({ event_type, entity_id, pid, value }) => [event_type, entity_id, pid, value]);

describe("figures of graphics cards", { skip }, () => {
  let tree: Tree;
  afterEach(() => tree.remove());

  /** The events of the second of two samples a second apart, between which `change` happens. */
  function second(name: string, change: () => void = () => undefined): Event[] {
    tree = new Tree(`drm/${name}`);
    const sampler = new DrmSampler(tree.root);
    const meter = new UsageMeter();
    meter.measure(sampler.sample(0));
    change();
    const sample = sampler.sample(1000);
    const events = figureEvents(sample, meter.measure(sample), 5);
    for (const event of events) assert.equal(check(event), event, JSON.stringify(event));
    return events;
  }

  it("amdgpu: the card's, and each process's by its engines, its memory, and KFD", () => {
    const events = second("amdgpu-mi250", () => {
      const path = "proc/4200/fdinfo/4";
      tree.change(path, "drm-engine-gfx:\t5000000000 ns", "drm-engine-gfx:\t5250000000 ns");
      tree.change(path, "drm-engine-compute:\t1000000000 ns", "drm-engine-compute:\t1100000000 ns");
    });
    assert.deepEqual(brief(events), [
      ["compute.util", "gpu-card1", undefined, "97"],
      ["compute.mem", "gpu-card1", undefined, "75"],
      ["compute.util", "gpu-card1", 4100, "75"],
      ["compute.mem", "gpu-card1", 4100, "75"],
      ["compute.util", "gpu-card1", 4200, "25"],
      ["compute.mem", "gpu-card1", 4200, "0.4"],
    ]);
    const [util, mem] = events;
    assert.deepEqual(util?.attrs, {
      driver: "amdgpu",
      pci: "0000:21:00.0",
      memory_busy_percent: 41,
      temperature_c: 52,
      hotspot_temperature_c: 61,
      memory_temperature_c: 58,
      power_w: 412,
      power_limit_w: 560,
      sm_clock_mhz: 1700,
      sm_clock_max_mhz: 1700,
      pcie_width: 16,
      pcie_width_max: 16,
      pcie_speed_gts: 16,
      pcie_speed_max_gts: 16,
      ecc_corrected_total: 12,
      ecc_uncorrected_total: 1,
    });
    assert.deepEqual(mem?.attrs, {
      used_bytes: 51_527_024_640,
      total_bytes: 68_702_699_520,
      gtt_used_bytes: 18_132_992,
    });
    assert.deepEqual(events[3]?.attrs, { used_bytes: 51_493_470_208 });
  });

  it("i915: the card's use is that of all processes together, by the kind of engine used most", () => {
    const events = second("i915", () => {
      tree.change("proc/1676/fdinfo/11", "drm-engine-render:\t9288864723 ns", "drm-engine-render:\t9388864723 ns");
      tree.change("proc/1676/fdinfo/12", "drm-engine-render:\t1000 ns", "drm-engine-render:\t100001000 ns");
      // Two engines of the kind: of two seconds of work in one second, half is taken.
      tree.change("proc/1676/fdinfo/12", "drm-engine-video:\t4000000000 ns", "drm-engine-video:\t5000000000 ns");
    });
    assert.deepEqual(brief(events), [
      ["compute.util", "gpu-card0", undefined, "50"],
      ["compute.util", "gpu-card0", 1676, "50"],
    ]);
    assert.equal(events[0]?.attrs?.clocks_held_down_by, "pl1");
  });

  it("xe: by cycles", () => {
    const events = second("xe", () => {
      const path = "proc/5300/fdinfo/9";
      tree.put(path, tree.read(path).replaceAll("7655183225", "7655193225").replace("drm-cycles-ccs:\t1000000", "drm-cycles-ccs:\t1030000")); // prettier-ignore
    });
    assert.deepEqual(brief(events), [
      ["compute.util", "gpu-card1", undefined, "75"],
      ["compute.util", "gpu-card1", 5300, "75"],
    ]);
    assert.equal(events[0]?.attrs?.temperature_c, 94);
  });

  it("a counter that goes back, or stands still, is no use; nobody on the card is a heartbeat of nought", () => {
    const events = second("i915", () => {
      tree.change("proc/1676/fdinfo/11", "drm-engine-render:\t9288864723 ns", "drm-engine-render:\t5 ns");
    });
    assert.deepEqual(brief(events), [["compute.util", "gpu-card0", undefined, "0"]]);
    tree.remove();
    assert.deepEqual(brief(second("i915", () => tree.remove("proc/1676"))), [
      ["compute.util", "gpu-card0", undefined, "0"],
    ]);
  });

  it("a card that sleeps is used by nobody", () => {
    const events = second("amdgpu-mi250", () => tree.put(`${MI250}/power/runtime_status`, "suspended\n"));
    assert.deepEqual(events[0]?.attrs, { driver: "amdgpu", pci: "0000:21:00.0", suspended: true });
    assert.equal(events[0]?.value, "0");
  });
});

describe("what is wrong with a graphics card", { skip }, () => {
  let tree: Tree;
  afterEach(() => tree.remove());
  const sample = (name: string, change: () => void = () => undefined) => {
    tree = new Tree(`drm/${name}`);
    change();
    return new DrmSampler(tree.root).sample(0);
  };

  it("nothing, of a card at work and at the limit of its power", () => {
    assert.deepEqual(troublesOf(sample("amdgpu-mi250")), []);
    tree.remove();
    assert.deepEqual(troublesOf(sample("i915")), []);
  });

  it("lanes that the card and its slot have, and do not use; clocks held down by heat", () => {
    const [link, clocks, ...others] = troublesOf(sample("xe"));
    assert.equal(others.length, 0);
    assert.deepEqual([link?.type, link?.head, link?.more, link?.severity], ["topo.link_down", "PCIE_DEGRADED", "8 of 16 lanes", "warning"]); // prettier-ignore
    assert.deepEqual([clocks?.type, clocks?.head, clocks?.more, clocks?.severity, clocks?.cause], ["error.hw", "THROTTLED", "thermal", "warning", "gpu.throttled"]); // prettier-ignore
    assert.equal(clocks?.entity, "gpu-card1");
  });

  it("a temperature at which the card saves itself", () => {
    const [hot] = troublesOf(sample("amdgpu-mi250", () => tree.put(`${MI250}/hwmon/hwmon4/temp2_input`, "105000\n")));
    assert.deepEqual([hot?.head, hot?.more], ["THROTTLED", "temperature"]);
    assert.equal(hot?.observed, "junction temperature 105 °C, critical from 105 °C");
  });

  it("memory errors that were not corrected, as they come and not as they were before", () => {
    tree = new Tree("drm/amdgpu-mi250");
    const sampler = new DrmSampler(tree.root);
    const errors = new MemoryErrors();
    assert.deepEqual(errors.look(sampler.sample(0), 1), []);
    tree.change(`${MI250}/ras/umc_err_count`, "ue: 1", "ue: 3");
    assert.deepEqual(errors.look(sampler.sample(2000), 2), [], "they are asked for seldom");
    const [event, ...others] = errors.look(sampler.sample(31_000), 3);
    assert.equal(others.length, 0);
    assert.deepEqual([event?.event_type, event?.entity_id, event?.value], ["error.hw", "gpu-card1", "ECC_UNCORRECTED:2 in umc"]); // prettier-ignore
    assert.equal(event?.attrs?.observed, "ue: 3, before: 1");
    assert.deepEqual(errors.look(sampler.sample(62_000), 4), []);
  });
});

describe("what the kernel log says of graphics cards", { skip }, () => {
  const NOW_MS = 1_700_000_000_000;
  let tree: Tree;
  let log: CardLog;
  let number = 0;
  const card = { name: "card1", driver: "amdgpu", pci: "0000:21:00.0", renderNode: "renderD128" };
  const other = { name: "card2", driver: "amdgpu", pci: "0000:22:00.0", renderNode: "renderD129" };

  beforeEach(() => {
    tree = new Tree("drm/amdgpu-mi250");
    tree.put("proc/uptime", "1000.00 9000.00\n");
    tree.put("dev/kmsg", "");
    log = new CardLog(`${tree.root}/proc`, `${tree.root}/dev/kmsg`);
  });
  afterEach(() => {
    log.close();
    tree.remove();
  });

  /** At so many seconds after boot; now it is 1000. */
  function say(atS: number, ...texts: string[]): void {
    const records = texts.map((text) => `3,${number++},${atS * 1e6},-;${text}\n`);
    tree.put("dev/kmsg", tree.read("dev/kmsg") + records.join(""));
  }
  const look = (cards = [card], nowMs = NOW_MS) => {
    const { events, troubles } = log.look(cards, nowMs);
    return { events, troubles: troubles.map(({ entity, head, severity }) => [entity, head, severity]) };
  };

  it("a hang is told of the process whose work it was, and of no other", () => {
    say(990, "amdgpu 0000:21:00.0: amdgpu: ring comp_1.0.0 timeout, signaled seq=26, emitted seq=28");
    say(990, "amdgpu 0000:21:00.0: amdgpu:  Process python3 pid 4100 thread python3 pid 4100");
    const { events } = look([card, other]);
    assert.equal(events.length, 1);
    const { attrs, ...event } = events[0] as Event;
    assert.deepEqual(event, { ts: NOW_MS - 10_000, event_type: "error.hw", entity_id: "gpu-card1", pid: 4100, value: "GPU_HANG" }); // prettier-ignore
    assert.deepEqual([attrs?.scope, attrs?.severity, attrs?.source], ["process", "fault", "/dev/kmsg"]);
    assert.match(String(attrs?.observed), /ring comp_1\.0\.0 timeout/);
  });

  it("nobody is blamed for what is long over, whose number another has now, or who is gone", () => {
    const page = "[gfxhub0] retry page fault (src_id:0 ring:0 vmid:1 pasid:32769, for process x pid";
    const fault = (pid: number) => `amdgpu 0000:21:00.0: amdgpu: ${page} ${pid} thread x pid ${pid})`;
    say(900, fault(4100));
    say(999, fault(99_999));
    // It began ten seconds after boot.
    say(9, fault(4100));
    assert.deepEqual(look().events, []);
    say(999, fault(4100));
    assert.deepEqual(look().events.map(({ pid, value }) => [pid, value]), [[4100, "PAGE_FAULT"]]); // prettier-ignore
  });

  it("a card is in trouble while it is reset, and for a minute after", () => {
    say(998, "amdgpu 0000:21:00.0: amdgpu: GPU reset begin!");
    assert.deepEqual(look().troubles, [["gpu-card1", "GPU_RESET", "fault"]]);
    say(1000, "amdgpu 0000:21:00.0: amdgpu: GPU reset(2) succeeded!");
    assert.deepEqual(look().troubles, [["gpu-card1", "WAS_RESET", "warning"]]);
    assert.deepEqual(look([card], NOW_MS + 61_000).troubles, []);
  });

  it("a card that did not come back stays in trouble, however long ago, until its driver takes it up anew", () => {
    say(
      10,
      "amdgpu 0000:21:00.0: amdgpu: GPU reset begin!",
      "amdgpu 0000:21:00.0: amdgpu: GPU reset end with ret = -62",
    );
    assert.deepEqual(look().troubles, [["gpu-card1", "RESET_FAILED", "fault"]]);
    say(1000, "[drm] Initialized amdgpu 3.57.0 for 0000:21:00.0 on minor 1");
    assert.deepEqual(look().troubles, []);
  });

  it("a record that does not say which card is of the only one of its driver, else of none", () => {
    const lost = "amdgpu: device lost from bus!";
    assert.equal(gpuLogRecord({ level: 3, atMs: 0, text: lost })?.pci, undefined);
    say(999, lost);
    assert.deepEqual(look([card, other]).troubles, []);
    say(999, lost);
    assert.deepEqual(look([card]).troubles, [["gpu-card1", "GPU_LOST", "fault"]]);
  });
});

describe("the drm probe", { skip }, () => {
  let tree: Tree;
  const before = process.env.XCTL_DRM_INTERVAL;
  beforeEach(() => {
    tree = new Tree("drm/xe");
    process.env.XCTL_DRM_INTERVAL = "0.2";
  });
  afterEach(() => {
    if (before === undefined) delete process.env.XCTL_DRM_INTERVAL;
    else process.env.XCTL_DRM_INTERVAL = before;
    tree.remove();
  });

  it("tells figures at each interval, a trouble once, and its end", { timeout: 60_000 }, async () => {
    const probe = drmProbe({ root: tree.root });
    assert.equal(probe.supported(), true);
    const abort = new AbortController();
    const context: ProbeContext = {
      signal: abort.signal,
      now: () => Date.now(),
      log: () => undefined,
      interval: 1000,
      reject: () => undefined,
    };
    let passes = 0;
    const degraded: Event[] = [];
    for await (const events of probe.run(context)) {
      assert.ok(events.some(({ event_type, entity_id }) => event_type === "compute.util" && entity_id === "gpu-card1"));
      for (const event of events) assert.equal(check(event), event);
      degraded.push(...events.filter(({ event_type }) => event_type === "topo.link_down"));
      passes++;
      if (passes === 3) tree.put(`${ARC}/current_link_width`, "16\n");
      if (degraded.length === 2 || passes > 100) abort.abort();
    }
    assert.deepEqual(degraded.map(({ value, attrs }) => [value, attrs?.severity ?? attrs?.ended]), [["PCIE_DEGRADED:8 of 16 lanes", "warning"], ["PCIE_DEGRADED:8 of 16 lanes", true]]); // prettier-ignore
  });

  it("says why it cannot run", () => {
    tree.remove();
    tree = new Tree("drm/amdgpu-mi250");
    tree.remove("sys/class/drm/card1");
    assert.equal(drmProbe({ root: tree.root }).supported(), "no graphics card that computes (ast)");
    tree.remove("sys/class/drm");
    assert.equal(drmProbe({ root: tree.root }).supported(), "no graphics card");
    tree.remove();
    tree = new Tree("drm/i915");
    tree.change(`${INTEL}/uevent`, "DRIVER=i915", "DRIVER=nvidia");
    assert.match(String(drmProbe({ root: tree.root }).supported()), /^NVIDIA's cards only/);
  });
});
