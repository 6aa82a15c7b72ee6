import assert from "node:assert/strict";
import { afterEach, describe, it, test } from "node:test";
import fc from "fast-check";
import { CardReader, parseErrorCounts, parseHighestLevel } from "../../src/kernel/drm-card.ts";
import { DrmClients } from "../../src/kernel/drm-clients.ts";
import { parseDrmFdinfo } from "../../src/kernel/drm-fdinfo.ts";
import { DrmSampler, readComputingCards } from "../../src/kernel/drm-sampler.ts";
import { drmCardOf, parseUevent, readDrmCards, type DrmCard } from "../../src/kernel/drm.ts";
import { gpuLogRecord } from "../../src/kernel/gpu-log.ts";
import { parseProperties, readKfdUses } from "../../src/kernel/kfd.ts";
import { parseLinkSpeed, readPcieLink } from "../../src/kernel/pcie-link.ts";
import { anyText } from "./support.ts";
import { Tree } from "./tree.ts";

const skip = process.platform === "linux" ? false : "names with colons and links";

const names = (cards: DrmCard[]) => cards.map(({ name, driver, pci, renderNode }) => [name, driver, pci, renderNode]);

describe("graphics cards in sysfs", { skip }, () => {
  let tree: Tree;
  const open = (name: string) => (tree = new Tree(`drm/${name}`));
  const figures = (withErrors = false) => {
    const [card] = readComputingCards(`${tree.root}/sys`);
    assert.ok(card !== undefined);
    return new CardReader(card, `${tree.root}/sys`).read(withErrors);
  };
  afterEach(() => tree.remove());

  it("those that compute are told from those that only show a picture", () => {
    open("amdgpu-mi250");
    const amd = ["card1", "amdgpu", "0000:21:00.0", "renderD128"];
    assert.deepEqual(names(readDrmCards(`${tree.root}/sys`)), [["card0", "ast", "0000:42:00.0", undefined], amd]);
    assert.deepEqual(names(readComputingCards(`${tree.root}/sys`)), [amd]);
    assert.equal(drmCardOf("renderD128", `${tree.root}/sys`)?.name, "card1");
    assert.equal(drmCardOf("../renderD128", `${tree.root}/sys`), undefined);
  });

  it("amdgpu: use, memory, sensors, link, memory errors", () => {
    open("amdgpu-mi250");
    const { errors, sensors, ...rest } = figures(true);
    assert.deepEqual(rest, {
      busyPercent: 97,
      memoryBusyPercent: 41,
      vramTotalBytes: 68_702_699_520,
      vramUsedBytes: 51_527_024_640,
      gttUsedBytes: 18_132_992,
      maxClockMhz: 1700,
      link: { width: 16, maxWidth: 16, speedGts: 16, maxSpeedGts: 16 },
    });
    assert.deepEqual(sensors, {
      temperatures: [
        { label: "edge", celsius: 52 },
        { label: "junction", celsius: 61, criticalCelsius: 105 },
        { label: "mem", celsius: 58, criticalCelsius: 105 },
      ],
      powerW: 412,
      powerLimitW: 560,
      clockMhz: 1700,
    });
    assert.deepEqual(
      errors?.find(({ block }) => block === "umc"),
      { block: "umc", corrected: 12, uncorrected: 1 },
    );
    assert.equal(errors?.length, 6);
    assert.equal(figures(false).errors, undefined);
  });

  it("i915: clocks, and why they are held down", () => {
    open("i915");
    assert.deepEqual(figures(), { clockMhz: 1150, maxClockMhz: 1400, throttled: ["pl1"] });
  });

  it("xe: of all its tiles, and the link of its slot beyond the switch on the card", () => {
    open("xe");
    const { throttled, clockMhz, maxClockMhz, link, sensors } = figures();
    assert.deepEqual(throttled?.sort(), ["pl1", "thermal"]);
    assert.deepEqual([clockMhz, maxClockMhz], [1700, 2400]);
    assert.deepEqual(link, { width: 8, maxWidth: 16, speedGts: 16, maxSpeedGts: 16 });
    assert.deepEqual([sensors?.energyJ, sensors?.powerLimitW, sensors?.fanRpm], [91_234.56789, 225, 1800]);
  });

  it("a slot with fewer lanes than the card is no fault of the link", () => {
    open("amdgpu-mi250");
    tree.put("sys/devices/pci0000:20/0000:20:01.1/max_link_width", "8\n");
    tree.put("sys/devices/pci0000:20/0000:20:01.1/0000:21:00.0/current_link_width", "8\n");
    assert.deepEqual([figures().link?.width, figures().link?.maxWidth], [8, 8]);
  });

  it("a link that reads as all ones is none", () => {
    open("amdgpu-mi250");
    tree.put("sys/devices/pci0000:20/0000:20:01.1/0000:21:00.0/current_link_width", "63\n");
    assert.equal(figures().link, undefined);
    assert.equal(readPcieLink(`${tree.root}/nowhere`), undefined);
  });

  it("a card that sleeps is not woken", () => {
    open("amdgpu-mi250");
    tree.put("sys/devices/pci0000:20/0000:20:01.1/0000:21:00.0/power/runtime_status", "suspended\n");
    assert.deepEqual(figures(true), { suspended: true });
  });

  it("KFD: who computes past the kernel, with what", () => {
    open("amdgpu-mi250");
    const use = { pid: 4100, renderNode: "renderD128", vramBytes: 51_493_470_208, busyUnits: 78, units: 104 };
    assert.deepEqual(readKfdUses(`${tree.root}/sys`), [use]);
  });

  it("a client is counted once, however many copies of its file there are, in whichever processes", () => {
    open("amdgpu-mi250");
    const clients = new DrmClients(`${tree.root}/proc`).read(0);
    assert.deepEqual(
      clients.map(({ pid, clientId, memoryBytes }) => [pid, clientId, memoryBytes.vram]),
      [
        [4100, 31, 18_432 * 1024],
        [4200, 44, 262_144 * 1024],
      ],
    );
  });

  it("a process that opens a card later is found, one that is gone forgotten", () => {
    open("amdgpu-mi250");
    const clients = new DrmClients(`${tree.root}/proc`);
    const pids = (nowMs: number) => clients.read(nowMs).map(({ pid }) => pid);
    assert.deepEqual(pids(0), [4100, 4200]);
    tree.link("proc/4300/fd/8", "/dev/dri/renderD128");
    tree.put("proc/4300/fdinfo/8", tree.read("proc/4200/fdinfo/4").replace("drm-client-id:\t44", "drm-client-id:\t50"));
    assert.deepEqual(pids(500), [4100, 4200]);
    assert.deepEqual(pids(40_000), [4100, 4200, 4300]);
    tree.remove("proc/4100");
    assert.deepEqual(pids(40_500), [4200, 4300]);
  });

  it("no sample throws, whatever is cut off", () => {
    for (const name of ["amdgpu-mi250", "i915", "xe"]) {
      open(name);
      fc.assert(
        fc.property(fc.constantFrom(...tree.files), fc.nat(60), (path, length) => {
          const whole = tree.read(path);
          tree.put(path, whole.slice(0, length));
          const { cards } = new DrmSampler(tree.root).sample(0);
          assert.ok(cards.length <= 2);
          tree.put(path, whole);
        }),
        { numRuns: 60 },
      );
      tree.remove();
    }
    open("i915");
  });
});

