import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { deviceNumber, namesBelow, parseInFlight, readBlockDevice, readDiskFacts } from "../../src/kernel/block.ts";

describe("block devices", () => {
  const sys = mkdtempSync(join(tmpdir(), "xctl-sys-"));
  const put = (path: string, text: string) => {
    mkdirSync(join(sys, path, ".."), { recursive: true });
    writeFileSync(join(sys, path), text);
  };
  /** As sysfs has it: the device in one place, and links to it by name and by number. */
  const device = (number: string, place: string, files: Record<string, string>) => {
    const name = place.slice(place.lastIndexOf("/") + 1);
    for (const [file, text] of Object.entries({ dev: `${number}\n`, ...files })) put(`devices/${place}/${file}`, text);
    for (const folder of ["dev/block", "class/block"]) mkdirSync(join(sys, folder), { recursive: true });
    symlinkSync(`../../devices/${place}`, join(sys, "dev/block", number));
    symlinkSync(`../../devices/${place}`, join(sys, "class/block", name));
  };

  before(() => {
    device("8:0", "pci/sda", { inflight: "       3        1\n" });
    device("8:1", "pci/sda/sda1", { partition: "1\n" });
    device("7:0", "virtual/loop0", { inflight: "0 0\n", "loop/backing_file": "/srv/a b\n" });
    device("253:0", "virtual/dm-0", { inflight: "0 2\n" });
    mkdirSync(join(sys, "devices/virtual/dm-0/slaves"));
    symlinkSync("../../../pci/sda/sda1", join(sys, "devices/virtual/dm-0/slaves/sda1"));
  });
  after(() => rmSync(sys, { recursive: true }));

  it("a partition's work is its disk's", () => {
    const found = readBlockDevice("8:1", sys);
    assert.deepEqual(found && [found.name, found.disk, found.diskDevice], ["sda1", "sda", "8:0"]);
    assert.deepEqual(found?.inFlight, { reads: 3, writes: 1 });
  });

  it("what is below a loop device, and below a mapped one", () => {
    assert.equal(readBlockDevice("7:0", sys)?.backingFile, "/srv/a b");
    assert.equal(readBlockDevice("8:0", sys)?.backingFile, undefined);
    assert.deepEqual(readBlockDevice("253:0", sys)?.slaves, ["8:1"]);
  });

  it("the names by which the kernel may speak of one", () => {
    assert.deepEqual([...namesBelow("253:0", sys)], ["dm-0", "sda1", "sda"]);
    assert.deepEqual([...namesBelow("9:9", sys)], []);
  });

  it("what it is", () => {
    put("devices/pci/sda/size", "2048\n");
    put("devices/pci/sda/queue/rotational", "1\n");
    put("devices/pci/sda/device/model", "Example HDD      \n");
    put("devices/pci/sda/sda1/size", "1024\n");
    put("devices/virtual/loop0/size", "8\n");
    assert.deepEqual(readDiskFacts("sda", sys), {
      isPartition: false,
      sizeBytes: 1 << 20,
      rotational: true,
      backingFile: undefined,
      model: "Example HDD",
      missing: 0,
    });
    assert.equal(readDiskFacts("sda1", sys)?.isPartition, true);
    assert.equal(readDiskFacts("loop0", sys)?.backingFile, "/srv/a b");
    assert.equal(readDiskFacts("none", sys), undefined);
  });

  it("is found by name", () => {
    assert.equal(deviceNumber("/dev/sda1", sys), "8:1");
    assert.equal(deviceNumber("/dev/../sda1", sys), undefined);
    assert.equal(deviceNumber("none", sys), undefined);
    assert.equal(readBlockDevice("9:9", sys), undefined);
    assert.equal(parseInFlight("x"), undefined);
  });
});
