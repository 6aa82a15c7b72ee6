/** What a wait for a GPU means, beside the other threads that a process with CUDA has. */
import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import type { ProcessNode } from "../../src/model/nodes.ts";
import { explain } from "../../src/model/why.ts";
import { event, state, T0, wait } from "./events.ts";

const GPU = "gpu-00";
const NOTHING_WRONG = [state(10, "sleeping", { threads: 9 })];

function why(...events: Event[]) {
  const graph = new Graph();
  for (const each of [...NOTHING_WRONG, ...events]) graph.apply(each);
  const { verdict, causes } = explain(graph, graph.process(10) as ProcessNode, T0 + 60_000);
  return { verdict, kinds: causes.map(({ kind }) => kind), entity: causes[0]?.entityId, advice: causes[0]?.advice };
}

const sync = wait(10, GPU, "gpu.sync", { tid: 10, cause: "gpu.busy", certainty: "inferred" });
const helpers = [wait(10, "poll:10:11", "gpu.events", { tid: 11 }), wait(10, "poll:10:12", "gpu.events", { tid: 12 })];
const pool = wait(10, "futex:10:7f0", "futex", { tid: 13 });

const error = (gpu: string) => event("error.hw", gpu, "XID_79", { attrs: { severity: "fault" } });

describe("a wait for a GPU", () => {
  it("blocks, and is no rest", () => {
    const { verdict, kinds, entity } = why(sync, ...helpers, pool);
    assert.deepEqual([verdict, kinds, entity], ["blocked", ["gpu.busy"], GPU]);
  });

  it("is what the process hangs on, whomever its other threads wait for", () => {
    const silent = wait(10, "tcp:a-b", "tcp.recv", { tid: 14, holder: "remote" });
    assert.deepEqual(why(sync, ...helpers, silent).kinds, ["gpu.busy"]);
  });

  it("gives way to an error of that GPU, and to no other's", () => {
    assert.deepEqual(why(sync, error(GPU)).kinds, ["gpu.error"]);
    assert.deepEqual(why(sync, error("gpu-01")).kinds, ["gpu.busy"]);
  });

  it("for a part of a GPU gives way to an error of the whole, as does the use of it", () => {
    const part = wait(10, `${GPU}/mig-1`, "gpu.sync", { tid: 10, cause: "gpu.busy" });
    assert.deepEqual(why(part, error(GPU)).kinds, ["gpu.error"]);
    assert.deepEqual(why(part, error(`${GPU}/mig-2`), error("gpu-01")).kinds, ["gpu.busy"]);
    const use = event("compute.util", `${GPU}/mig-1`, "90", { pid: 10 });
    const { verdict, kinds } = why(use, state(10, "running"), error(GPU));
    assert.deepEqual([verdict, kinds[0]], ["blocked", "gpu.error"]);
  });

  it("inside the driver is unexplained as long as nothing is known of the GPU", () => {
    const driver = wait(10, GPU, "gpu.driver", { tid: 10, holder: "hidden" });
    assert.deepEqual(why(driver, ...helpers), { ...why(driver, ...helpers), verdict: "blocked", kinds: ["unknown"] });
    const silent = event("error.hw", GPU, "DRIVER_HANG", { attrs: { severity: "warning" } });
    assert.deepEqual(why(driver, silent).kinds, ["gpu.error"]);
  });

  it("advises a look by the tools of whose card it is", () => {
    assert.match(why(sync).advice?.[0]?.command ?? "", /^nvidia-smi /);
    const other = wait(10, "gpu-card1", "gpu.sync", { tid: 10, cause: "gpu.busy" });
    assert.equal(why(other).advice?.[0]?.command, "cat /sys/class/drm/card1/device/gpu_busy_percent");
  });
});

describe("the threads that come with CUDA", () => {
  it("make no server of a process that hangs on a lock", () => {
    assert.deepEqual(why(wait(10, "futex:10:1", "futex", { tid: 10 }), ...helpers).kinds, ["unknown"]);
  });

  it("leave a process idle that rests", () => {
    assert.equal(why(wait(10, "signal:10", "signal", { tid: 10 }), ...helpers).verdict, "idle");
  });
});
