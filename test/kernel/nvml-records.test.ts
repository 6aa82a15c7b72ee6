import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  eventOf,
  EVENT_BYTES,
  memoryOf,
  normalPci,
  processesOf,
  PROCESS_BYTES,
  samplesOf,
  textOf,
  UNWRITTEN,
} from "../../src/kernel/nvml-records.ts";

const GIB = 1024 ** 3;

/** As the driver writes them into a buffer with room for more. */
function written(stride: number, processes: { pid: number; used: bigint; gpuInstance?: number }[]): Buffer {
  const buffer = Buffer.alloc(8 * PROCESS_BYTES, UNWRITTEN);
  for (const [place, { pid, used, gpuInstance = 0xffff_ffff }] of processes.entries()) {
    const at = place * stride;
    buffer.writeUInt32LE(pid, at);
    buffer.writeBigUInt64LE(used, at + 8);
    if (stride >= 24) {
      buffer.writeUInt32LE(gpuInstance, at + 16);
      buffer.writeUInt32LE(0xffff_ffff, at + 20);
    }
    if (stride >= 32) buffer.writeBigUInt64LE(0n, at + 24);
  }
  return buffer;
}

for (const [stride, isFirstVersion] of [
  [16, true],
  [24, false],
  [32, false],
] as const) {
  test(`processes of ${stride} bytes each`, () => {
    const buffer = written(stride, [
      { pid: 783, used: BigInt(GIB) },
      { pid: 785, used: 0xffff_ffff_ffff_ffffn },
    ]);
    assert.deepEqual(processesOf(buffer, 2, isFirstVersion), [{ pid: 783, usedBytes: GIB }, { pid: 785 }]);
  });
}

test("a process on a MIG instance", () => {
  const buffer = written(24, [{ pid: 7, used: 1n, gpuInstance: 5 }]);
  assert.deepEqual(processesOf(buffer, 1, false), [{ pid: 7, usedBytes: 1, gpuInstance: 5 }]);
});

test("a count that the buffer cannot hold, and any bytes at all", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 512 }), fc.nat(0xffff_ffff), fc.boolean(), (bytes, count, isFirst) => {
      const buffer = Buffer.from(bytes);
      assert.ok(processesOf(buffer, count, isFirst).length <= buffer.length / 16);
      assert.ok(samplesOf(buffer, count).length <= buffer.length / 32);
      assert.ok(!textOf(buffer).includes("\0"));
    }),
  );
});

test("both versions of the memory", () => {
  const second = Buffer.alloc(40);
  second.writeBigUInt64LE(80n, 8);
  second.writeBigUInt64LE(5n, 32);
  assert.deepEqual(memoryOf(second), { totalBytes: 80, usedBytes: 5 });
  const first = Buffer.alloc(24);
  first.writeBigUInt64LE(80n, 0);
  first.writeBigUInt64LE(6n, 16);
  assert.deepEqual(memoryOf(first), { totalBytes: 80, usedBytes: 6 });
});

test("an event of the first version has no instances", () => {
  const record = Buffer.alloc(EVENT_BYTES, 0xff);
  record.writeBigUInt64LE(4096n, 0);
  record.writeBigUInt64LE(8n, 8);
  record.writeBigUInt64LE(31n, 16);
  assert.deepEqual(eventOf(record), { device: 4096n, type: 8n, data: 31n });
});

test("a PCI address in the kernel's form", () => {
  assert.equal(normalPci("00000000:00:06.0"), "0000:00:06.0");
  assert.equal(normalPci("00010000:3B:00.0"), "10000:3b:00.0");
  assert.equal(normalPci("0000:00:06"), "0000:00:06.0");
  for (const text of ["", "garbage", "0000:00", "0000:00:06.9"]) assert.equal(normalPci(text), undefined, text);
});
