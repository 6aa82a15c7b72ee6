import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { isLockWait, parseFutexCall, parseFutexVector, type FutexCall } from "../../src/kernel/futex.ts";
import { joinedThread, muslJoinedThread } from "../../src/kernel/futex-joins.ts";
import { mutexClaim, rwlockClaim, rwlockReaders, semaphoreWaiters } from "../../src/kernel/futex-locks.ts";

const call = (more: Partial<FutexCall> = {}): FutexCall => ({
  operation: "wait",
  address: 0x7f00_0000_1000n,
  expected: 2,
  shared: false,
  timed: false,
  ...more,
});

/** 32-bit words, as they lie in memory. */
function words(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [place, value] of values.entries()) bytes.writeUInt32LE(value >>> 0, place * 4);
  return bytes;
}

/** A glibc mutex: lock, count, owner, users, kind, spins, and its place in a robust list. */
const mutex = (lock: number, count: number, owner: number, users: number, kind: number, ...rest: number[]) =>
  words(...[lock, count, owner, users, kind, ...rest, 0, 0, 0, 0, 0].slice(0, 10));

const args = (...values: (number | bigint)[]) => [...values, 0, 0, 0, 0, 0, 0].slice(0, 6).map(BigInt);

describe("a futex call", () => {
  it("is read by its operation and flags", () => {
    assert.deepEqual(parseFutexCall("futex", args(0x1000, 0x80, 2)), call({ address: 0x1000n }));
    assert.deepEqual(
      parseFutexCall("futex", args(0x1000, 0x109, 0x1_0000_3039n, 0x2000)),
      call({ address: 0x1000n, expected: 12345, shared: true, timed: true }),
    );
    assert.equal(parseFutexCall("futex", args(0x1000, 0x86))?.operation, "lock_pi");
    assert.equal(parseFutexCall("futex", args(0x1000, 13))?.operation, "lock_pi");
    assert.equal(parseFutexCall("futex", args(0x1000, 0x8b, 1))?.operation, "wait");
    assert.equal(parseFutexCall("futex", args(0x1000, 0x81)), undefined);
    assert.equal(parseFutexCall("read", args(3)), undefined);
    assert.deepEqual(parseFutexCall("futex_wait", args(0x1000, 2, 0xffffffff, 0x82)), call({ address: 0x1000n }));
  });

  it("may name several futexes in memory", () => {
    const bytes = words(2, 0, 0x1000, 0, 0x82, 0, 7, 0, 0x2000, 0, 0x2, 0, 9);
    assert.deepEqual(parseFutexVector(bytes, false), [
      call({ address: 0x1000n }),
      call({ address: 0x2000n, expected: 7, shared: true }),
    ]);
  });

  it("waits for a lock where the value says so", () => {
    assert.deepEqual(
      [2, 0x8000_0010, 0, 1, 0xffff_ffff].map((expected) => isLockWait(call({ expected }))),
      [true, true, false, false, false],
    );
  });
});

describe("a mutex", () => {
  it("names its owner, whatever its type", () => {
    const plain = { what: "mutex", owner: 4711, sure: true, byKernel: false, processShared: false };
    assert.deepEqual(mutexClaim(call(), mutex(2, 0, 4711, 1, 0)), plain);
    assert.deepEqual(mutexClaim(call(), mutex(2, 3, 4711, 1, 1)), plain);
    assert.deepEqual(mutexClaim(call(), mutex(2, 0, 4711, 1, 2)), plain);
    assert.deepEqual(mutexClaim(call(), mutex(2, 0, 4711, 1, 3, 77)), plain);
    assert.deepEqual(mutexClaim(call(), mutex(2, 0, 4711, 1, 0x80)), { ...plain, processShared: true });
  });

  it("is believed to be one only where every field fits", () => {
    for (const bytes of [
      mutex(1, 0, 4711, 1, 0),
      mutex(2, 1, 4711, 1, 0),
      mutex(2, 0, 4711, 1, 1),
      mutex(2, 0, 4711, 0, 0),
      mutex(2, 0, 0, 1, 0),
      mutex(2, 0, 0x7f00_0000, 1, 0),
      mutex(2, 0, 4711, 1, 0x400),
      mutex(2, 0, 4711, 1, 0x7f00_0000),
      mutex(2, 0, 4711, 1, 0).subarray(0, 36),
    ]) {
      assert.equal(mutexClaim(call(), bytes), undefined, bytes.toString("hex"));
    }
    assert.equal(mutexClaim(call({ expected: 0 }), mutex(0, 0, 4711, 1, 0)), undefined);
    assert.equal(mutexClaim(call(), mutex(2, 0, 4711, 1, 0, 9))?.sure, false);
    assert.equal(mutexClaim(call(), mutex(2, 0, 4711, 1, 0, 0, 0x1000))?.sure, false);
  });

  it("that is robust has its owner in its word", () => {
    const robust = { what: "mutex", owner: 4711, sure: true, byKernel: false, processShared: true };
    const contended = call({ expected: 0x8000_0000 + 4711 });
    assert.deepEqual(mutexClaim(contended, mutex(0x8000_0000 + 4711, 1, 4711, 1, 0x90, 0, 1, 2)), robust);
    assert.equal(mutexClaim(contended, mutex(0xc000_0000, 1, 4711, 1, 0x90))?.owner, 0);
    assert.deepEqual(mutexClaim(contended, words(0x8000_0000 + 4711)), {
      ...robust,
      sure: false,
      processShared: false,
    });
    assert.equal(mutexClaim(contended, words(0x8000_0000)), undefined);
  });

  it("with priority inheritance is the kernel's own", () => {
    const locks = call({ operation: "lock_pi", expected: 0 });
    const claim = { what: "mutex", owner: 4711, sure: true, byKernel: true, processShared: false };
    assert.deepEqual(mutexClaim(locks, words(0x8000_0000 + 4711)), claim);
    assert.deepEqual(mutexClaim(locks, words(4711)), claim);
    assert.equal(mutexClaim(locks, words(0xc000_0000))?.owner, 0);
    assert.equal(mutexClaim(locks, words(0)), undefined);
    assert.equal(mutexClaim(locks, Buffer.alloc(0)), undefined);
  });
});

