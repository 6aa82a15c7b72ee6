import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { parseRate, parseState, rdmaPorts, readRdmaPort } from "../../src/kernel/infiniband.ts";
import { cuts, netMachine } from "./net-fixture.ts";
import { anyText } from "./support.ts";

const { sys } = netMachine("rdma");
const read = (path: string) => {
  try {
    return Promise.resolve(readFileSync(path, "utf8"));
  } catch {
    return Promise.resolve(undefined);
  }
};

test("the ports there are", () => {
  assert.deepEqual(rdmaPorts(sys), [
    { device: "mlx5_0", port: 1 },
    { device: "mlx5_1", port: 1 },
    { device: "rdmap0s6", port: 1 },
  ]);
  assert.deepEqual(rdmaPorts("/nowhere"), []);
});

test("a port of InfiniBand, with all its counters or those of the traffic", async () => {
  const port = await readRdmaPort({ device: "mlx5_0", port: 1 }, read, "all", sys);
  assert.ok(port !== undefined);
  const { counters, ...facts } = port;
  assert.deepEqual(facts, {
    device: "mlx5_0",
    port: 1,
    state: "ACTIVE",
    physical: "LinkUp",
    linkLayer: "InfiniBand",
    rateMbitS: 400_000,
  });
  assert.equal(counters.get("port_rcv_data"), 237_159_415_345_822);
  assert.equal(counters.get("link_downed"), 1);
  const traffic = await readRdmaPort({ device: "mlx5_0", port: 1 }, read, "traffic", sys);
  assert.deepEqual([...(traffic?.counters.keys() ?? [])], ["port_rcv_data", "port_xmit_data"]);
});

test("a port of Ethernet counts more in hardware; a device without ports of its own counters is asked itself", async () => {
  const roce = await readRdmaPort({ device: "mlx5_1", port: 1 }, read, "all", sys);
  assert.equal(roce?.counters.get("out_of_sequence"), 7);
  assert.equal(roce?.counters.has("lifespan"), false, "a setting");
  assert.equal(roce?.counters.has("symbol_error"), false, "N/A (no PMA)");
  const efa = await readRdmaPort({ device: "rdmap0s6", port: 1 }, read, "all", sys);
  assert.deepEqual([efa?.state, efa?.rateMbitS, efa?.counters.get("rx_bytes")], ["DOWN", undefined, 1234]);
});

test("a device that does not answer, or is gone, is not told", async () => {
  assert.equal(
    await readRdmaPort({ device: "mlx5_0", port: 1 }, () => Promise.resolve(undefined), "all", sys),
    undefined,
  );
  assert.equal(await readRdmaPort({ device: "mlx5_9", port: 1 }, read, "all", sys), undefined);
});

test("torn and hostile texts", async () => {
  for (const cut of cuts("4: ACTIVE\n"))
    assert.ok([undefined, ..."ACTIVE".split("").map((_, at) => "ACTIVE".slice(0, at + 1))].includes(parseState(cut)));
  for (const cut of cuts("100 Gb/sec (4X EDR)\n")) assert.ok([undefined, 100_000].includes(parseRate(cut)));
  fc.assert(fc.property(anyText, (text) => void [parseState(text), parseRate(text)]));
  await fc.assert(
    fc.asyncProperty(fc.array(anyText, { minLength: 1, maxLength: 8 }), async (texts) => {
      let at = 0;
      const port = await readRdmaPort(
        { device: "mlx5_1", port: 1 },
        () => Promise.resolve(texts[at++ % texts.length]),
        "all",
        sys,
      );
      assert.ok([...(port?.counters.values() ?? [])].every(Number.isFinite));
    }),
  );
});
