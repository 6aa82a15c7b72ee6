import assert from "node:assert/strict";
import { connect, createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { awaitsAnswer, buildTcpRequest, parseTcpReply, tcpActivity } from "../../src/kernel/tcp-activity.ts";

// A client on 127.0.0.1 that sent "hello" and got no answer, and the server's end; Linux 6.18.
const CLIENT =
  "980100001400020001000000bc710000020100009f6aa9317f0000010000000000000000000000007f00000100000000000000000000" +
  "000000000000902a00000000000000000000000000000000000000000000bd721b00050008000000000008000f00000000000c001500" +
  "010000000000000006001600520000001c010200010000000007aa01e01c030000000000008000001802000000000000000000000000" +
  "0000000000000000000048030000000000007003000048030000ffff0000d7ff00001a0000000b000000ffffff7f0b000000cbff0000" +
  "0300000000000000d7ff000000000000eaf50d6108000000ffffffffffffffff06000000000000000000000000000000030000000200" +
  "0000000000001a00000000000000010000004208013f0000000000000000000000000000000000000000000000000000000002000000" +
  "000000000500000000000000000000000000000000000000000000000000000000000100000001000000000000000000000000000000" +
  "000000000000000000000000000000000000000000000000000000000000";
const DONE = "140000000300020001000000c87a000000000000";
const reply = Buffer.from(CLIENT + DONE, "hex");

test("the request asks for the times of open connections", () => {
  const request = buildTcpRequest(4).toString("hex");
  assert.equal(request, `48000000140001030100000000000000${"02060200"}${"02010000"}${"00".repeat(48)}`);
  assert.equal(buildTcpRequest(6)[16], 10);
});

test("a recorded connection", () => {
  const { sockets, done, errno } = parseTcpReply(reply);
  assert.equal(reply.readUInt32LE(0), reply.length - DONE.length / 2);
  assert.deepEqual(sockets, [[1798845, { sentMs: 840, receivedMs: 880, bytesAcked: 6, bytesReceived: 0 }]]);
  assert.equal(done, true);
  assert.equal(errno, undefined);
});

test("a refusal is told", () => {
  const refusal = Buffer.alloc(20);
  refusal.writeUInt32LE(20, 0);
  refusal.writeUInt16LE(2, 4);
  refusal.writeInt32LE(-1, 16);
  assert.deepEqual(parseTcpReply(refusal), { sockets: [], done: true, errno: 1 });
});

test("no bytes make the parser throw or loop", () => {
  const changed = fc
    .tuple(fc.nat(reply.length - 1), fc.nat(255), fc.nat(reply.length))
    .map(([at, byte, length]) => Buffer.from(reply.with(at, byte).subarray(0, length)));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }).map(Buffer.from), changed), (bytes) => {
      parseTcpReply(bytes);
    }),
  );
});

test("an answer is due to who has sent last", () => {
  const quiet = { sentMs: 500, receivedMs: 500, bytesAcked: 1, bytesReceived: 0 };
  assert.equal(awaitsAnswer(quiet), false);
  assert.equal(awaitsAnswer({ ...quiet, bytesAcked: 20 }), true);
  assert.equal(awaitsAnswer({ ...quiet, bytesAcked: 20, bytesReceived: 9 }), false);
  assert.equal(awaitsAnswer({ sentMs: 100, receivedMs: 500, bytesAcked: 20, bytesReceived: 9 }), true);
  assert.equal(awaitsAnswer({ sentMs: 500, receivedMs: 100, bytesAcked: 20, bytesReceived: 9 }), false);
});

const skip = process.platform === "linux" ? false : "needs Linux";

test("a real connection that has asked", { skip }, async (t) => {
  const server = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  t.after(() => client.destroy());
  await new Promise<void>((sent) => client.write("hello", () => sent()));
  for (let tries = 0; ; tries++) {
    const all = await tcpActivity(5000);
    if (typeof all === "string") return t.skip(all);
    const asked = [...all.values()].some((it) => it.bytesAcked === 6 && it.bytesReceived === 0 && awaitsAnswer(it));
    if (asked) return undefined;
    assert.ok(tries < 100, "never seen");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
