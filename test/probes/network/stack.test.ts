import assert from "node:assert/strict";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, beforeEach, describe, it } from "node:test";
import { Stack } from "../../../src/probes/network/stack.ts";
import { netMachine } from "../../kernel/net-fixture.ts";

const heads = (stack: Stack, atMs: number) => stack.look(atMs).troubles.map(({ entity, head }) => `${entity} ${head}`);

describe("what all connections share", () => {
  const folder = mkdtempSync(join(tmpdir(), "xctl-stack-"));
  let proc = "";
  let machines = 0;
  const put = (path: string, text: string) => writeFileSync(join(proc, path), text);
  const conntrack = (count: number, max: number, drop: number) => {
    put("sys/net/netfilter/nf_conntrack_count", `${count}\n`);
    put("sys/net/netfilter/nf_conntrack_max", `${max}\n`);
    put("net/stat/nf_conntrack", `entries drop early_drop\n00000000 ${drop.toString(16).padStart(8, "0")} 00000000\n`);
  };

  const counted = (dropped: string, overflows: number) => {
    put("net/softnet_stat", `00000010 ${dropped} 00000000\n`);
    put("net/netstat", `TcpExt: ListenOverflows ListenDrops\nTcpExt: ${overflows} ${overflows}\n`);
  };

  beforeEach(() => {
    proc = join(folder, String(machines++));
    cpSync(netMachine("x64-6.18").proc, proc, { recursive: true });
  });
  after(() => rmSync(folder, { recursive: true }));

  it("is told at each look, and at rest nothing is wrong", () => {
    const stack = new Stack(proc);
    for (const atMs of [0, 2000]) {
      const { figures, troubles } = stack.look(atMs);
      assert.deepEqual(figures.map(({ entity_id, value }) => [entity_id, value]), [["network", "0"], ["conntrack", "0"]]); // prettier-ignore
      assert.deepEqual(troubles, []);
    }
  });

  it("a full table of connections is a fault only while packets are dropped for it", () => {
    const stack = new Stack(proc);
    conntrack(94, 100, 7);
    assert.deepEqual(heads(stack, 0), []);
    conntrack(96, 100, 7);
    assert.deepEqual(heads(stack, 2000), ["conntrack CONNTRACK_NEAR_FULL"]);
    conntrack(100, 100, 12);
    const { figures, troubles } = stack.look(4000);
    assert.deepEqual(
      troubles.map(({ head, severity }) => [head, severity]),
      [["CONNTRACK_FULL", "fault"]],
    );
    assert.equal(figures.find(({ entity_id }) => entity_id === "conntrack")?.value, "5");
    assert.deepEqual(heads(stack, 12_000), ["conntrack CONNTRACK_FULL"], "dropped lately");
    assert.deepEqual(heads(stack, 20_000), ["conntrack CONNTRACK_NEAR_FULL"], "no more");
    conntrack(50, 100, 12);
    assert.deepEqual(heads(stack, 22_000), []);
  });

  it("TCP's memory: under pressure, and used up", () => {
    const stack = new Stack(proc);
    const used = (pages: number) => put("net/sockstat", `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem ${pages}\n`);
    put("sys/net/ipv4/tcp_mem", "100\t200\t300\n");
    used(199);
    assert.deepEqual(heads(stack, 0), []);
    used(200);
    assert.deepEqual(stack.look(2000).troubles.map(({ head, severity }) => [head, severity]), [["TCP_MEMORY_PRESSURE", "warning"]]); // prettier-ignore
    used(300);
    assert.deepEqual(stack.look(4000).troubles.map(({ head, severity }) => [head, severity]), [["TCP_MEMORY_FULL", "fault"]]); // prettier-ignore
  });

  it("packets that a CPU threw away, and connections that a listener had no room for", () => {
    const stack = new Stack(proc);
    counted("00000100", 5);
    assert.deepEqual(heads(stack, 0), [], "from before anybody looked");
    counted("00000110", 6);
    const { figures, troubles } = stack.look(2000);
    assert.deepEqual(
      troubles.map(({ head }) => head),
      ["SOFTNET_DROPS", "LISTEN_OVERFLOW"],
    );
    assert.ok(troubles.every(({ severity, isHarmless }) => severity === "warning" && isHarmless));
    assert.equal(figures[0]?.value, "17");
    counted("00000000", 0);
    assert.deepEqual(stack.look(30_000).figures[0]?.value, "0", "counted anew");
  });

  it("tells nothing of what cannot be read", () => {
    const { figures, troubles } = new Stack(join(folder, "nowhere")).look(0);
    assert.deepEqual([figures, troubles], [[], []]);
  });
});
