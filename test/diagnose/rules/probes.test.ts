/** Errors as the probes' own code tells them, folded by the graph: each leads to the rule that is about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { matchingRules } from "../../../src/diagnose/rules/best.ts";
import { loadRules } from "../../../src/diagnose/rules/load.ts";
import { reportFromRules } from "../../../src/diagnose/rules/report.ts";
import { storageError, type StorageErrorKind } from "../../../src/kernel/kmsg.ts";
import type { GpuReading } from "../../../src/kernel/nvml-reading.ts";
import type { Event } from "../../../src/model/event.ts";
import { MemoryErrors } from "../../../src/probes/drm/troubles.ts";
import { GpuTroubles } from "../../../src/probes/nvml/gpu-troubles.ts";
import { XidBook } from "../../../src/probes/nvml/xid-book.ts";
import { Standing } from "../../../src/probes/standing.ts";
import { FaultBook, type Fault } from "../../../src/probes/storage/fault-book.ts";
import { faultOf } from "../../../src/probes/storage/log-faults.ts";
import { event, NOW_MS, process, wait } from "../../views/cases.ts";
import { caseOf } from "./case.ts";

const { rules } = await loadRules({ env: { XCTL_RULES_DIR: "/nonexistent" } });
const TOLD_MS = NOW_MS - 1000;
const PID = 500;
const GPU = { entity: "gpu-03", index: 3, uuid: "GPU-1f3c5d2a" };

function best(...events: Event[]): string | undefined {
  return matchingRules(caseOf(events), rules)[0]?.rule.id;
}

/** A process on the GPU that waits for it, as CUDA does where it is told to block. */
function onGpu(entity: string): Event[] {
  const source = `/proc/${PID}/task/${PID}/syscall`;
  return [
    process(PID, "sleeping", "python3"),
    event("compute.mem", entity, "40", PID),
    wait(PID, "gpu.sync", entity, 20_000, { source, observed: "futex(0x7ffd, …)", cause: "gpu.busy" }),
  ];
}

const READING: GpuReading = { index: 3, state: "ok", figures: {}, processes: [], migs: [] };
/** The readings, one after the other, that tell it. */
const READINGS: Record<string, GpuReading[]> = {
  GPU_LOST: [{ ...READING, state: "lost" }],
  RESET_REQUIRED: [{ ...READING, state: "reset" }],
  ROW_REMAP_FAILED: [{ ...READING, remapFailed: true }],
  ROW_REMAP_PENDING: [{ ...READING, remapPending: true }],
  PAGE_RETIREMENT_PENDING: [{ ...READING, retirementPending: true }],
  NVLINK_DOWN: [{ ...READING, links: [true, false] }],
  ECC_UNCORRECTED: [
    { ...READING, figures: { ecc_uncorrected_total: 5 } },
    { ...READING, figures: { ecc_uncorrected_total: 7 } },
  ],
  THROTTLED: [
    { ...READING, clocksReasons: 0x48 },
    { ...READING, clocksReasons: 0x48 },
  ],
};

function byReadings(head: string): Event[] {
  const troubles = new GpuTroubles(GPU);
  const standing = new Standing();
  return (READINGS[head] ?? []).flatMap((reading) => standing.update(troubles.take(reading, TOLD_MS), TOLD_MS));
}

function byXid(code: number): Event[] {
  const observed = `NVRM: Xid (PCI:0000:3b:00): ${code}, pid=${PID}`;
  const xid = { gpu: GPU, entity: GPU.entity, code, pid: PID, atMs: TOLD_MS, source: "/dev/kmsg", observed };
  return new XidBook().take(xid, new Set([PID]));
}

for (const { id, when } of rules) {
  if (when.error === undefined || when.cause?.kind.includes("gpu.error") !== true) continue;
  test(`${id}: by each of its errors, as the probe nvml tells it`, () => {
    for (const head of when.error?.head ?? []) {
      const code = /^XID_(\d+)$/.exec(head)?.[1];
      const told = code === undefined ? byReadings(head) : byXid(Number(code));
      assert.ok(told.length > 0, head);
      assert.equal(best(...onGpu(GPU.entity), ...told), id, head);
    }
  });
}

test("no rule speaks of an XID that it does not name", () => {
  const named = new Set(rules.flatMap(({ when }) => when.error?.head ?? []));
  const others = Array.from({ length: 180 }, (_, code) => code).filter((code) => !named.has(`XID_${code}`));
  for (const code of [140, 142, 143]) {
    assert.notEqual(best(...onGpu(GPU.entity), ...byXid(code)), "gpu-nvlink", String(code));
  }
  assert.deepEqual(
    others.filter((code) => best(...onGpu(GPU.entity), ...byXid(code)) !== undefined),
    [],
  );
});

test("gpu-throttled: as the probe nvml tells it, of who waits for the GPU", () => {
  assert.equal(best(...onGpu(GPU.entity), ...byReadings("THROTTLED")), "gpu-throttled");
});

test("gpu-memory-counted: as the probe drm tells it, without a command of NVIDIA's", () => {
  const errors = new MemoryErrors();
  const card = { name: "card1", driver: "amdgpu" };
  const look = (uncorrected: number) =>
    errors.look(
      {
        cards: [{ card, figures: { errors: [{ block: "umc", corrected: 0, uncorrected }] } }],
      } as unknown as Parameters<MemoryErrors["look"]>[0],
      TOLD_MS,
    );
  const file = caseOf([...onGpu("gpu-card1"), ...look(0), ...look(2)]);
  const { steps } = reportFromRules(file, rules, "en");
  assert.equal(matchingRules(file, rules)[0]?.rule.id, "gpu-memory-counted");
  assert.ok(steps.length > 1);
  assert.deepEqual(
    steps.filter(({ command }) => command?.includes("nvidia")),
    [],
  );
});

