import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Event } from "../../../src/model/event.ts";
import { Graph } from "../../../src/model/graph.ts";
import { FactBook } from "../../../src/probes/process/fact-book.ts";
import { held, type Fact } from "../../../src/probes/process/fact.ts";

const wait = (pid: number, entity: string, kind = "pipe.read"): Fact => ({
  type: "wait",
  entity,
  pid,
  tid: pid,
  kind,
  attrs: { tid: pid },
});
const writer = (entity: string, pid: number) =>
  held(entity, pid, "writer", { source: `/proc/${pid}/fd/1`, observed: "open for writing" });
const told = (events: readonly Event[]) => events.map(({ entity_id, pid, value }) => `${entity_id} ${pid} ${value}`);

describe("FactBook", () => {
  it("tells new facts and ends vanished ones", () => {
    const book = new FactBook();
    const first = book.replace("10/10", [wait(10, "pipe:1"), writer("pipe:1", 20)], 0);
    assert.deepEqual(told(first), ["pipe:1 10 pipe.read", "pipe:1 20 writer"]);
    assert.deepEqual(
      first.map(({ event_type }) => event_type),
      ["process.wait", "resource.held"],
    );
    const second = book.replace("10/10", [wait(10, "pipe:1"), writer("pipe:1", 21)], 1);
    assert.deepEqual(told(second), ["pipe:1 20 end", "pipe:1 10 pipe.read", "pipe:1 21 writer"]);
    const ends = book.forget("10/10", 2);
    assert.deepEqual(told(ends), ["pipe:1 10 end", "pipe:1 21 end"]);
    assert.equal(ends[0]?.attrs?.tid, 10);
    assert.deepEqual(book.forget("10/10", 3), []);
  });

  it("keeps what another waiter's look found too", () => {
    const book = new FactBook();
    book.replace("10/10", [wait(10, "pipe:1"), writer("pipe:1", 20)], 0);
    book.replace("11/11", [wait(11, "pipe:1"), writer("pipe:1", 20)], 0);
    assert.deepEqual(told(book.forget("10/10", 1)), ["pipe:1 10 end"]);
    assert.deepEqual(told(book.forget("11/11", 1)), ["pipe:1 11 end", "pipe:1 20 end"]);
  });

  it("counts a fact found again once", () => {
    const book = new FactBook();
    for (const nowMs of [0, 1, 2]) book.replace("10/10", [writer("pipe:1", 20)], nowMs);
    assert.deepEqual(told(book.forget("10/10", 3)), ["pipe:1 20 end"]);
  });

  it("confirms standing facts after five seconds, then every twelve, told ones later", () => {
    const book = new FactBook();
    book.replace("10/10", [wait(10, "pipe:1")], 0);
    book.replace("11/11", [wait(11, "pipe:2")], 3000);
    assert.deepEqual(told([...book.confirm(4999)].flat()), []);
    assert.deepEqual(told([...book.confirm(5000)].flat()), ["pipe:1 10 pipe.read"]);
    assert.deepEqual(told([...book.confirm(8000)].flat()), ["pipe:2 11 pipe.read"]);
    assert.deepEqual(told([...book.confirm(16_999)].flat()), []);
    assert.deepEqual(told([...book.confirm(17_000)].flat()), ["pipe:1 10 pipe.read"]);
  });

  it("confirms often enough for the graph to go on believing, though every pass is late", () => {
    const book = new FactBook();
    const graph = new Graph();
    for (const event of book.replace("10/10", [wait(10, "pipe:1")], 900)) graph.apply(event);
    for (let nowMs = 1900; nowMs < 300_000; nowMs += 1900) {
      for (const event of [...book.confirm(nowMs)].flat()) graph.apply(event);
      graph.expire(nowMs);
      assert.equal(graph.counts().edges.waits_on, 1, `after ${nowMs} ms`);
    }
    graph.expire(400_000);
    assert.equal(graph.counts().edges.waits_on, 0);
  });
});
