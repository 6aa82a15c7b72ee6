import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { Rdma } from "../../../src/probes/network/rdma.ts";
import { netMachine } from "../../kernel/net-fixture.ts";

const read = (path: string) => {
  try {
    return Promise.resolve(readFileSync(path, "utf8"));
  } catch {
    return Promise.resolve(undefined);
  }
};

describe("RDMA ports", () => {
  const folder = mkdtempSync(join(tmpdir(), "xctl-rdma-"));
  let sys = "";
  let machines = 0;
  const put = (path: string, text: string) => writeFileSync(join(sys, "class/infiniband", path), `${text}\n`);

  beforeEach(() => {
    sys = join(folder, String(machines++));
    cpSync(netMachine("rdma").sys, sys, { recursive: true });
  });
  after(() => rmSync(folder, { recursive: true }));

  it("have the traffic that their counters of four-byte words tell, and their losses", async () => {
    const rdma = new Rdma(sys, read);
    assert.deepEqual((await rdma.look(0)).figures, [], "a rate takes two looks");
    put("mlx5_0/ports/1/counters/port_rcv_data", String(237_159_415_345_822 + 250_000));
    const { figures, troubles } = await rdma.look(2000);
    const of = (entity: string, type: string) =>
      figures.find((event) => event.entity_id === entity && event.event_type === type);
    const traffic = of("mlx5_0/1", "transport.bw");
    assert.equal(traffic?.value, "4");
    assert.equal(traffic?.attrs?.rx_bytes_total, (237_159_415_345_822 + 250_000) * 4);
    assert.equal(traffic?.attrs?.speed_mbit_s, 400_000);
    assert.equal(of("mlx5_0/1", "transport.drop")?.attrs?.link_downed_total, 1);
    const roce = of("mlx5_1/1", "transport.drop");
    assert.deepEqual(
      [roce?.attrs?.pauses_received_total, roce?.attrs?.pauses_sent_total, roce?.attrs?.out_of_sequence_total],
      [17, 5, 7],
    );
    assert.deepEqual(troubles, [], "a port that was never in use is not missed");
  });

  it("are missed where they were active", async () => {
    const rdma = new Rdma(sys, read);
    const look = async (atMs: number) =>
      (await rdma.look(atMs)).troubles.map(({ entity, head }) => `${entity} ${head}`);
    assert.deepEqual(await look(0), []);
    put("mlx5_0/ports/1/state", "1: DOWN");
    put("mlx5_0/ports/1/phys_state", "2: Polling");
    const [trouble] = (await rdma.look(2000)).troubles;
    assert.deepEqual([trouble?.type, trouble?.entity, trouble?.severity], ["topo.link_down", "mlx5_0/1", "fault"]);
    assert.match(trouble?.observed ?? "", /DOWN.*Polling/);
    rmSync(join(sys, "class/infiniband/mlx5_0/ports/1/state"));
    assert.deepEqual(await look(4000), ["mlx5_0/1 LINK_DOWN"], "it does not answer: it is as it was");
    put("mlx5_0/ports/1/state", "4: ACTIVE");
    assert.deepEqual(await look(6000), []);
  });

  it("are told to be damaged while the counters of that grow", async () => {
    const rdma = new Rdma(sys, read);
    const look = async (atMs: number) =>
      (await rdma.look(atMs)).troubles.map(({ entity, head }) => `${entity} ${head}`);
    await rdma.look(0);
    put("mlx5_0/ports/1/counters/symbol_error", "12");
    assert.deepEqual(await look(10_000), ["mlx5_0/1 SYMBOL_ERRORS"]);
    assert.deepEqual(await look(20_000), ["mlx5_0/1 SYMBOL_ERRORS"]);
    assert.deepEqual(await look(50_000), []);
  });

  it("are none where there are no devices", async () => {
    assert.deepEqual(await new Rdma("/nowhere", read).look(0), { figures: [], troubles: [] });
  });
});
