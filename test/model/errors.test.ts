/** Errors: whom they hold up, when they are over, and which of two is only the other's symptom. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Attrs, Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import type { ProcessNode } from "../../src/model/nodes.ts";
import { explain, isAlarming } from "../../src/model/why.ts";
import { event, held, state, T0, wait } from "./events.ts";

const GPU = "gpu-00";

function graphOf(...events: Event[]): Graph {
  const graph = new Graph();
  for (const each of events) graph.apply(each);
  return graph;
}

function why(graph: Graph, pid: number) {
  return explain(graph, graph.process(pid) as ProcessNode, T0 + 5_000);
}

function causes(graph: Graph, pid: number): string[] {
  return why(graph, pid).causes.map(({ kind }) => kind);
}

const error = (entity: string, value: string, attrs: Attrs = {}, pid?: number) =>
  event("error.hw", entity, value, { attrs, ...(pid === undefined ? {} : { pid }) });
const runsOn = (pid: number) => [state(pid, "running"), event("compute.util", GPU, "80", { pid })];

describe("a warning", () => {
  const throttled = error(GPU, "THROTTLED:heat", { severity: "warning", cause: "gpu.throttled" });

  it("is no cause for one that merely uses the resource", () => {
    assert.deepEqual(causes(graphOf(...runsOn(10), throttled), 10), ["process.busy"]);
  });

  it("is the cause for one that waits on it, before what the wait amounts to by itself", () => {
    const graph = graphOf(state(10, "sleeping"), wait(10, GPU, "gpu.sync", { cause: "gpu.busy" }), throttled);
    assert.deepEqual(causes(graph, 10), ["gpu.throttled"]);
    assert.equal(why(graph, 10).verdict, "blocked");
  });

  it("does not hold up one whose wait another can end", () => {
    const slow = error("tcp:a-b", "RETRANSMIT:2", { severity: "warning", cause: "network.loss" });
    const graph = graphOf(
      ...[state(10, "sleeping"), state(20, "running"), wait(10, "tcp:a-b", "tcp.recv")],
      ...[held(20, "tcp:a-b", "peer"), slow],
    );
    assert.equal(isAlarming(why(graph, 10)), false);
  });
});

describe("an error of one process", () => {
  const own = error(GPU, "XID_31", { scope: "process" }, 10);

  it("holds up that one and no other on the resource", () => {
    const graph = graphOf(...runsOn(10), ...runsOn(20), own);
    assert.deepEqual(causes(graph, 10), ["gpu.error"]);
    assert.deepEqual(causes(graph, 20), ["process.busy"]);
  });

  it("stays its own beside a warning of the whole resource, whichever is told last", () => {
    const warning = error(GPU, "XID_31", { severity: "warning" });
    for (const order of [
      [own, warning],
      [warning, own],
    ]) {
      const graph = graphOf(...runsOn(10), ...runsOn(20), ...order);
      assert.deepEqual([causes(graph, 10), causes(graph, 20)], [["gpu.error"], ["process.busy"]]);
    }
  });

  it("ends for it alone", () => {
    const graph = graphOf(...runsOn(10), ...runsOn(20), own, { ...own, pid: 20 });
    graph.apply(error(GPU, "XID_31", { scope: "process", ended: true }, 10));
    assert.deepEqual([causes(graph, 10), causes(graph, 20)], [["process.busy"], ["gpu.error"]]);
    graph.apply(error(GPU, "XID_31", { scope: "process", ended: true }, 20));
    assert.equal(graph.counts().errors, 0);
    assert.equal(graph.counts().edges.blocked_by, 0);
  });
});

describe("an error that is over", () => {
  it("leaves at once, whatever its text said besides", () => {
    const graph = graphOf(...runsOn(10), event("topo.link_down", GPU, "NVLINK_DOWN:link 3"));
    assert.deepEqual(causes(graph, 10), ["gpu.error"]);
    graph.apply(event("topo.link_down", GPU, "NVLINK_DOWN", { attrs: { ended: true } }));
    assert.deepEqual(causes(graph, 10), ["process.busy"]);
    assert.equal(graph.counts().errors, 0);
  });

  it("is not made by being ended", () => {
    assert.equal(graphOf(error(GPU, "XID_79", { ended: true })).counts().errors, 0);
  });

  it("says how bad it is with each telling", () => {
    const graph = graphOf(...runsOn(10), error(GPU, "ECC", { severity: "warning" }));
    assert.deepEqual(causes(graph, 10), ["process.busy"]);
    graph.apply(error(GPU, "ECC"));
    assert.deepEqual(causes(graph, 10), ["gpu.error"]);
  });
});

describe("what a wait goes over", () => {
  const client = [state(10, "sleeping"), wait(10, "tcp:a-b", "tcp.recv", { holder: "remote", over: "lo1,eth0" })];

  it("is to blame where it fails", () => {
    const graph = graphOf(...client, event("topo.link_down", "eth0", "LINK_DOWN"));
    const { causes: found, chain } = why(graph, 10);
    assert.deepEqual([found[0]?.kind, found[0]?.entityId], ["network.link_down", "eth0"]);
    assert.deepEqual(
      chain.map(({ from, edge, to }) => [from, edge, to]),
      [
        ["pid-10", "waits_on", "tcp:a-b"],
        ["tcp:a-b", "blocked_by", "error:eth0:topo.link_down:LINK_DOWN"],
      ],
    );
  });

  it("is not to blame where it is another that fails", () => {
    assert.deepEqual(causes(graphOf(...client, event("topo.link_down", "eth1", "LINK_DOWN")), 10), [
      "network.peer_silent",
    ]);
  });

  it("is to blame for a connection that is not made: no room in the table of tracked ones, and not a silent host", () => {
    const connecting = { holder: "remote", cause: "network.unreachable", over: "eth0,conntrack" };
    const full = event("error.net", "conntrack", "CONNTRACK_FULL", { attrs: { cause: "network.loss" } });
    const events = [state(10, "sleeping"), wait(10, "tcp:a-b", "tcp.connect", connecting)];
    assert.deepEqual(causes(graphOf(...events), 10), ["network.unreachable"]);
    const [cause, ...others] = why(graphOf(...events, full), 10).causes;
    assert.deepEqual([cause?.kind, cause?.entityId, others], ["network.loss", "conntrack", []]);
    assert.match(cause?.advice[0]?.command ?? "", /nf_conntrack_max/);
  });

  it("is as good as the last telling of the wait", () => {
    const graph = graphOf(...client, event("topo.link_down", "eth0", "LINK_DOWN"));
    graph.apply(wait(10, "tcp:a-b", "tcp.recv", { holder: "remote" }));
    assert.deepEqual(causes(graph, 10), ["network.peer_silent"]);
  });
});

describe("a symptom", () => {
  it("is not told beside its cause", () => {
    const graph = graphOf(
      ...[state(10, "sleeping"), wait(10, "tcp:a-b", "tcp.send", { cause: "network.unreachable", over: "eth0" })],
      ...[event("error.net", "tcp:a-b", "RETRANSMIT:9"), event("topo.link_down", "eth0", "LINK_DOWN")],
    );
    assert.deepEqual(causes(graph, 10), ["network.link_down"]);
  });

  it("is told where its cause is somebody else's", () => {
    const graph = graphOf(
      ...[state(10, "sleeping"), wait(10, "tcp:a-b", "tcp.recv"), event("error.net", "tcp:a-b", "RETRANSMIT:9")],
      ...[state(20, "sleeping"), wait(20, "tcp:c-d", "tcp.recv", { over: "eth0" })],
      event("topo.link_down", "eth0", "LINK_DOWN"),
    );
    assert.deepEqual([causes(graph, 10), causes(graph, 20)], [["network.loss"], ["network.link_down"]]);
  });
});
