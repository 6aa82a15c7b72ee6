import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parseDiskStats, readDiskStats } from "../../src/kernel/diskstats.ts";
import { anyText, storageFixture } from "./support.ts";

const proc = `${storageFixture}/proc`;

describe("/proc/diskstats", () => {
  it("tells of each device, in bytes and milliseconds", () => {
    const disks = readDiskStats(proc);
    assert.deepEqual(
      disks.map(({ name }) => name),
      ["loop0", "vda", "zram0", "loop15"],
    );
    assert.deepEqual(disks[1], {
      device: "254:0",
      name: "vda",
      reads: 515_927,
      readBytes: 13_673_258 * 512,
      readMs: 593_543,
      writes: 323_308,
      writeBytes: 24_340_320 * 512,
      writeMs: 135_596,
      inFlight: 0,
      busyMs: 94_260,
      weightedMs: 760_736,
      discards: { count: 173_703, bytes: 17_088_720 * 512, ms: 19_795 },
      flushes: { count: 71_607, ms: 11_800 },
    });
  });

  it("had fewer fields before Linux 4.18, and 5.5", () => {
    const fields = "8 0 sda 1 2 3 4 5 6 7 8 9 10 11";
    const [old] = parseDiskStats(`${fields}\n`);
    assert.deepEqual([old?.weightedMs, old?.discards, old?.flushes], [11, undefined, undefined]);
    const [later] = parseDiskStats(`${fields} 12 13 14 15\n`);
    assert.deepEqual([later?.discards, later?.flushes], [{ count: 12, bytes: 14 * 512, ms: 15 }, undefined]);
  });

  it("a line that is none is left out, and one that was cut off", () => {
    assert.deepEqual(
      parseDiskStats("8 0 sda 1 2 3\n8 0 sda 1 2 x 4 5 6 7 8 9 10 11\n8 0 sda 1 2 3 4 5 6 7 8 9 10 1"),
      [],
    );
    fc.assert(fc.property(anyText, (text) => void parseDiskStats(text)));
  });
});
