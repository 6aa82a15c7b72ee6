/** Who is hit: a file that is open there is no evidence, and neither is a call that was only not ready. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { IoAccounting } from "../../../src/kernel/io-accounting.ts";
import type { OpenFile } from "../../../src/kernel/open-files.ts";
import {
  changeBetween,
  didNotGrow,
  mayBeRefused,
  readsFromDeviceInVain,
  wasWrittenTo,
  writesInVain,
  writesToDeviceInVain,
  type FileLook,
} from "../../../src/probes/storage/evidence.ts";

const NOTHING: IoAccounting = {
  readBytes: 0,
  writtenBytes: 0,
  readCalls: 0,
  writeCalls: 0,
  storageReadBytes: 0,
  storageWriteBytes: 0,
};
const LOG: OpenFile = {
  fd: 3,
  target: "/mnt/log",
  mountId: 44,
  canRead: false,
  canWrite: true,
  appends: true,
  nonBlocking: false,
  position: 0,
};

function look(modifiedMs: number, sizeBytes: number, file: Partial<OpenFile> = {}, inode = 12): FileLook {
  return { file: { ...LOG, ...file }, state: { sizeBytes, modifiedMs, device: 1792, inode } };
}

describe("what a process did between two looks", () => {
  it("is the difference, unless another process has the pid", () => {
    const before = { ...NOTHING, writeCalls: 5, writtenBytes: 100 };
    assert.deepEqual(changeBetween(before, { ...before, writeCalls: 9 }), { ...NOTHING, writeCalls: 4 });
    assert.equal(changeBetween(before, { ...NOTHING, writeCalls: 900 }), undefined);
  });

  it("was in vain where it called and got nothing", () => {
    assert.equal(writesInVain({ ...NOTHING, writeCalls: 2 }), true);
    assert.equal(writesInVain({ ...NOTHING, writeCalls: 2, writtenBytes: 1 }), false);
    assert.equal(writesInVain(NOTHING), false);
  });

  it("a read that got nothing failed only where a device was asked", () => {
    const atEnd = { ...NOTHING, readCalls: 20 };
    assert.equal(readsFromDeviceInVain(atEnd), false, "at a file's end, or of an empty pipe");
    assert.equal(readsFromDeviceInVain({ ...atEnd, storageReadBytes: 4096 }), true);
    assert.equal(readsFromDeviceInVain({ ...atEnd, storageReadBytes: 4096, readBytes: 512 }), false);
    assert.equal(writesToDeviceInVain({ ...NOTHING, writeCalls: 1 }), false);
    assert.equal(writesToDeviceInVain({ ...NOTHING, writeCalls: 1, storageWriteBytes: 512 }), true);
  });
});

describe("a file on a full file system", () => {
  it("was written to where its time is of this while, to a tick of the clock", () => {
    assert.equal(wasWrittenTo(look(5000, 10), 5000), true);
    assert.equal(wasWrittenTo(look(4995, 10), 5000), true);
    assert.equal(wasWrittenTo(look(4900, 10), 5000), false, "a log that is only open");
  });

  it("did not grow though it was written to at its end", () => {
    assert.equal(didNotGrow(look(1000, 10), look(3000, 10)), true);
    assert.equal(didNotGrow(look(1000, 10), look(1000, 10)), false, "not written to");
    assert.equal(didNotGrow(look(1000, 10), look(3000, 20)), false, "it grew");
    assert.equal(didNotGrow(look(1000, 10), look(3000, 10, {}, 13)), false, "another file");
  });

  it("that is written over in place says nothing by its size", () => {
    const inPlace = { appends: false, position: 4096 };
    assert.equal(didNotGrow(look(1000, 8192, inPlace), look(3000, 8192, inPlace)), false);
    const atEnd = { appends: false, position: 8192 };
    assert.equal(didNotGrow(look(1000, 8192, atEnd), look(3000, 8192, atEnd)), true);
    const empty = { appends: false, position: 0 };
    assert.equal(didNotGrow(look(1000, 0, empty), look(3000, 0, empty)), false);
  });
});

it("calls may be refused for a moment by what does not wait", () => {
  const pipe = { ...LOG, target: "pipe:[7]", nonBlocking: true };
  assert.equal(mayBeRefused([LOG, pipe]), true);
  assert.equal(mayBeRefused([LOG, { ...pipe, nonBlocking: false }]), false);
  assert.equal(mayBeRefused([LOG, { ...pipe, canWrite: false }]), false);
  assert.equal(mayBeRefused([{ ...LOG, nonBlocking: true }]), false, "a file never is");
});
