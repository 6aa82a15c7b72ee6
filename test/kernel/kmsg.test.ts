import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { KernelLog, parseKernelMessage, storageError } from "../../src/kernel/kmsg.ts";

/** A record a read, as the device hands them out. */
const failure = (seconds: number, device: string) => `3,1,${seconds}000000,-;I/O error, dev ${device}, sector 8\n`;
const errorIn = (text: string) => storageError({ level: 3, atMs: 1, text })?.device;

describe("the kernel log", () => {
  it("is records of a priority, a number, a time and a text", () => {
    const record = "3,1284,4943922465,-;I/O error, dev loop0, sector 20482 op 0x0:(READ)\n SUBSYSTEM=block\n";
    assert.deepEqual(parseKernelMessage(record), {
      level: 3,
      atMs: 4_943_922.465,
      text: "I/O error, dev loop0, sector 20482 op 0x0:(READ)",
    });
    assert.equal(parseKernelMessage("nonsense"), undefined);
  });

  it("what a program wrote there is not believed", () => {
    assert.equal(parseKernelMessage("11,1,1,-;I/O error, dev sda, sector 1"), undefined);
  });

  it("names the device that failed", () => {
    const errors = {
      "I/O error, dev loop0, sector 20482 op 0x0:(READ) flags 0x80700 phys_seg 4 prio class 2": "loop0",
      "blk_update_request: I/O error, dev sda, sector 2048 op 0x1:(WRITE)": "sda",
      "critical medium error, dev nvme0n1, sector 8": "nvme0n1",
      "Buffer I/O error on dev dm-0, logical block 16385, lost sync page write": "dm-0",
      "Buffer I/O error on device loop0, logical block 8705": "loop0",
      "EXT4-fs error (device vda1): ext4_journal_check_start:87: comm x: Detected aborted journal": "vda1",
      "EXT4-fs warning (device loop0): ext4_end_bio:368: I/O error 10 writing to inode 14": "loop0",
      "XFS (dm-3): log I/O error -5": "dm-3",
      "XFS (sdb1): Filesystem has been shut down due to log error (0x2).": "sdb1",
      "BTRFS error (device sdc1 state EA): bdev /dev/sdc1 errs: wr 1": "sdc1",
      "nvme nvme0: I/O 77 QID 3 timeout, aborting": "nvme0",
      "nvme nvme1: I/O tag 5 (1005) opcode 0x2 (I/O Cmd) QID 2 timeout, reset controller": "nvme1",
      "sd 0:0:0:0: [sda] tag#3 FAILED Result: hostbyte=DID_TIME_OUT": "sda",
      "Aborting journal on device loop0-8.": "loop0",
    };
    for (const [text, device] of Object.entries(errors)) assert.equal(errorIn(text), device, text);
  });

  it("says what befell it", () => {
    const kinds = {
      "critical medium error, dev nvme0n1, sector 8": "IO_ERROR",
      "EXT4-fs error (device vda1): ext4_find_entry:1463: inode #2: comm x: reading directory lblock 0": "FS_ERROR",
      "EXT4-fs (loop0): Remounting filesystem read-only": "FS_READ_ONLY",
      "BTRFS info (device sda1 state E): forced readonly": "FS_READ_ONLY",
      "XFS (sdb1): Log I/O Error (0x2) detected at xlog_ioend_work+0x6d/0x80 [xfs]. Shutting down filesystem.":
        "FS_READ_ONLY",
      "FAT-fs (sdb1): Filesystem has been set read-only": "FS_READ_ONLY",
      "nvme nvme0: controller is down; will reset: CSTS=0xffffffff, PCI_STATUS=0x10": "RESET",
      "md/raid1:md0: Disk failure on sdb1, disabling device.": "DEGRADED",
      "INFO: task jbd2/vda1-8:231 blocked for more than 120 seconds.": "HUNG_TASK",
      "INFO: task jbd2/nvme0n1p1-:77 blocked for more than 122 seconds.": "HUNG_TASK",
      "INFO: task xfsaild/dm-0:812 blocked for more than 241 seconds.": "HUNG_TASK",
    };
    const found = Object.keys(kinds).map((text) => storageError({ level: 3, atMs: 1, text }));
    assert.deepEqual(
      found.map((error) => error?.kind),
      Object.values(kinds),
    );
    assert.deepEqual(
      found.map((error) => error?.device),
      ["nvme0n1", "vda1", "loop0", "sda1", "sdb1", "sdb1", "nvme0", "md0", "vda1", "nvme0n1p1", "dm-0"],
    );
  });

  it("leaves out what is no failure", () => {
    for (const text of [
      "EXT4-fs (loop0): mounted filesystem c204ddec r/w with ordered data mode. Quota mode: none.",
      "EXT4-fs (loop0): unmounting filesystem c204ddec.",
      "loop0: detected capacity change from 0 to 32768",
      "XFS (sdb1): Mounting V5 Filesystem",
      "XFS (sdb1): Ending clean mount",
      "sd 0:0:0:0: [sda] Attached SCSI disk",
      "EXT4-fs (loop0): re-mounted 2bac3c03 ro.",
      "INFO: task python3:71 blocked for more than 120 seconds.",
    ]) {
      assert.equal(errorIn(text), undefined, text);
    }
  });

  it("is told once, and of the time before us only what is recent", async (context) => {
    const root = mkdtempSync(join(tmpdir(), "xctl-kmsg-"));
    context.after(() => rmSync(root, { recursive: true }));
    const file = join(root, "kmsg");
    writeFileSync(join(root, "uptime"), "1000.00 1.00\n");
    writeFileSync(file, failure(930, "sda"));
    const log = new KernelLog(root, file);
    context.after(() => log.close());
    const devices = async () => (await log.newErrors(60_000)).map(({ device }) => device);
    assert.deepEqual(await devices(), []);
    appendFileSync(file, failure(935, "sdb"));
    assert.deepEqual(await devices(), ["sdb"]);
    assert.deepEqual(await devices(), []);
    assert.equal((await log.recentError("sdb", 70_000))?.device, "sdb");
    const second = new KernelLog(root, file);
    context.after(() => second.close());
    writeFileSync(file, failure(950, "sdc"));
    assert.deepEqual(
      (await second.newErrors(60_000)).map(({ device }) => device),
      ["sdc"],
    );
  });
});