/** What the kernel logs of a device, and which rule is about it. */
const RECORDS: readonly (readonly [text: string, rule: string])[] = [
  ["I/O error, dev sdb, sector 20482 op 0x0:(READ) flags 0x80700 phys_seg 4 prio class 2", "disk-io-error"],
  ["blk_update_request: I/O error, dev sdb, sector 2048 op 0x1:(WRITE)", "disk-io-error"],
  ["critical medium error, dev nvme0n1, sector 8", "disk-io-error"],
  ["Buffer I/O error on dev dm-0, logical block 16385, lost sync page write", "disk-io-error"],
  ["Buffer I/O error on device sdb, logical block 8705", "disk-io-error"],
  ["EXT4-fs warning (device sdb1): ext4_end_bio:368: I/O error 10 writing to inode 14", "disk-io-error"],
  ["sd 0:0:0:0: [sdb] tag#3 FAILED Result: hostbyte=DID_TIME_OUT", "disk-io-error"],
  ["sd 0:0:0:0: [sdb] tag#3 Sense Key : Medium Error [current]", "disk-io-error"],
  ["sd 0:0:0:0: [sdb] tag#3 Add. Sense: Unrecovered read error", "disk-io-error"],
  ["sd 0:0:0:0: [sdb] timing out command, waited 180s", "disk-io-error"],
  ["nvme nvme0: I/O 77 QID 3 timeout, aborting", "nvme-controller-dead"],
  ["nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10", "nvme-controller-dead"],
  ["nvme nvme0: Device not ready; aborting reset, CSTS=0x1", "nvme-controller-dead"],
  ["sd 2:0:1:0: [sdb] tag#12 abort scheduled", "scsi-reset"],
  ["sd 2:0:1:0: [sdb] Sending device reset", "scsi-reset"],
  ["EXT4-fs error (device sdb1): ext4_find_entry:1684: inode #2: comm ls: reading directory lblock 0", "fs-error"],
  ["XFS (dm-3): log I/O error -5", "fs-error"],
  ["XFS (sdb1): Metadata corruption detected at xfs_agf_verify+0x13/0x90 [xfs]", "fs-error"],
  ["BTRFS error (device sdb1 state EA): bdev /dev/sdb1 errs: wr 1, rd 0, flush 0", "fs-error"],
  ["FAT-fs (sdb1): error, invalid access to FAT (entry 0x00000000)", "fs-error"],
  ["F2FS-fs (sdb1): inconsistent node block, nid:4", "fs-error"],
  ["Aborting journal on device sdb1-8.", "fs-error"],
  ["EXT4-fs (sdb1): Remounting filesystem read-only", "fs-read-only"],
  ["BTRFS info (device sdb1 state E): forced readonly", "fs-read-only"],
  ["FAT-fs (sdb1): Filesystem has been set read-only", "fs-read-only"],
  ["XFS (sdb1): Filesystem has been shut down due to log error (0x2).", "fs-read-only"],
  [
    "XFS (sdb1): Log I/O Error (0x2) detected at xlog_ioend_work+0x6d/0x80 [xfs]. Shutting down filesystem.",
    "fs-read-only",
  ],
];
const OF_DEVICES: ReadonlySet<StorageErrorKind> = new Set(["IO_ERROR", "RESET"]);

function inDisk(device: string, attrs: Event["attrs"] = {}): Event[] {
  const told = { label: `/dev/${device}`, over: device, certainty: "derived", ...attrs };
  return [process(PID, "blocked", "cat"), wait(PID, "block.io", "block:8:16", 30_000, told)];
}

test("what the kernel logs of a disk leads to the rule about that, by the wait for it and by the disk's own error", () => {
  for (const [text, rule] of RECORDS) {
    const error = storageError({ level: 3, atMs: 1, text });
    assert.ok(error !== undefined, text);
    // A controller's is told of its disks.
    const device = error.device === "nvme0" ? "nvme0n1" : error.device;
    const byLog = inDisk(device, { source: "/dev/kmsg", observed: text, cause: "storage.error" });
    assert.equal(best(...byLog), rule, text);
    if (!OF_DEVICES.has(error.kind)) continue;
    const faults = new FaultBook().tell([faultOf(error, device)], TOLD_MS);
    assert.equal(best(...inDisk(device), ...faults), rule, `the error: ${text}`);
    assert.equal(best(...byLog, ...faults), rule, `both: ${text}`);
  }
});

test("requests that fail because the controller is down are not the disk's own failing", () => {
  const texts = ["nvme nvme0: controller is down; will reset: CSTS=0xffffffff", "I/O error, dev nvme0n1, sector 8"];
  const faults = texts.map((text) => {
    const error = storageError({ level: 3, atMs: 1, text });
    assert.ok(error !== undefined);
    return faultOf(error, "nvme0n1");
  });
  assert.equal(best(...inDisk("nvme0n1"), ...new FaultBook().tell(faults, TOLD_MS)), "nvme-controller-dead");
});

function byFailedWrites(head: Fault["head"], words: string): Event[] {
  const observed = "412 writes, 0 bytes written in 2.0 s";
  const place = { entity: "fs:/data", label: "/data", object: "/data" };
  const fault: Fault = { ...place, head, words, pid: PID, source: `/proc/${PID}/io`, observed };
  return [process(PID, "running", "rsyslogd"), ...new FaultBook().tell([fault], TOLD_MS)];
}

test("a file system in trouble, of the process whose writes there fail", () => {
  assert.equal(best(...byFailedWrites("FS_FULL", "0 of 1073741824 bytes available to ordinary users")), "disk-full");
  assert.equal(best(...byFailedWrites("FS_READ_ONLY", "2 errors counted")), "fs-read-only");
});
