import assert from "node:assert/strict";
import { test } from "node:test";
import type { Link, LinkTable } from "../../../src/kernel/rtnetlink.ts";
import { carrierOf } from "../../../src/probes/process/waits/tcp-over.ts";

const link = (index: number, name: string) => ({ index, name, isLoopback: name === "lo" }) as Link;
const address = (index: number, text: string) => ({ index, address: text, isGlobal: true });

const table: LinkTable = {
  links: [link(1, "lo"), link(2, "eth0"), link(3, "eth1")],
  addresses: [
    address(1, "127.0.0.1"),
    address(1, "10.9.9.9"),
    address(2, "10.0.0.1"),
    address(2, "fe80::1"),
    address(3, "fe80::1"),
    address(3, "2001:db8::1"),
  ],
  isComplete: true,
};

function over(local: string, remote: string, known: Record<string, string> = {}) {
  return carrierOf({ local, remote }, table, (text) => known[text]);
}

test("the interface that has the local address, of either family", () => {
  assert.equal(over("10.0.0.1:4711", "10.0.0.2:80"), "eth0");
  assert.equal(over("[2001:db8::1]:4711", "[2001:db8::2]:80"), "eth1");
});

test("between two addresses of this host, or from one of the loopback's, over none", () => {
  assert.equal(over("10.0.0.1:4711", "10.0.0.1:80"), undefined);
  assert.equal(over("[2001:db8::1]:4711", "10.0.0.1:80"), undefined);
  assert.equal(over("10.9.9.9:4711", "10.0.0.2:80"), undefined);
});

test("an address that two interfaces have does not tell which", () => {
  assert.equal(over("[fe80::1]:4711", "[fe80::2]:80"), undefined);
});

test("an address that nobody has any more is that of who had it last", () => {
  assert.equal(over("10.7.0.1:4711", "10.7.0.2:80", { "10.7.0.1": "eth7" }), "eth7");
  assert.equal(over("10.7.0.1:4711", "10.7.0.2:80"), undefined);
  assert.equal(
    carrierOf({ local: "10.7.0.1:1", remote: "10.7.0.2:2" }, undefined, () => "eth7"),
    "eth7",
  );
});
