import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parseDiskStats, type DiskStats } from "../../../src/kernel/diskstats.ts";
import {
  NOT_SLOW,
  ratesBetween,
  slownessAfter,
  slowWords,
  type DiskRates,
} from "../../../src/probes/storage/disk-rates.ts";

const BEFORE = statsOf("8 0 sda 100 0 800 1000 200 0 1600 4000 1 500 6000 5 0 40 10 7 70");

function statsOf(line: string): DiskStats {
  const [stats] = parseDiskStats(`${line}\n`);
  assert.ok(stats);
  return stats;
}

function rates(line: string, elapsedMs = 2000): DiskRates {
  const found = ratesBetween(BEFORE, statsOf(line), elapsedMs);
  assert.ok(found);
  return found;
}

const taking = (awaitMs: number): DiskRates => ({
  ...rates("8 0 sda 104 0 832 1000 200 0 1600 4000 1 500 6000 5 0 40 10 7 70"),
  awaitMs,
});

describe("what a disk did between two looks", () => {
  it("is told by the second, and by the request", () => {
    const found = rates("8 0 sda 110 0 1000 1300 230 0 2600 4600 3 1500 8000 6 0 48 12 9 90");
    assert.equal(found.iops, 20);
    assert.equal(found.readBytesPerSecond, 51_200);
    assert.equal(found.writeBytesPerSecond, 256_000);
    assert.equal(found.readAwaitMs, 30);
    assert.equal(found.writeAwaitMs, 20);
    assert.equal(found.awaitMs, 22.5);
    assert.equal(found.busyPercent, 50);
    assert.equal(found.queueDepth, 1);
    assert.equal(found.answered, 43);
  });

  it("says nothing of how long a request took where there was none", () => {
    const found = rates("8 0 sda 100 0 800 1000 200 0 1600 4000 0 500 6000 5 0 40 10 7 70");
    assert.deepEqual([found.readAwaitMs, found.writeAwaitMs, found.awaitMs], [undefined, undefined, undefined]);
  });

  it("is not known where a counter went backwards, or no time has passed", () => {
    const less = statsOf("8 0 sda 1 0 8 10 2 0 16 40 0 5 60 0 0 0 0 0 0");
    assert.equal(ratesBetween(BEFORE, less, 2000), undefined);
    assert.equal(ratesBetween(BEFORE, BEFORE, 0), undefined);
    assert.equal(ratesBetween(BEFORE, BEFORE, Number.NaN), undefined);
  });
});

const after = (rotational: boolean | undefined, ...awaits: number[]) => {
  let slowness = NOT_SLOW;
  for (const awaitMs of awaits) slowness = slownessAfter(slowness, { inFlight: [1, 1] }, taking(awaitMs), rotational);
  return slowWords(slowness, taking(awaits.at(-1) as number), 1);
};

describe("a disk answers slowly", () => {
  it("when requests take far longer than is usual for its kind, twice running", () => {
    assert.equal(after(false, 250), undefined);
    assert.equal(after(false, 250, 300), "a request took 300 ms on average over 2.0 s");
    assert.equal(after(false, 250, 20, 300), undefined);
    assert.equal(after(false, 199, 199, 199), undefined);
  });

  it("a rotating one, or one of which that is not told, is given more time", () => {
    for (const rotational of [true, undefined]) {
      assert.equal(after(rotational, 300, 400, 499), undefined);
      assert.match(after(rotational, 600, 700) ?? "", /700 ms/);
    }
  });

  it("when it has requests and answers none for two seconds", () => {
    const silent = rates("8 0 sda 100 0 800 1000 200 0 1600 4000 3 1000 7000 5 0 40 10 7 70", 1000);
    const once = slownessAfter(NOT_SLOW, { inFlight: [3, 3] }, silent, false);
    assert.equal(slowWords(once, silent, 3), undefined);
    const twice = slownessAfter(once, { inFlight: [3, 3] }, silent, false);
    assert.equal(slowWords(twice, silent, 3), "3 requests in flight, none answered for 2.0 s");
  });

  it("not when it has nothing to do", () => {
    const idle = rates("8 0 sda 100 0 800 1000 200 0 1600 4000 0 500 6000 5 0 40 10 7 70", 5000);
    assert.deepEqual(slownessAfter(NOT_SLOW, { inFlight: [1, 0] }, idle, false), NOT_SLOW);
    assert.deepEqual(
      slownessAfter({ intervals: 3, slowMs: 6000, silentMs: 4000 }, { inFlight: [0, 0] }, idle, false),
      NOT_SLOW,
    );
  });
});
