import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parseConntrackStat, readConntrack } from "../../src/kernel/conntrack.ts";
import { parseNetstat, parseSockstat, parseTcpMemory } from "../../src/kernel/netstat.ts";
import { parseSoftnet } from "../../src/kernel/softnet.ts";
import { cuts, netMachine } from "./net-fixture.ts";
import { anyText } from "./support.ts";

const { proc } = netMachine("x64-6.18");
const textOf = (path: string) => readFileSync(`${proc}/${path}`, "utf8");

const numbers = (values: Iterable<number>) => [...values].every(Number.isFinite);

const parse = (text: string) => {
  assert.ok(numbers(Object.values(parseSoftnet(text) ?? {})));
  assert.ok(numbers(parseNetstat(text).values()));
  assert.ok(numbers(parseSockstat(text).values()));
  assert.ok(numbers(parseConntrackStat(text).values()));
  parseTcpMemory(text);
};

test("softnet: the sum over the CPUs, in hexadecimal", () => {
  assert.deepEqual(parseSoftnet("00000010 00000002 00000001\n0000000f 00000001 00000000\n"), {
    processed: 31,
    dropped: 3,
    squeezed: 1,
  });
  assert.deepEqual(parseSoftnet(textOf("net/softnet_stat")), { processed: 0x16237 + 0x2696b, dropped: 0, squeezed: 0 });
  assert.equal(parseSoftnet(""), undefined);
  assert.equal(parseSoftnet("00000010 0000000"), undefined, "cut within a column");
});

test("netstat: names over values, protocol by protocol", () => {
  const text = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 3 4\nIpExt: InOctets\nIpExt: 99\n";
  assert.deepEqual(Object.fromEntries(parseNetstat(text)), {
    "TcpExt.ListenOverflows": 3,
    "TcpExt.ListenDrops": 4,
    "IpExt.InOctets": 99,
  });
  const recorded = parseNetstat(textOf("net/netstat"));
  assert.equal(recorded.get("TcpExt.ListenOverflows"), 0);
  assert.ok(recorded.has("IpExt.InOctets"));
  // MaxConn is -1 where there is no bound.
  assert.equal(parseNetstat(textOf("net/snmp")).get("Tcp.MaxConn"), -1);
  assert.equal(parseNetstat("TcpExt: A B\nTcpExt: 1\n").size, 0, "cut within the values");
});

test("sockstat, and what TCP may use", () => {
  const figures = parseSockstat("sockets: used 14\nTCP: inuse 1 orphan 0 tw 2 alloc 3 mem 4\nTCP6: inuse 5\n");
  assert.deepEqual([figures.get("TCP.mem"), figures.get("TCP6.inuse"), figures.get("sockets.used")], [4, 5, 14]);
  assert.equal(parseSockstat(textOf("net/sockstat")).get("TCP.tw"), 0);
  assert.deepEqual(parseTcpMemory("287901\t383869\t575802\n"), { pressure: 383_869, max: 575_802 });
  assert.equal(parseTcpMemory("287901\t383869"), undefined);
});

test("conntrack: how full, and what was dropped on any CPU", () => {
  assert.deepEqual(readConntrack(proc), { count: 0, max: 262_144, dropped: 0, droppedEarly: 0, insertFailed: 0 });
  const text =
    "entries  insert_failed drop early_drop\n00000005 00000001 0000000a 00000000\n00000005 00000000 00000001 00000002\n";
  const sums = parseConntrackStat(text);
  assert.deepEqual([sums.get("insert_failed"), sums.get("drop"), sums.get("early_drop")], [1, 11, 2]);
  assert.equal(readConntrack("/nowhere"), undefined);
  const folder = mkdtempSync(join(tmpdir(), "xctl-conntrack-"));
  try {
    mkdirSync(join(folder, "sys/net/netfilter"), { recursive: true });
    writeFileSync(join(folder, "sys/net/netfilter/nf_conntrack_count"), "7\n");
    writeFileSync(join(folder, "sys/net/netfilter/nf_conntrack_max"), "10\n");
    assert.deepEqual(readConntrack(folder), { count: 7, max: 10 }, "statistics not told");
    writeFileSync(join(folder, "sys/net/netfilter/nf_conntrack_max"), "");
    assert.equal(readConntrack(folder), undefined);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a torn or hostile text gives numbers or nothing", () => {
  for (const file of ["net/softnet_stat", "net/sockstat", "net/stat/nf_conntrack", "sys/net/ipv4/tcp_mem"]) {
    for (const cut of cuts(textOf(file))) parse(cut);
  }
  // Every place would be thousands of long texts.
  for (const file of ["net/netstat", "net/snmp"]) {
    const text = textOf(file);
    fc.assert(fc.property(fc.nat(text.length), (length) => parse(text.slice(0, length))));
  }
  fc.assert(fc.property(anyText, parse));
});
