import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { buildUnixRequest, parseUnixReply } from "../../src/kernel/sock-diag.ts";
import { fixture } from "./support.ts";

/** The datagrams of a dump by Linux 6.18, a line each. */
const [sockets, end] = readFileSync(`${fixture("x64-6.18")}/unix-diag.hex`, "utf8")
  .trim()
  .split("\n")
  .map((line) => Buffer.from(line, "hex")) as [Buffer, Buffer];

test("the request asks for all unix sockets with name, peer and queues", () => {
  // struct nlmsghdr, struct unix_diag_req
  const header = "28000000 1400 0103 01000000 00000000";
  const request = "01 00 0000 ffffffff 00000000 1d000000 0000000000000000";
  assert.equal(buildUnixRequest().toString("hex"), `${header}${request}`.replaceAll(" ", ""));
});

test("a recorded dump", () => {
  const reply = parseUnixReply(sockets);
  assert.equal(reply.done, false);
  assert.equal(reply.sockets.length, 7);
  const find = (inode: number) => reply.sockets.find((socket) => socket.inode === inode);
  const server = { type: 1, path: "/tmp/example/server.sock" };
  assert.deepEqual(find(80323), { inode: 80323, peer: 0, listening: true, rqueue: 0, wqueue: 5, ...server });
  // The client sent five bytes that the accepted end has not read.
  assert.deepEqual(find(80325), { inode: 80325, peer: 80324, listening: false, rqueue: 5, wqueue: 0, ...server });
  assert.equal(find(80324)?.peer, 80325);
  assert.ok((find(80324)?.wqueue ?? 0) > 0);
  assert.equal(find(80326)?.path, "@example");
  assert.equal(find(80329)?.peer, 0, "its other end is closed");
  assert.deepEqual(parseUnixReply(end), { sockets: [], done: true });
});

test("a refusal is told", () => {
  const error = Buffer.alloc(36);
  error.writeUInt32LE(36, 0);
  error.writeUInt16LE(2, 4);
  error.writeInt32LE(-2, 16);
  assert.equal(parseUnixReply(error).errno, 2);
});

test("no bytes make the parser throw or loop: random ones, and the recorded ones cut and changed", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parseUnixReply(Buffer.from(bytes))));
  const cut = fc.nat(sockets.length);
  const change = fc.tuple(fc.nat(sockets.length - 1), fc.nat(255));
  fc.assert(
    fc.property(cut, fc.array(change, { maxLength: 5 }), (length, changes) => {
      const bytes = Buffer.from(sockets);
      for (const [at, value] of changes) bytes[at] = value;
      parseUnixReply(bytes.subarray(0, length));
    }),
  );
});
