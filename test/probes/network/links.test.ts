import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Link, LinkTable } from "../../../src/kernel/rtnetlink.ts";
import { linkFigures } from "../../../src/probes/network/link-figures.ts";
import { linkTroubles } from "../../../src/probes/network/link-trouble.ts";
import { Links } from "../../../src/probes/network/links.ts";

type Given = Partial<Omit<Link, "counters">> & { addresses?: string[]; counters?: Partial<Link["counters"]> };

const NOTHING = {
  rxBytes: 0,
  txBytes: 0,
  rxPackets: 0,
  txPackets: 0,
  rxErrors: 0,
  txErrors: 0,
  rxDropped: 0,
  txDropped: 0,
  rxCrcErrors: 0,
  rxMissed: 0,
  collisions: 0,
};

/** Interfaces as they are given, up and with a carrier unless said otherwise. */
function machine(...given: Given[]): LinkTable {
  const links = given.map(({ addresses: _addresses, counters, ...facts }): Link => ({
    index: 2,
    name: "eth0",
    hardware: 1,
    isLoopback: false,
    isUp: true,
    hasCarrier: true,
    operstate: "up",
    mtu: 1500,
    isLowerElsewhere: false,
    ...facts,
    counters: { ...NOTHING, ...counters },
  }));
  const addresses = given.flatMap(({ index = 2, addresses: all = [] }) =>
    all.map((address) => ({ index, address, isGlobal: !address.startsWith("fe80:") })),
  );
  return { links, addresses, isComplete: true };
}

/** What is wrong after these looks, two seconds apart: `entity HEAD`. */
function after(...looks: LinkTable[]): string[] {
  return troublesAfter(...looks).map(({ entity, head }) => `${entity} ${head}`);
}

function troublesAfter(...looks: LinkTable[]) {
  const links = new Links();
  for (const [at, table] of looks.entries()) links.look(table, 2000 * at);
  return linkTroubles({ interfaces: links.all, gone: links.gone, entityOf: (name) => name });
}

/** A pair of veth, of which one has this MTU. */
const peers = (mtu: number) => [
  { name: "v0", kind: "veth", lower: 3, mtu },
  { index: 3, name: "v1", kind: "veth", lower: 2 },
];
const counted = (rxErrors: number, rxPackets: number) => machine({ counters: { rxErrors, rxPackets } });

const NO_CARRIER = { hasCarrier: false, operstate: "down" };
const DOWN = { isUp: false, hasCarrier: false, operstate: "down" };

