import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { buildTcpRequest, openConnections, parseTcpReply, readTcpTable } from "../../src/kernel/tcp-info.ts";
import { notLinux } from "./support.ts";

/**
 * Linux 6.18, a message a line: a client whose request a firewall drops; on ::1 a listener with a backlog of 0, a client
 * that was accepted and has sent "hello", one that waits to be accepted, the server's two ends of these; the dump's end.
 */
const RECORDED = readFileSync(new URL("../fixtures/sock-diag/tcp-6.18.hex", import.meta.url), "latin1");
const messages = RECORDED.trim()
  .split("\n")
  .map((line) => Buffer.from(line, "hex"));
const reply = Buffer.concat(messages);

test("the request asks for a family's sockets in these states, and for these extensions", () => {
  const states = ["ESTABLISHED", "CLOSE_WAIT"] as const;
  const request = buildTcpRequest({ family: 4, states, extensions: [2] });
  assert.equal(request.toString("hex"), `48000000140001030100000000000000${"02060200"}${"02010000"}${"00".repeat(48)}`);
  const other = buildTcpRequest({ family: 6, states: ["LISTEN"], extensions: [2, 7] });
  assert.equal(other.toString("hex").slice(32, 48), "0a06420000040000");
});

test("a recorded connection that gets no answer", () => {
  const { sockets, done, errno } = parseTcpReply(reply);
  assert.deepEqual([sockets.length, done, errno], [6, true, undefined]);
  assert.deepEqual(sockets[0], {
    cookie: 63_108,
    inode: 3_288_668,
    state: "ESTABLISHED",
    local: "10.65.223.141:41432",
    remote: "10.65.223.142:4711",
    timer: "retransmit",
    rxQueue: 0,
    txQueue: 5,
    receiveBuffer: { bytes: 0, limit: 131_072 },
    info: {
      retransmits: 4,
      probes: 0,
      backoff: 4,
      rtoMs: 3264,
      mssBytes: 1448,
      unacked: 1,
      lost: 1,
      sentMs: 676,
      receivedMs: 4092,
      acknowledgedMs: 4092,
      rttMs: 0.042,
      congestionWindow: 1,
      retransmitted: 5,
      bytesAcked: 6,
      bytesReceived: 5,
      segmentsSent: 10,
      unsentBytes: 0,
      needless: 0,
      sendWindow: 65_536,
    },
  });
});

test("recorded sockets of IPv6: a full queue, unread data, one that nobody has accepted", () => {
  const [, listener, client, , server, unaccepted] = parseTcpReply(reply).sockets;
  assert.partialDeepStrictEqual(listener, { state: "LISTEN", local: "[::1]:4711", rxQueue: 1, txQueue: 0 });
  assert.equal(listener?.info, undefined);
  assert.partialDeepStrictEqual(client, { remote: "[::1]:4711", info: { bytesAcked: 6, bytesReceived: 0 } });
  assert.deepEqual([server?.local, server?.remote], [client?.remote, client?.local]);
  assert.partialDeepStrictEqual(server, { rxQueue: 5, receiveBuffer: { bytes: 837 } });
  assert.equal(unaccepted?.inode, 0);
});

test("an older kernel's shorter tcp_info lacks what came later, and the oldest says nothing", () => {
  const [message] = messages as [Buffer];
  const at = message.indexOf(Buffer.from("1c010200", "hex"));
  const cut = (infoBytes: number) => {
    const shorter = Buffer.from(message.subarray(0, at + 4 + infoBytes));
    shorter.writeUInt16LE(4 + infoBytes, at);
    shorter.writeUInt32LE(shorter.length, 0);
    return parseTcpReply(shorter).sockets[0]?.info;
  };
  assert.equal(cut(136)?.bytesReceived, 5);
  assert.equal(cut(136)?.segmentsSent, undefined);
  assert.deepEqual([cut(228)?.needless, cut(228)?.sendWindow], [0, undefined]);
  assert.equal(cut(132), undefined);
});

test("a refusal is told", () => {
  const refusal = Buffer.alloc(20);
  refusal.writeUInt32LE(20, 0);
  refusal.writeUInt16LE(2, 4);
  refusal.writeInt32LE(-1, 16);
  assert.deepEqual(parseTcpReply(refusal), { sockets: [], done: true, errno: 1 });
});

test("cut off at any byte, whole messages are read and nothing throws", () => {
  let whole = 0;
  for (let length = 0; length <= reply.length; length++) {
    const { sockets } = parseTcpReply(reply.subarray(0, length));
    assert.ok(sockets.length >= whole);
    whole = sockets.length;
  }
  assert.equal(whole, 6);
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

test(
  "a running machine's listener and connection, both ends; not more than asked for",
  { skip: notLinux },
  async (t) => {
    const server = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
    t.after(() => server.close());
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    const client = connect(port, "127.0.0.1");
    t.after(() => client.destroy());
    await new Promise<void>((sent) => client.write("hello", () => sent()));
    for (let tries = 0; ; tries++) {
      const table = await readTcpTable(100_000, 5000);
      if (typeof table === "string") return t.skip(table);
      const ours = table.sockets.filter(({ local, remote }) => `${local} ${remote}`.includes(`127.0.0.1:${port}`));
      const ends = ours.map(({ state, inode }) => (inode === 0 ? "unaccepted" : state)).sort();
      if (String(ends) === "ESTABLISHED,ESTABLISHED,LISTEN") break;
      assert.ok(tries < 100, String(ends));
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const few = await readTcpTable(1);
    assert.ok(typeof few !== "string");
    assert.deepEqual([few.sockets.length, few.complete], [1, false]);
    let open = 0;
    assert.equal(await openConnections(5000, () => (open += 1)), undefined);
    assert.ok(open >= 2);
  },
);
