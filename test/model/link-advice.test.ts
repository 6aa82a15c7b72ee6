import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { CAUSES } from "../../src/model/cause.ts";
import { ProcessNode } from "../../src/model/nodes.ts";

function advise(entityId: string, object: string | undefined, detail: string, node?: string) {
  const process = new ProcessNode("pid-10", 1, 10, node, 0);
  const subject = { entityId, process, members: [process], object, setting: undefined, detail };
  return CAUSES["network.link_down"].advise(subject).map(({ key, command }) => [key, command]);
}

describe("what to do about an interface that is down", () => {
  it("is looked at, whatever its name", () => {
    assert.deepEqual(advise("eth0", "eth0", "LINK_DOWN"), [["look_at_link", "ip -s link show dev eth0"]]);
    assert.deepEqual(advise("a'b", "a'b", "LINK_DOWN"), [["look_at_link", `ip -s link show dev 'a'\\''b'`]]);
    assert.deepEqual(advise("eth0", undefined, "LINK_DOWN"), [["look_at_link", "ip -s link"]]);
    assert.deepEqual(advise("eth0", "eth0", "REMOVED"), [["look_at_link", "ip -s link"]], "it is in no list by itself");
    assert.deepEqual(advise("mlx5_0/1", "mlx5_0", "LINK_DOWN:DOWN Polling"), [
      ["look_at_link", "rdma link show mlx5_0/1"],
    ]);
  });

  it("is set up where somebody has set it down, but not from another host", () => {
    assert.deepEqual(advise("eth0", "eth0", "ADMIN_DOWN")[1], ["set_link_up", "sudo ip link set dev eth0 up"]);
    assert.equal(advise("eth0", "eth0", "ADMIN_DOWN", "other").length, 1);
  });

  it("is in the network namespace of the process", () => {
    assert.deepEqual(advise("netns-4026532281/eth0", "eth0", "ADMIN_DOWN"), [
      ["look_at_link", "sudo nsenter --net --target 10 ip -s link show dev eth0"],
      ["set_link_up", "sudo nsenter --net --target 10 ip link set dev eth0 up"],
    ]);
    assert.deepEqual(advise("netns-1/eth0", "eth0", "LINK_DOWN", "other"), [["look_at_link", null]]);
  });
});