describe("a read-write lock", () => {
  const held = words(3, 0, 3, 0, 0, 0, 4711, 1, 0, 0, 0, 0, 0);

  it("names its writer", () => {
    const claim = { what: "rwlock", owner: 4711, sure: true, byKernel: false, processShared: true };
    assert.deepEqual(rwlockClaim(call({ expected: 3 }), held, 8n), claim);
    assert.equal(rwlockClaim(call({ expected: 3 }), held, 12n), undefined);
    assert.equal(rwlockClaim(call({ expected: 2 }), held, 8n), undefined);
    const unheld = words(1, 0, 3, 0, 0, 0, 4711, 1, 0, 0, 0, 0, 0);
    assert.equal(rwlockClaim(call({ expected: 3 }), unheld, 8n), undefined);
  });

  it("tells how many read", () => {
    assert.equal(rwlockReaders(call(), words(2 | (3 << 3), 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)), 3);
    assert.equal(rwlockReaders(call(), held), undefined);
  });
});

describe("a thread to end", () => {
  const tid = call({ expected: 4711, shared: true });

  it("is told by the word that the kernel clears", () => {
    const descriptor = words(4711, 0, 0x1010, 0x7f00);
    assert.deepEqual(joinedThread(tid, descriptor), { tid: 4711, sure: true });
    assert.deepEqual(joinedThread(tid, words(4711)), { tid: 4711, sure: false });
    assert.equal(joinedThread({ ...tid, shared: false }, descriptor), undefined);
    assert.equal(joinedThread(tid, words(0, 0, 0x1010, 0x7f00)), undefined);
    assert.equal(joinedThread(call({ expected: 0, shared: true }), words(0)), undefined);
  });

  it("is told by musl's descriptor", () => {
    assert.equal(muslJoinedThread(call(), words(4711, 0, 2)), 4711);
    assert.equal(muslJoinedThread(call(), words(4711, 5000, 2)), undefined);
    assert.equal(muslJoinedThread(call(), words(4711, 0, 1)), undefined);
    assert.equal(muslJoinedThread(call({ expected: 0 }), words(4711, 0, 0)), undefined);
  });
});

describe("what is behind a futex", () => {
  it("may be a semaphore", () => {
    assert.equal(semaphoreWaiters(call({ expected: 0 }), words(0, 2, 0, 0)), 2);
    assert.equal(semaphoreWaiters(call({ expected: 0, shared: true }), words(0, 1, 128, 0)), 1);
    assert.equal(semaphoreWaiters(call({ expected: 0 }), words(0, 0, 0, 0)), undefined);
    assert.equal(semaphoreWaiters(call({ expected: 0 }), words(1, 1, 0, 0)), undefined);
  });

  it("may be anything: whatever is claimed is the number of a thread", () => {
    const someCall = fc.record({
      operation: fc.constantFrom("wait", "lock_pi"),
      address: fc.bigInt(0n, 1n << 47n),
      expected: fc.oneof(fc.constantFrom(0, 2, 3, 0x8000_0010), fc.nat(0xffff_ffff)),
      shared: fc.boolean(),
      timed: fc.boolean(),
    }) as fc.Arbitrary<FutexCall>;
    fc.assert(
      fc.property(someCall, fc.uint8Array({ maxLength: 64 }), (anyCall, array) => {
        const bytes = Buffer.from(array);
        const numbers = [
          mutexClaim(anyCall, bytes)?.owner,
          rwlockClaim(anyCall, bytes, 8n)?.owner,
          joinedThread(anyCall, bytes)?.tid,
          muslJoinedThread(anyCall, bytes),
        ];
        for (const number of numbers) assert.ok(number === undefined || (number >= 0 && number <= 1 << 22));
        rwlockReaders(anyCall, bytes);
        semaphoreWaiters(anyCall, bytes);
        parseFutexVector(bytes, false);
      }),
    );
  });
});