describe("fdinfo of a graphics card", () => {
  it("engines in nanoseconds, with how many there are of a kind", () => {
    const text =
      "drm-driver:\ti915\ndrm-client-id:\t7\ndrm-pdev:\t0000:00:02.0\ndrm-engine-render:\t9288864723 ns\ndrm-engine-capacity-video:\t2\ndrm-engine-video:\t0 ns\n";
    assert.deepEqual(parseDrmFdinfo(text), {
      driver: "i915",
      pci: "0000:00:02.0",
      clientId: 7,
      engines: [
        { name: "render", capacity: 1, busyNs: 9_288_864_723 },
        { name: "video", capacity: 2, busyNs: 0 },
      ],
      memoryBytes: {},
    });
  });

  it("engines in cycles, memory with and without a unit", () => {
    const text =
      "drm-driver: xe\ndrm-client-id: 3\ndrm-total-gtt: 192 KiB\ndrm-resident-gtt: 128 KiB\ndrm-resident-vram0: 4096\ndrm-memory-vram: 1 MiB\ndrm-total-stolen: 0\ndrm-cycles-ccs: 5\ndrm-total-cycles-ccs: 100\ndrm-engine-capacity-ccs: 4\n";
    const client = parseDrmFdinfo(text);
    assert.deepEqual(client?.engines, [{ name: "ccs", capacity: 4, cycles: 5, totalCycles: 100 }]);
    assert.deepEqual(client?.memoryBytes, { gtt: 131_072, vram0: 4096, vram: 1 << 20, stolen: 0 });
  });

  it("another file is no card, and neither is one whose driver tells no clients apart", () => {
    assert.equal(parseDrmFdinfo("pos:\t0\nflags:\t02\nmnt_id:\t15\n"), undefined);
    assert.equal(parseDrmFdinfo("drm-driver:\tast\ndrm-pdev:\t0000:42:00.0\n"), undefined);
  });

  it("no text makes a parser throw", () => {
    const line = fc.tuple(
      fc.constantFrom("drm-driver", "drm-client-id", "drm-engine-", "drm-cycles-", "drm-total-", "drm-memory-"),
      anyText,
      fc.constantFrom(": ", ":\t", ""),
      fc.oneof(anyText, fc.bigInt({ min: -1n }).map(String)),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 40 }), (lines) => {
        const client = parseDrmFdinfo(lines.map((parts) => parts.join("")).join("\n"));
        for (const engine of client?.engines ?? []) assert.ok(engine.capacity >= 1);
        for (const bytes of Object.values(client?.memoryBytes ?? {})) assert.ok(bytes >= 0);
      }),
    );
    fc.assert(
      fc.property(anyText, (text) => {
        parseDrmFdinfo(text);
        parseErrorCounts(text);
        parseHighestLevel(text);
        parseLinkSpeed(text);
        parseProperties(text);
        parseUevent(text);
        gpuLogRecord({ level: 3, atMs: 1, text });
      }),
    );
  });
});

