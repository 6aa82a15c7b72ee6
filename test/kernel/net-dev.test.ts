import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { parseSpeed, readWire } from "../../src/kernel/net-class.ts";
import { parseNetDev, readLinkFiles } from "../../src/kernel/net-dev.ts";
import { cuts, netMachine } from "./net-fixture.ts";
import { anyText } from "./support.ts";

const { proc, sys } = netMachine("x64-6.18");
const text = readFileSync(`${proc}/net/dev`, "utf8");

const read = (path: string) => Promise.resolve(readFileSync(path, "utf8"));

test("the counters of each interface", () => {
  const interfaces = parseNetDev(text);
  assert.deepEqual([...interfaces.keys()], ["lo", "br0", "v1", "v0", "v3", "v2", "t0", "v4"]);
  const { rxBytes, rxPackets, txBytes, txPackets } = interfaces.get("v0") as NonNullable<
    ReturnType<typeof interfaces.get>
  >;
  assert.deepEqual(
    { rxBytes, rxPackets, txBytes, txPackets },
    { rxBytes: 266, rxPackets: 3, txBytes: 950, txPackets: 11 },
  );
  assert.equal(interfaces.get("v2")?.txDropped, 2);
  // Where the counter is long, nothing stands between the name and it.
  assert.equal(parseNetDev("eth0:1 2 3 4 0 0 0 0 5 6 7 8 0 9 0 0").get("eth0")?.collisions, 9);
});

test("without rtnetlink: the state from sysfs, as far as that tells it", () => {
  const table = readLinkFiles(proc, sys);
  const find = (name: string) => table?.links.find((link) => link.name === name);
  assert.equal(table?.addresses, undefined);
  assert.equal(find("lo")?.isLoopback, true);
  assert.deepEqual([find("v0")?.isUp, find("v0")?.hasCarrier, find("v0")?.mtu], [true, true, 1500]);
  assert.deepEqual([find("v2")?.isUp, find("v2")?.hasCarrier], [true, false]);
  assert.equal(find("v3"), undefined, "not in this sysfs");
  assert.equal(readLinkFiles("/nowhere", sys), undefined);
});

test("a torn or hostile table gives no wrong interface", () => {
  const whole = parseNetDev(text);
  for (const cut of cuts(text)) {
    for (const name of parseNetDev(cut).keys()) assert.ok(whole.has(name), name);
  }
  fc.assert(fc.property(anyText, (any) => void parseNetDev(any)));
});

test("speed, duplex and driver; what a driver does not know is left out", async () => {
  const folder = mkdtempSync(join(tmpdir(), "xctl-net-class-"));
  try {
    const eth0 = join(folder, "class/net/eth0");
    mkdirSync(join(eth0, "device"), { recursive: true });
    writeFileSync(join(eth0, "speed"), "25000\n");
    writeFileSync(join(eth0, "duplex"), "full\n");
    symlinkSync("../../../bus/pci/drivers/mlx5_core", join(eth0, "device/driver"));
    assert.deepEqual(await readWire("eth0", read, folder), { speedMbitS: 25_000, duplex: "full", driver: "mlx5_core" });
    assert.deepEqual(await readWire("eth1", () => Promise.resolve(undefined), folder), {});
    writeFileSync(join(eth0, "speed"), "-1\n");
    writeFileSync(join(eth0, "duplex"), "unknown\n");
    assert.deepEqual(await readWire("eth0", read, folder), { driver: "mlx5_core" });
  } finally {
    rmSync(folder, { recursive: true });
  }
  assert.equal(parseSpeed("4294967295"), undefined);
  assert.equal(parseSpeed("0"), undefined);
  assert.equal(parseSpeed(""), undefined);
});