describe("an interface whose link is down", () => {
  it("is told where it had a carrier before, or has an address", () => {
    assert.deepEqual(after(machine({})), []);
    assert.deepEqual(after(machine({}), machine(NO_CARRIER)), ["eth0 LINK_DOWN"]);
    assert.deepEqual(after(machine({ ...NO_CARRIER, addresses: ["10.0.0.1"] })), ["eth0 LINK_DOWN"]);
    assert.deepEqual(after(machine({}), machine(NO_CARRIER), machine({})), []);
  });

  it("is not told of hardware that nobody has plugged in", () => {
    assert.deepEqual(after(machine({ ...NO_CARRIER, carrierUps: 0 }), machine({ ...NO_CARRIER, carrierUps: 0 })), []);
    assert.deepEqual(after(machine({ ...NO_CARRIER, addresses: ["fe80::1"] })), []);
  });

  it("is told of a bond's member that had a link before anybody looked", () => {
    const bond = { index: 9, name: "bond0", kind: "bond" };
    assert.deepEqual(after(machine(bond, { ...NO_CARRIER, master: 9, carrierUps: 1 })), [
      "bond0 BOND_DEGRADED",
      "eth0 LINK_DOWN",
    ]);
  });

  it("is not told of a bridge whose last container has gone, but of one whose ports have all lost their link", () => {
    const bridge = { index: 9, name: "docker0", kind: "bridge", addresses: ["172.17.0.1"] };
    const port = { name: "veth0", kind: "veth", master: 9 };
    assert.deepEqual(after(machine({ ...bridge, ...NO_CARRIER })), []);
    assert.deepEqual(after(machine(bridge, port), machine({ ...bridge, ...NO_CARRIER })), []);
    assert.deepEqual(after(machine(bridge, port), machine({ ...bridge, ...NO_CARRIER }, { ...port, ...NO_CARRIER })), [
      "docker0 LINK_DOWN",
      "veth0 LINK_DOWN",
    ]);
  });

  it("is not told of a tunnel whose program was never there", () => {
    const tun = { name: "tun0", kind: "tun", addresses: ["10.8.0.1"] };
    assert.deepEqual(after(machine({ ...tun, ...NO_CARRIER })), []);
    assert.deepEqual(after(machine(tun), machine({ ...tun, ...NO_CARRIER })), ["tun0 LINK_DOWN"]);
  });

  it("names what lies below it, or its other end", () => {
    const [own] = troublesAfter(
      machine({ name: "v0", kind: "veth", lower: 3 }, { index: 3, name: "v1", kind: "veth", lower: 2 }),
      machine(
        { name: "v0", kind: "veth", lower: 3, ...NO_CARRIER },
        { index: 3, name: "v1", kind: "veth", lower: 2, ...DOWN },
      ),
    );
    assert.equal(own?.head, "LINK_DOWN");
    assert.match(own?.observed ?? "", /its other end, v1 is set down/);
    // The other end's index is one of another namespace: it says nothing about the interface that has it here.
    const [elsewhere] = troublesAfter(
      machine(
        { name: "v0", kind: "veth", lower: 3, isLowerElsewhere: true, ...NO_CARRIER, addresses: ["10.0.0.1"] },
        { index: 3, name: "eth9", ...DOWN },
      ),
    );
    assert.doesNotMatch(elsewhere?.observed ?? "", /eth9/);
    assert.match(elsewhere?.observed ?? "", /has 10\.0\.0\.1/);
  });
});

describe("an interface that is set down", () => {
  it("is told where it was in use, with the addresses that it had", () => {
    const [trouble] = troublesAfter(
      machine({ addresses: ["10.0.0.1", "fd00::1"] }),
      machine({ ...DOWN, addresses: ["10.0.0.1"] }),
    );
    assert.equal(trouble?.head, "ADMIN_DOWN");
    assert.match(trouble?.observed ?? "", /10\.0\.0\.1 fd00::1/, "the kernel takes the IPv6 address away");
    assert.deepEqual(after(machine({ ...DOWN, addresses: ["10.0.0.1"], carrierUps: 1 })), ["eth0 ADMIN_DOWN"]);
    assert.deepEqual(after(machine({}), machine(DOWN)), ["eth0 ADMIN_DOWN"]);
  });

  it("is not told where nobody has ever used it", () => {
    assert.deepEqual(after(machine(DOWN), machine(DOWN)), []);
    assert.deepEqual(after(machine(NO_CARRIER), machine(DOWN)), []);
    const ipvs = { ...DOWN, name: "kube-ipvs0", kind: "dummy", carrierUps: 0, addresses: ["10.96.0.1"] };
    assert.deepEqual(after(machine(ipvs), machine(ipvs)), [], "one that only has addresses, and is never up");
  });
});

describe("an interface that is gone", () => {
  const had = { addresses: ["10.0.0.1"] };

  it("is told where it had an address", () => {
    const [trouble, ...others] = troublesAfter(machine(had), machine());
    assert.deepEqual([trouble?.head, trouble?.entity, others.length], ["REMOVED", "eth0", 0]);
    assert.match(trouble?.observed ?? "", /10\.0\.0\.1/);
    assert.deepEqual(after(machine({ addresses: ["fe80::1"] }), machine()), [], "a container's, which has ended");
  });

  it("is there again under its name, or its addresses are elsewhere", () => {
    assert.deepEqual(after(machine(had), machine(), machine({ ...had, index: 7 })), []);
    assert.deepEqual(after(machine(had), machine(), machine({ index: 7, ...DOWN })), ["eth0 ADMIN_DOWN"], "not yet up");
    assert.deepEqual(after(machine(had), machine({ ...had, index: 9, name: "bond0" })), []);
    assert.deepEqual(after(machine(had), machine({ ...had, name: "lan0" })), [], "renamed");
  });

  it("is not taken for gone where the kernel says that the list may lack something", () => {
    assert.deepEqual(after(machine(had), { ...machine(), isComplete: false }), []);
    assert.deepEqual(after(machine(had), { ...machine(), isComplete: false }, machine()), ["eth0 REMOVED"]);
  });

  it("is forgotten when nobody misses it", () => {
    const links = new Links();
    links.look(machine(had), 0);
    links.look(machine(), 1);
    for (const gone of links.gone) links.forget(gone);
    assert.deepEqual(links.gone, []);
  });
});

