import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { check } from "../../../src/model/event.ts";
import { FaultBook, type Fault } from "../../../src/probes/storage/fault-book.ts";

const FULL: Fault = {
  entity: "fs:/mnt",
  head: "FS_FULL",
  words: "0 of 8 bytes available to ordinary users",
  label: "/mnt",
  object: "/mnt",
  source: "statfs /mnt",
  observed: "0 of 8 bytes available to ordinary users",
};
const HIT: Fault = { ...FULL, pid: 10, source: "/proc/10/io", observed: "5 writes, 0 bytes written in 2.0 s" };

describe("faults are told", () => {
  it("at once, again every half minute, and that they are over", () => {
    const book = new FaultBook();
    const told = (nowMs: number, ...faults: Fault[]) =>
      book.tell(faults, nowMs).map(({ pid, attrs }) => [pid, attrs?.ended === true]);
    assert.deepEqual(told(0, FULL), [[undefined, false]]);
    assert.deepEqual(told(2000, FULL), []);
    assert.deepEqual(told(29_999, FULL), []);
    assert.deepEqual(told(30_000, FULL), [[undefined, false]]);
    assert.deepEqual(told(32_000), [[undefined, true]]);
    assert.deepEqual(told(34_000), []);
    assert.deepEqual(told(36_000, FULL), [[undefined, false]]);
  });

  it("each process's by itself, and over before what it is part of", () => {
    const book = new FaultBook();
    assert.equal(book.tell([FULL, HIT], 0).length, 2);
    const ends = book.tell([], 2000);
    assert.deepEqual(
      ends.map(({ pid, attrs }) => [pid, attrs?.scope, attrs?.ended]),
      [
        [10, "process", true],
        [undefined, undefined, true],
      ],
    );
  });

  it("as the contract has events, whatever stands in them", () => {
    const hostile = { ...HIT, label: "\ud800".repeat(5000), observed: "x".repeat(100_000), words: "\n".repeat(9999) };
    const warning: Fault = { ...FULL, entity: "sda", head: "SLOW", isWarning: true, cause: "storage.slow" };
    const events = new FaultBook().tell([hostile, warning], 5);
    assert.equal(events.length, 2);
    for (const event of events) assert.equal(typeof check(event), "object");
    assert.ok(JSON.stringify(events[0]).length < 4096);
    assert.deepEqual([events[1]?.attrs?.severity, events[1]?.attrs?.cause], ["warning", "storage.slow"]);
  });

  it("only so many", () => {
    const many = Array.from({ length: 3000 }, (_, index) => ({ ...FULL, entity: `fs:/mnt/${index}` }));
    const book = new FaultBook();
    assert.equal(book.tell(many, 0).length, 1024);
    assert.equal(book.tell([], 1).length, 1024);
  });
});
