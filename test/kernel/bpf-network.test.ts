import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  CONNECTION_BYTES,
  END_BYTES,
  parseConnection,
  parseEnd,
  ticksPerSecond,
} from "../../src/kernel/bpf-network.ts";
import { enumOf } from "../../src/kernel/btf.ts";

const NAMES = new Map([[8, "NETFILTER_DROP"]]);
const MAPPED = "00000000000000000000ffff";
const ENDS = Buffer.from(`${MAPPED}0a000001${MAPPED}0a000002`, "hex");
/** Linux begins so many ticks before it needs 33 bits. */
const jiffiesAt = (seconds: number, rate: number) => 2 ** 32 - 300 * rate + seconds * rate;

/** Every byte that the other fields leave is 0. */
function connectionRecord(): Buffer {
  const record = Buffer.alloc(CONNECTION_BYTES);
  record.writeBigUInt64LE(7n, 0);
  record.writeBigUInt64LE(1000n, 8);
  record.writeBigUInt64LE(2000n, 16);
  record.writeBigUInt64LE(BigInt(jiffiesAt(10_000, 250)), 24);
  record.writeBigUInt64LE(10_000n * 1_000_000_000n, 32);
  ENDS.copy(record, 40);
  record.writeUInt16LE(4711, 72);
  record.writeUInt16LE(80, 74);
  for (const [at, word] of [
    [76, 4026531840],
    [80, 42],
    [84, 99],
    [96, 50],
    [108, 500],
    [156, 5],
    [168, 3],
    [176, 8],
  ] as const) {
    record.writeUInt32LE(word, at);
  }
  record.set([1, 1, 3, 0, 2], 88);
  return record;
}

describe("a connection's record", () => {
  it("tells its ends, its user, its times and what was dropped", () => {
    const { info, ...connection } = parseConnection(connectionRecord(), NAMES);
    assert.deepEqual(connection, {
      cookie: 7,
      local: "10.0.0.1:4711",
      remote: "10.0.0.2:80",
      netns: 4026531840,
      pid: 42,
      inode: 99,
      state: "ESTABLISHED",
      timer: "retransmit",
      rxQueue: 0,
      txQueue: 5,
      receiveBuffer: { bytes: 0, limit: 0 },
      dropped: { sent: { count: 3, reason: "NETFILTER_DROP" } },
    });
    assert.equal(info?.rtoMs, 200);
    assert.equal(info?.acknowledgedMs, 2000);
    assert.deepEqual([info?.retransmits, info?.backoff, info?.bytesAcked, info?.bytesReceived], [3, 2, 1000, 2000]);
  });

  it("leaves out a reason that is not known", () => {
    const record = connectionRecord();
    record.writeUInt32LE(200, 176);
    assert.deepEqual(parseConnection(record, NAMES).dropped, {});
  });

  it("may hold anything", () => {
    const connection = parseConnection(Buffer.alloc(CONNECTION_BYTES, 0xff), NAMES);
    assert.deepEqual([connection.state, connection.timer, connection.txQueue], ["UNKNOWN", "none", 0]);
  });
});

/** Of pid 42, after six segments. */
function endRecord(kind: number, reason: number): Buffer {
  const bytes = Buffer.alloc(END_BYTES);
  for (const [at, word] of [
    [0, kind],
    [4, 42],
    [8, reason],
    [12, 6],
    [52, 99],
  ] as const)
    bytes.writeUInt32LE(word, at);
  ENDS.copy(bytes, 16);
  return bytes;
}

describe("the end of a connection", () => {
  for (const [kind, reason, expected] of [
    [1, 0, ["reset received", ""]],
    [2, 8, ["reset sent", "NETFILTER_DROP"]],
    [2, 99, ["reset sent", ""]],
    [3, 110, ["given up", "ETIMEDOUT"]],
  ] as const) {
    it(`of kind ${kind} with ${reason}`, () => {
      const end = parseEnd(endRecord(kind, reason), NAMES);
      assert.deepEqual([end?.kind, end?.reason], expected);
      assert.deepEqual([end?.pid, end?.inode, end?.retransmitted, end?.local], [42, 99, 6, "10.0.0.1:0"]);
    });
  }

  it("is left out where it is cut short or of no known kind", () => {
    assert.equal(parseEnd(endRecord(4, 0), NAMES), undefined);
    assert.equal(parseEnd(endRecord(1, 0).subarray(0, END_BYTES - 1), NAMES), undefined);
    assert.equal(parseEnd(Buffer.alloc(0), NAMES), undefined);
  });
});

describe("ticks a second", () => {
  for (const rate of [100, 250, 300, 1000]) {
    for (const seconds of [20, 299, 301, 86_400, 1e8]) {
      it(`${rate}, ${seconds} s after the start`, () => {
        assert.equal(ticksPerSecond(jiffiesAt(seconds, rate), seconds * 1e9), rate);
      });
    }
  }
});

describe("an enumeration of the kernel's", () => {
  /** An integer, a structure of one member, and the enumeration. */
  const strings = Buffer.from("\0other\0reason\0REASON_A\0REASON_B\0LIMIT\0");
  const words = [
    [1, (1 << 24) | 0, 4, 32],
    [1, (4 << 24) | 1, 4, 1, 1, 0],
    [7, (6 << 24) | 3, 4, 14, 2, 23, 0x10000, 32, 9],
  ].flat();
  const types = Buffer.from(Uint32Array.from(words).buffer);
  const header = Buffer.alloc(24);
  header.writeUInt16LE(0xeb9f, 0);
  header.writeUInt32LE(24, 4);
  header.writeUInt32LE(types.length, 12);
  header.writeUInt32LE(types.length, 16);
  header.writeUInt32LE(strings.length, 20);
  const btf = Buffer.concat([header, types, strings]);

  it("is told by number, without what lacks the prefix", () => {
    assert.deepEqual(
      [...enumOf(btf, "reason", "REASON_")],
      [
        [2, "A"],
        [0x10000, "B"],
      ],
    );
    assert.equal(enumOf(btf, "nothing", "").size, 0);
  });

  it("of bytes that are cut short is told less, and never thrown", () => {
    for (let length = 0; length < btf.length; length++) {
      assert.ok(enumOf(btf.subarray(0, length), "reason", "REASON_").size <= 2);
    }
  });

  it("of bytes that are damaged is not thrown", () => {
    for (let at = 0; at < btf.length; at++) {
      const damaged = Buffer.from(btf);
      damaged[at] = 0xff;
      enumOf(damaged, "reason", "REASON_");
    }
  });
});
