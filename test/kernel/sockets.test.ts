import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { readFd } from "../../src/kernel/fds.ts";
import { parseInet, parseUnix, readInet, unixPeers } from "../../src/kernel/sockets.ts";
import type { InetSocket } from "../../src/kernel/sockets.ts";
import { anyText, fixture, notLinux, until, withProgram } from "./support.ts";

const PROC = fixture("x64-6.18");
const skip = notLinux;

test("recorded tables: each connected socket has exactly one mirror, across tcp and tcp6", async () => {
  const sockets = (await readInet(PROC, 23110)) ?? [];
  const connected = sockets.filter(({ state }) => state === "ESTABLISHED");
  assert.equal(connected.length, 6);
  for (const socket of connected) assert.equal(mirrors(sockets, socket).length, 1, socket.local);
  assert.deepEqual(sockets.find(({ inode }) => inode === 80315), {
    protocol: "tcp", local: "127.0.0.1:60890", remote: "127.0.0.1:8080", state: "ESTABLISHED",
    txQueue: 0, rxQueue: 37, timer: "none", retransmits: 0, uid: 0, inode: 80315,
  }); // prettier-ignore
  const ends = new Set(sockets.map(({ protocol, local, state }) => `${protocol} ${local} ${state}`));
  assert.ok(ends.has("tcp [::]:8081 LISTEN") && ends.has("udp 127.0.0.1:9000 CLOSE"));
});

test("states, timers and queues of other situations", () => {
  const address = "0100000A:0050 0200000A:9C40";
  const parse = (rest: string) => parseInet(` 12: ${address} ${rest} 4711 2 ffff 20 4 30 10 -1\n`, 4)[0];
  assert.partialDeepStrictEqual(parse("02 00000001:00000000 01:00000A1B 00000003  1000 0"), {
    local: "10.0.0.1:80", remote: "10.0.0.2:40000", state: "SYN_SENT", timer: "retransmit", txQueue: 1, retransmits: 3, uid: 1000, inode: 4711,
  }); // prettier-ignore
  assert.equal(parse("01 0027AC3A:00000000 04:00000F2F 00000000 0 9")?.timer, "persist");
  assert.equal(parse("08 00000000:0000FFFF 02:00000F2F 00000000 0 0")?.state, "CLOSE_WAIT");
  assert.equal(parse("7F 00000000:00000000 00:00000000 00000000 0 0")?.state, "UNKNOWN");
});

test("tables that cannot be read say nothing about peers", async () => {
  assert.equal(await readInet(PROC, 999_999), undefined);
});

test("recorded unix sockets", () => {
  const sockets = parseUnix(readFileSync(`${PROC}/23110/net/unix`, "utf8"));
  assert.equal(sockets.length, 7);
  assert.deepEqual(sockets[0], { inode: 80323, type: "stream", state: "listening", path: "/tmp/example/server.sock" });
  assert.deepEqual(sockets.at(-1), { inode: 80326, type: "dgram", state: "unconnected", path: "@example" });
  assert.equal(sockets.filter(({ state }) => state === "connected").length, 5);
});

test("the other end of a running TCP connection: v4, v6, and v4 to a v6 listener", { skip }, async (context) => {
  for (const [listen, connect] of [
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "::1"],
    ["::", "127.0.0.1"],
  ] as const) {
    const script = `
      import net from "node:net";
      const server = net.createServer({ pauseOnConnect: true }).listen(0, "${listen}", () => {
        const client = net.connect(server.address().port, "${connect}", () => {
          server.getConnections(function look(_, count) {
            if (count === 0) return void server.getConnections(look);
            client.write("x".repeat(1234));
            console.log(client.localPort);
          });
        });
      }).on("error", (error) => console.log(error.code));`;
    await withProgram(script, async (line, { pid }) => {
      if (!/^\d+$/.test(line)) return context.diagnostic(`${listen}: ${line}`);
      const isClient = ({ local, state }: InetSocket) => local.endsWith(`:${line}`) && state === "ESTABLISHED";
      let other: InetSocket | undefined;
      await until(async () => {
        const sockets = (await readInet("/proc", pid)) ?? [];
        const client = sockets.find(isClient);
        other = client && mirrors(sockets, client)[0];
        return (other?.rxQueue ?? 0) > 0;
      }, `${listen}: the other end has unread data`);
      assert.equal(other?.rxQueue, 1234);
      assert.ok(openSockets(pid).has(other.inode));
    });
  }
});

test("the other end of a running unix connection, by sock_diag", { skip }, async () => {
  const path = `\\0xctl-test-${process.pid}`;
  const script = `
    import net from "node:net";
    const server = net.createServer().listen("${path}", () => {
      server.on("connection", (end) => { end.pause(); console.log("connected"); });
      net.connect("${path}").write("hello");
    });`;
  await withProgram(script, async (_, { pid }) => {
    const peers = await unixPeers();
    assert.ok(typeof peers !== "string", String(peers));
    const own = openSockets(pid);
    const named = [...peers].filter(([inode, { path: name }]) => own.has(inode) && name === path.replace("\\0", "@"));
    assert.deepEqual(named.map(([, { listening }]) => listening).sort(), [false, true]); // prettier-ignore
    const [accepted, { peer }] = named.find(([, { listening }]) => !listening) ?? assert.fail("no accepted end");
    assert.ok(own.has(peer));
    assert.equal(peers.get(peer)?.peer, accepted);
    assert.equal(named.find(([, { listening }]) => listening)?.[1].peer, 0);
  });
});

test("a unix socket whose other end is closed has no peer", { skip }, async () => {
  const path = `\\0xctl-test-closed-${process.pid}`;
  const script = `
    import net from "node:net";
    const server = net.createServer((end) => end.destroy()).listen("${path}", () => {
      net.connect({ path: "${path}", allowHalfOpen: true }).pause().on("connect", () => console.log("up"));
    });`;
  await withProgram(script, async (_, { pid }) => {
    await until(async () => {
      const peers = await unixPeers();
      const own = openSockets(pid);
      return (
        typeof peers !== "string" &&
        [...peers].some(
          ([inode, { peer, path: name, listening }]) =>
            own.has(inode) && peer === 0 && name === undefined && !listening,
        )
      );
    }, "an unnamed end without a peer");
  });
});

test("no text makes a parser throw", () => {
  const word = fc.oneof(fc.stringMatching(/^[0-9A-F]{0,33}:?[0-9A-F]{0,8}$/), anyText);
  fc.assert(
    fc.property(fc.array(word, { maxLength: 14 }), (words) => {
      parseInet(`1: ${words.join(" ")}`, 4);
      parseInet(`1: ${words.join(" ")}`, 6);
      parseUnix(words.join(" "));
    }),
  );
});

function mirrors(sockets: InetSocket[], { local, remote }: InetSocket): InetSocket[] {
  return sockets.filter((other) => other.local === remote && other.remote === local);
}

/** The inodes of the sockets that a process has open. */
function openSockets(pid: number): Set<number> {
  const inodes = Array.from({ length: 64 }, (_, fd) => /^socket:\[(\d+)\]$/.exec(readFd("/proc", pid, fd) ?? "")?.[1]);
  return new Set(inodes.filter((inode) => inode !== undefined).map(Number));
}
