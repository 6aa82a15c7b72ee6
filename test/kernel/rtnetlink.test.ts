import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BlockingReader } from "../../src/kernel/blocking.ts";
import {
  buildRequest,
  parseAddresses,
  parseLinks,
  readHeaders,
  readLinkTable,
  type LinkTable,
} from "../../src/kernel/rtnetlink.ts";
import { datagrams, netMachine } from "./net-fixture.ts";
import { notLinux } from "./support.ts";

/** Dumps by Linux 6.18: a bridge with a veth as its port, a veth whose other end is down, one whose other end is elsewhere. */
const { root } = netMachine("x64-6.18");
const recordedLinks = datagrams(`${root}/rtnetlink-links.hex`);
const recordedAddresses = datagrams(`${root}/rtnetlink-addresses.hex`);

/** With its header, padded. */
const attribute = (type: number, body: Buffer) => {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(4 + body.length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, body, Buffer.alloc(-body.length & 3)]);
};

const parse = (bytes: Buffer) => {
  readHeaders(bytes);
  return { links: parseLinks(bytes), addresses: parseAddresses(bytes) };
};

const bondMember = (miiStatus: number) => {
  const info = Buffer.concat([
    attribute(4, Buffer.from("bond\0")),
    // Nested attributes may carry a flag that says so.
    attribute(0x8000 | 5, Buffer.concat([attribute(1, Buffer.from([1])), attribute(2, Buffer.from([miiStatus]))])),
  ]);
  const body = Buffer.concat([Buffer.alloc(16), attribute(3, Buffer.from("eno2\0")), attribute(18, info)]);
  const header = Buffer.alloc(16);
  header.writeUInt32LE(16 + body.length, 0);
  header.writeUInt16LE(16, 4);
  return parseLinks(Buffer.concat([header, body]))[0];
};

test("the requests ask for all interfaces, and for all addresses", () => {
  // struct nlmsghdr, then struct ifinfomsg and struct ifaddrmsg
  assert.equal(buildRequest("links").toString("hex"), `20000000120001030100000000000000${"0".repeat(32)}`);
  assert.equal(buildRequest("addresses").toString("hex"), `18000000160001030100000000000000${"0".repeat(16)}`);
});

test("a recorded dump of interfaces", () => {
  const links = recordedLinks.flatMap(parseLinks);
  assert.deepEqual(links.map(({ name }) => name).sort(), ["br0", "lo", "t0", "v0", "v1", "v2", "v3", "v4"]);
  const find = (name: string) => links.find((link) => link.name === name);
  const index = (name: string) => find(name)?.index;

  assert.equal(find("lo")?.isLoopback, true);
  const bridge = find("br0");
  assert.deepEqual([bridge?.kind, bridge?.isUp, bridge?.hasCarrier, bridge?.operstate], ["bridge", true, true, "up"]);
  const port = find("v0");
  assert.deepEqual([port?.kind, port?.master, port?.lower], ["veth", index("br0"), index("v1")]);
  assert.equal(port?.mtu, 1500);
  assert.equal(find("v1")?.mtu, 1400);
  const counters = port?.counters;
  assert.deepEqual([counters?.rxBytes, counters?.rxPackets, counters?.txBytes, counters?.txPackets], [266, 3, 950, 11]);

  const lost = find("v2");
  assert.deepEqual([lost?.isUp, lost?.hasCarrier, lost?.operstate], [true, false, "lowerlayerdown"]);
  assert.equal(lost?.counters.txDropped, 2);
  assert.equal(find("v3")?.isUp, false);
  assert.equal(find("v4")?.isLowerElsewhere, true);
  assert.equal(lost?.isLowerElsewhere, false);
  assert.deepEqual([find("t0")?.kind, find("t0")?.hasCarrier], ["tun", false]);
});

test("a recorded dump of addresses: those of the link's own scope are told apart", () => {
  const links = recordedLinks.flatMap(parseLinks);
  const addresses = recordedAddresses.flatMap(parseAddresses);
  const of = (name: string) => {
    const index = links.find((link) => link.name === name)?.index;
    return addresses.filter((address) => address.index === index).map(({ address, isGlobal }) => [address, isGlobal]);
  };
  assert.deepEqual(of("v2"), [["10.9.1.1", true], ["fd00:9::1", true]]); // prettier-ignore
  assert.deepEqual(of("lo"), [["127.0.0.1", false], ["::1", false]]); // prettier-ignore
  assert.deepEqual(of("t0"), [["10.9.2.1", true]], "our end of a point-to-point link");
  assert.deepEqual(of("v0").map(([, isGlobal]) => isGlobal), [false]); // prettier-ignore
});

test("a bond's member tells what the bond thinks of its link", () => {
  assert.equal(bondMember(0)?.isGoodSlave, true);
  assert.equal(bondMember(2)?.isGoodSlave, false);
  assert.equal(bondMember(2)?.kind, undefined);
});

test("the headers tell the end, an interrupted dump, and a refusal", () => {
  assert.deepEqual(readHeaders(recordedLinks.at(-1) as Buffer), { isDone: true, isInterrupted: false });
  const interrupted = Buffer.from(recordedLinks.at(-1) as Buffer);
  interrupted.writeUInt16LE(interrupted.readUInt16LE(6) | 0x10, 6);
  assert.equal(readHeaders(interrupted).isInterrupted, true);
  const error = Buffer.alloc(36);
  error.writeUInt32LE(36, 0);
  error.writeUInt16LE(2, 4);
  error.writeInt32LE(-1, 16);
  assert.equal(readHeaders(error).errno, 1);
});

test("no bytes make the parsers throw or loop: random ones, the recorded ones cut at every place, and changed", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void parse(Buffer.from(bytes))));
  for (const datagram of [...recordedLinks, ...recordedAddresses]) {
    const whole = parse(datagram);
    for (let length = 0; length <= datagram.length; length++) {
      const part = parse(datagram.subarray(0, length));
      assert.deepEqual(part.links, whole.links.slice(0, part.links.length));
      assert.deepEqual(part.addresses, whole.addresses.slice(0, part.addresses.length));
    }
    const change = fc.tuple(fc.nat(datagram.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { maxLength: 5 }), (changes) => {
        const bytes = Buffer.from(datagram);
        for (const [at, value] of changes) bytes[at] = value;
        parse(bytes);
      }),
    );
  }
});

test("the interfaces of this machine, asked here and by a helper", { skip: notLinux }, async () => {
  const here = await readLinkTable();
  assert.ok(typeof here !== "string", String(here));
  const reader = new BlockingReader();
  try {
    const there = (await reader.links(process.pid)) as LinkTable;
    assert.ok(there.links.some(({ name, isLoopback }) => name === "lo" && isLoopback));
    assert.ok(here.links.some(({ name }) => name === "lo"));
    assert.ok(here.addresses !== undefined && there.addresses !== undefined);
  } finally {
    reader.close();
  }
});