test("levels of a clock", () => {
  assert.equal(parseHighestLevel("0: 500Mhz\n1: 800Mhz *\n2: 1700Mhz\n"), 1700);
  assert.equal(parseHighestLevel("S: 19Mhz *\n0: 132Mhz\n1: 2100Mhz\n"), 2100);
  assert.equal(parseHighestLevel(""), undefined);
});

test("speeds of a link", () => {
  const texts = ["16.0 GT/s PCIe\n", "2.5 GT/s\n", "Unknown\n"];
  assert.deepEqual(texts.map(parseLinkSpeed), [16, 2.5, undefined]);
});

/** What is understood of a record. */
const read = (text: string) => {
  const record = gpuLogRecord({ level: 3, atMs: 1, text });
  return record && [record.kind, record.driver, record.pci, record.pid];
};

describe("the kernel log on graphics cards", () => {
  const AMD = "0000:c5:00.0";

  it("amdgpu: hangs, whose they are, resets", () => {
    const lines = {
      "amdgpu 0000:c5:00.0: amdgpu: ring gfx_0.0.0 timeout, signaled seq=2662395, emitted seq=2662397": ["hang", AMD, undefined],
      "amdgpu 0000:c5:00.0: ring gfx_0.0.0 timeout, signaled seq=57638, emitted seq=57641": ["hang", AMD, undefined],
      "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring gfx_0.0.0 timeout, signaled seq=1, emitted seq=3": ["hang", undefined, undefined],
      "amdgpu 0000:c5:00.0: amdgpu:  Process code pid 1048641 thread code:cs0 pid 1048662": ["process", AMD, 1_048_641],
      "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* Process information: process chrome pid 2379 thread chrome:cs0 pid 2391": ["process", undefined, 2379],
      "amdgpu 0000:c5:00.0: amdgpu: [gfxhub0] retry page fault (src_id:0 ring:0 vmid:1 pasid:32769, for process gnome-shell pid 1234 thread gnome-shel:cs0 pid 1250)": ["page_fault", AMD, 1234],
      "amdgpu 0000:c5:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:3 pasid:32770)": ["page_fault", AMD, undefined],
      "amdgpu 0000:c5:00.0: amdgpu: GPU reset begin!": ["reset_begun", AMD, undefined],
      "amdgpu 0000:28:00.0: GPU reset begin!. Source:  1": ["reset_begun", "0000:28:00.0", undefined],
      "amdgpu 0000:c5:00.0: amdgpu: GPU reset(2) succeeded!": ["reset_done", AMD, undefined],
      "amdgpu 0000:c5:00.0: amdgpu: GPU reset end with ret = -62": ["reset_failed", AMD, undefined],
      "amdgpu 0000:c5:00.0: amdgpu: device lost from bus!": ["lost", AMD, undefined],
      "[drm] Initialized amdgpu 3.57.0 20150101 for 0000:c5:00.0 on minor 1": ["loaded", AMD, undefined],
      "[drm] Initialized amdgpu 3.64.0 for 0000:c5:00.0 on minor 1": ["loaded", AMD, undefined],
    }; // prettier-ignore
    for (const [text, [kind, pci, pid]] of Object.entries(lines)) {
      assert.deepEqual(read(text), [kind, "amdgpu", pci, pid], text);
    }
  });

  it("i915 and xe", () => {
    const lines = {
      "i915 0000:00:02.0: [drm] GPU HANG: ecode 9:1:85dffffb, in MTGS [2075]": ["hang", "i915", "0000:00:02.0", 2075],
      "i915 0000:00:02.0: GPU HANG: ecode 6:1:0xfffffffe, in kaffeine [2483], hang on rcs0": ["hang", "i915", "0000:00:02.0", 2483],
      "i915 0000:00:02.0: [drm] Resetting chip for GuC failed to reset engine mask=0x1": ["reset_done", "i915", "0000:00:02.0", undefined],
      "i915 0000:00:02.0: [drm] *ERROR* Failed to reset chip": ["reset_failed", "i915", "0000:00:02.0", undefined],
      "xe 0000:03:00.0: [drm] Tile0: GT0: Timedout job: seqno=4294967169, lrc_seqno=4294967169, guc_id=3, flags=0x0 in glxgears [1234]": ["hang", "xe", "0000:03:00.0", 1234],
      "xe 0000:00:02.0: [drm] Tile0: GT0: reset started": ["reset_begun", "xe", "0000:00:02.0", undefined],
      "xe 0000:00:02.0: [drm] *ERROR* Tile0: GT0: reset failed (-ETIMEDOUT)": ["reset_failed", "xe", "0000:00:02.0", undefined],
      "xe 0000:00:02.0: [drm] *ERROR* CRITICAL: Xe has declared device 0000:00:02.0 as wedged.\\x0a IOCTLs and executions are blocked.": ["wedged", "xe", "0000:00:02.0", undefined],
    }; // prettier-ignore
    for (const [text, expected] of Object.entries(lines)) assert.deepEqual(read(text), expected, text);
  });

  it("leaves out what is no failure, and what other drivers say", () => {
    for (const text of [
      "i915 0000:00:02.0: [drm] Resetting rcs0 for preemption time out",
      "i915 0000:00:02.0: [drm] GT0: GUC: SLPC enabled",
      "amdgpu 0000:c5:00.0: amdgpu: ring gfx_0.0.0 uses VM inv eng 0 on hub 0",
      "amdgpu 0000:c5:00.0: amdgpu: ring gfx_0.0.0 timeout, but soft recovered",
      "amdgpu 0000:c5:00.0: amdgpu: SMU is resumed successfully!",
      "xe 0000:03:00.0: [drm] Using GuC firmware from i915/dg1_guc_70.bin version 70.29.2",
      "NVRM: Xid (PCI:0000:00:06): 31, pid=851, name=load, channel 0x0000000b",
      "virtio_net virtio0: reset started",
    ]) {
      assert.equal(read(text), undefined, text);
    }
  });
});
