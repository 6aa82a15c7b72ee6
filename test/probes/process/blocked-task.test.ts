import assert from "node:assert/strict";
import { endianness } from "node:os";
import { describe, it } from "node:test";
import { callText, int32, type BlockedTask } from "../../../src/probes/process/blocked-task.ts";
import { fileUseOf } from "../../../src/probes/process/file-use.ts";
import { parseFdSet, parsePollFds } from "../../../src/probes/process/poll-set.ts";
import { terminalName } from "../../../src/probes/process/terminal-name.ts";

const skip = endianness() === "LE" ? false : "the bytes are little-endian";
const POLLIN = 1;
const POLLOUT = 4;

function pollFds(...watched: [fd: number, events: number][]): Buffer {
  const bytes = Buffer.alloc(watched.length * 8);
  for (const [index, [fd, events]] of watched.entries()) {
    bytes.writeInt32LE(fd, index * 8);
    bytes.writeUInt16LE(events, index * 8 + 4);
  }
  return bytes;
}

const args = (...values: number[]) => [...values, 0, 0, 0, 0, 0, 0].slice(0, 6).map(BigInt);
const use = (name: string, values: bigint[], wchan = "", memory?: Buffer) =>
  fileUseOf({ name, args: values }, wchan, () => Promise.resolve(memory));
const polls = (memory: Buffer | undefined, count = (memory?.length ?? 0) / 8) =>
  use("poll", args(0x1000, count), "", memory);

describe("which file a call is about", { skip }, () => {
  it("reads and writes its first argument", async () => {
    assert.deepEqual(await use("read", args(3)), { verb: "read", fd: 3, polled: false });
    assert.deepEqual(await use("sendmsg", args(4)), { verb: "write", fd: 4, polled: false });
    assert.equal(await use("futex", args(3)), undefined);
    assert.equal(await use("read", []), undefined);
  });

  it("splices either of two", async () => {
    assert.deepEqual(await use("splice", args(3, 0, 5), "anon_pipe_read"), { verb: "read", fd: 3, polled: false });
    assert.deepEqual(await use("splice", args(3, 0, 5), "wait_for_space"), { verb: "write", fd: 5, polled: false });
  });

  it("polls one", async () => {
    assert.deepEqual(await polls(pollFds([7, POLLIN])), { verb: "read", fd: 7, polled: true });
    assert.deepEqual(await polls(pollFds([7, POLLOUT])), { verb: "write", fd: 7, polled: true });
    assert.deepEqual(await polls(pollFds([-1, POLLIN], [7, POLLIN | POLLOUT])), { verb: "read", fd: 7, polled: true });
    assert.equal(await polls(pollFds([6, POLLIN], [7, POLLIN])), undefined);
    assert.equal(await polls(undefined, 1), undefined);
    assert.equal(await polls(Buffer.alloc(3), 1), undefined);
    assert.equal(await polls(pollFds([7, POLLIN]), 2 ** 40), undefined);
  });

  it("selects one", async () => {
    const set = Buffer.alloc(16);
    set[8] = 0b100;
    assert.deepEqual(parseFdSet(set, 70), [66]);
    assert.deepEqual(parseFdSet(set, 66), []);
    assert.deepEqual(await use("select", args(70, 0x1000), "", set), { verb: "read", fd: 66, polled: true });
    assert.deepEqual(await use("pselect6", args(70, 0, 0x1000), "", set), { verb: "write", fd: 66, polled: true });
    assert.equal(await use("select", args(70, 0x1000), "", undefined), undefined);
  });

  it("reads no further than the bytes go", () => {
    assert.deepEqual(parsePollFds(pollFds([7, POLLIN]).subarray(0, 7)), []);
    assert.deepEqual(parseFdSet(Buffer.from([0xff]), 1024), [0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe("how a call is shown", () => {
  const task = { blind: [], wchan: "do_wait" } as unknown as BlockedTask;

  it("negative numbers as such, addresses in hexadecimal", () => {
    const call = (name: string, first: bigint) =>
      callText({ ...task, syscall: { name, args: [first], stackPointer: 0n } });
    assert.equal(call("wait4", 0xffffffffn), "wait4(-1, …) in do_wait");
    assert.equal(call("wait4", 0xffffffffffffffffn), "wait4(-1, …) in do_wait");
    assert.equal(call("futex", 0x730b248n), "futex(0x730b248, …) in do_wait");
    assert.equal(call("futex", 0x7f0000001000n), "futex(0x7f0000001000, …) in do_wait");
    assert.equal(callText({ ...task, syscall: undefined }), "in do_wait");
    assert.equal(int32(0xffffffffffffffffn), -1);
  });
});

describe("terminalName", () => {
  for (const [device, name] of [
    [0, undefined],
    [(136 << 8) | 3, "pts/3"],
    [(136 << 8) | 0x2c | (1 << 20), "pts/300"],
    [(4 << 8) | 1, "tty1"],
    [(4 << 8) | 64, "ttyS0"],
    [(5 << 8) | 1, "console"],
    [(204 << 8) | 64, "204:64"],
  ] as const) {
    it(`${device}: ${name}`, () => assert.equal(terminalName(device), name));
  }
});
