import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, it, type TestContext } from "node:test";
import { readDiskStats, type DiskStats } from "../../../src/kernel/diskstats.ts";
import { check, type Event } from "../../../src/model/event.ts";
import { Disks } from "../../../src/probes/storage/disks.ts";
import { storageFixture } from "../../kernel/support.ts";

const STATS = readDiskStats(`${storageFixture}/proc`);
const NOTHING = new Map();

/** The same machine, later. */
function later(name: string, changes: Partial<DiskStats>): DiskStats[] {
  return STATS.map((stats) => (stats.name === name ? { ...stats, ...changes } : stats));
}

function of(events: readonly Event[], name: string): Event[] {
  return events.filter(({ entity_id }) => entity_id === name);
}

describe("the disks", () => {
  let disks: Disks;
  beforeEach(() => {
    disks = new Disks(`${storageFixture}/sys`);
    disks.look(STATS, NOTHING, 0, 0);
  });

  it("that are in use are told of at each look, though nothing changes", () => {
    const { events, faults } = disks.look(STATS, NOTHING, 2000, 2000);
    assert.deepEqual(
      events.map(({ entity_id, event_type, value }) => `${entity_id} ${event_type} ${value}`),
      ["loop0 storage.iops 0", "loop0 storage.qdepth 0", "vda storage.iops 0", "vda storage.qdepth 0"],
    );
    assert.deepEqual(faults, []);
    for (const event of events) assert.equal(typeof check(event), "object");
  });

  it("at the first look there is no rate yet", () => {
    const { events } = new Disks(`${storageFixture}/sys`).look(STATS, NOTHING, 0, 0);
    assert.deepEqual(
      events.map(({ event_type }) => event_type),
      ["storage.qdepth", "storage.qdepth"],
    );
  });

  it("with their rates, their counters in base units, and what else is known", () => {
    const vda = STATS.find(({ name }) => name === "vda");
    assert.ok(vda);
    const busy = later("vda", { reads: vda.reads + 40, readMs: vda.readMs + 100, readBytes: vda.readBytes + 8192 });
    const more = new Map([["vda", { temperature_c: 41 }]]);
    const [iops, depth] = of(disks.look(busy, more, 2000, 2000).events, "vda");
    assert.equal(iops?.value, "20");
    assert.equal(iops.attrs?.await_read_ms, 2.5);
    assert.equal(iops.attrs?.await_write_ms, undefined);
    assert.equal(iops.attrs?.read_bytes_per_second, 4096);
    assert.equal(iops.attrs?.read_bytes_total, vda.readBytes + 8192);
    assert.equal(iops.attrs?.busy_seconds_total, vda.busyMs / 1000);
    assert.equal(iops.attrs?.size_bytes, 274_877_906_944);
    assert.equal(depth?.attrs?.temperature_c, 41);
    assert.equal(disks.iopsOf("254:0"), 20);
    assert.equal(disks.iopsOf("9:9"), undefined);
    assert.equal(typeof check(iops), "object");
  });

  it("that answer slowly are a warning, as long as they do", () => {
    const silent = later("vda", { inFlight: 4 });
    disks.look(silent, NOTHING, 2000, 2000);
    const [fault] = disks.look(silent, NOTHING, 4000, 4000).faults;
    assert.deepEqual(
      [fault?.entity, fault?.head, fault?.isWarning, fault?.cause],
      ["vda", "SLOW", true, "storage.slow"],
    );
    assert.match(fault?.observed ?? "", /^4 requests in flight, none answered for 2\.0 s$/);
    const answered = later("vda", { inFlight: 0, reads: (STATS[1] as DiskStats).reads + 4 });
    assert.deepEqual(disks.look(answered, NOTHING, 6000, 6000).faults, []);
  });

  it("only so many are told of", () => {
    const many = Array.from({ length: 3000 }, (_, index) => ({ ...(STATS[1] as DiskStats), device: `9:${index}` }));
    assert.equal(disks.look(many, NOTHING, 2000, 2000).events.length, 512);
  });
});

const machine = (context: TestContext) => {
  const root = mkdtempSync(join(tmpdir(), "xctl-storage-"));
  context.after(() => rmSync(root, { recursive: true }));
  cpSync(storageFixture, root, { recursive: true, verbatimSymlinks: true });
  return { disks: new Disks(`${root}/sys`), backing: `${root}/sys/devices/virtual/block/loop0/loop/backing_file` };
};

describe("a loop device", () => {
  it("bound to another file is another device", (context) => {
    const { disks, backing } = machine(context);
    disks.look(STATS, NOTHING, 0, 0);
    disks.look(STATS, NOTHING, 2000, 2000);
    assert.deepEqual(disks.renewed, []);
    writeFileSync(backing, "/srv/other.img\n");
    disks.look(later("loop0", { reads: 1_000_000, readMs: 1_000_000 }), NOTHING, 4000, 4000);
    assert.deepEqual(disks.renewed, ["loop0"]);
  });

  it("without a file is not in use", (context) => {
    const { disks, backing } = machine(context);
    rmSync(backing);
    assert.deepEqual(of(disks.look(STATS, NOTHING, 0, 0).events, "loop0"), []);
  });
});