describe("what is told and blames nobody", () => {
  it("an MTU that is lower than the other end's, or than the bridge's", () => {
    assert.deepEqual(after(machine(...peers(1400))), ["v0 MTU_MISMATCH"]);
    assert.deepEqual(after(machine(...peers(1500))), []);
    const bridge = { index: 9, name: "br0", kind: "bridge", mtu: 1500 };
    assert.deepEqual(after(machine(bridge, { master: 9, mtu: 1280 })), ["eth0 MTU_MISMATCH"]);
    const [trouble] = troublesAfter(machine(...peers(1400)));
    assert.equal(trouble?.isHarmless, true);
  });

  it("a lower speed than before, and half duplex", () => {
    const links = new Links();
    links.look(machine({}), 0);
    const [eth0] = links.all;
    assert.ok(eth0 !== undefined);
    const heads = () =>
      linkTroubles({ interfaces: links.all, gone: [], entityOf: (name) => name }).map(({ head }) => head);
    Object.assign(eth0, { wire: { speedMbitS: 25_000, duplex: "full" }, bestSpeedMbitS: 25_000 });
    assert.deepEqual(heads(), []);
    Object.assign(eth0, { wire: { speedMbitS: 100, duplex: "half" } });
    assert.deepEqual(heads(), ["SPEED_LOWERED", "HALF_DUPLEX"]);
  });
});

describe("errors of an interface", () => {
  it("are told where they are more than a few, as long as they go on", () => {
    assert.deepEqual(after(counted(0, 0), counted(20, 400)), ["eth0 INTERFACE_ERRORS"]);
    assert.deepEqual(after(counted(0, 0), counted(2, 2)), [], "too few");
    assert.deepEqual(after(counted(0, 0), counted(5, 100_000)), [], "too small a share");
    assert.deepEqual(after(counted(500, 1000), counted(500, 2000)), [], "old ones");
    const still = counted(20, 400);
    assert.deepEqual(after(counted(0, 0), still, ...Array.from({ length: 8 }, () => still)), [], "over");
  });

  it("of a driver that counts anew are none", () => {
    assert.deepEqual(after(counted(500, 1000), counted(0, 0)), []);
  });
});

describe("the figures of an interface", () => {
  it("take two looks, and are what went over it between them", () => {
    const links = new Links();
    const look = (counters: Partial<Link["counters"]>, atMs: number) => {
      links.look(machine({ counters }), atMs);
      const [eth0] = links.all;
      return linkFigures(eth0 as NonNullable<typeof eth0>, "eth0", atMs);
    };
    assert.deepEqual(look({ rxBytes: 1000 }, 0), []);
    const [bandwidth, drops] = look(
      { rxBytes: 1_001_000, txBytes: 250_000, rxDropped: 2, txErrors: 1, rxMissed: 3 },
      2000,
    );
    assert.deepEqual([bandwidth?.event_type, bandwidth?.value], ["transport.bw", "5"]);
    assert.deepEqual([bandwidth?.attrs?.rx_mbit_s, bandwidth?.attrs?.tx_mbit_s], [4, 1]);
    assert.equal(bandwidth?.attrs?.rx_bytes_total, 1_001_000);
    assert.deepEqual([drops?.event_type, drops?.value], ["transport.drop", "6"]);
    assert.deepEqual(
      look({}, 4000).map(({ value }) => value),
      ["0", "0"],
      "counted anew",
    );
  });
});
