import assert from "node:assert/strict";
import { test } from "node:test";
import {
  GPU_ACTIONS,
  GPU_CONDITIONS,
  gpuCondition,
  GPU_MEANINGS,
  gpuErrorEntry,
  meaningWords,
  xidEntry,
  xidOf,
} from "../../src/model/xid.ts";
import { sentencesOf } from "../../src/views/sentences/index.ts";

const CODES = Array.from({ length: 256 }, (_, code) => code);

test("the codes that matter are in the catalogue", () => {
  const wanted = [
    13, 31, 32, 38, 43, 44, 45, 46, 48, 54, 56, 57, 58, 60, 61, 62, 63, 64, 68, 69, 73, 74, 78, 79, 80, 92, 94, 95, 109,
    110, 119, 120, 121, 122, 123, 124, 125, 137, 140, 143, 144, 145, 146, 147, 148, 149, 150, 151, 154, 155, 156, 158,
  ];
  assert.deepEqual(
    wanted.filter((code) => xidEntry(code) === undefined),
    [],
  );
  assert.equal(xidEntry(999), undefined);
});

test("a fault of the program hits the program alone, and what is only told hits nobody", () => {
  for (const code of [13, 31, 43, 69])
    assert.deepEqual([xidEntry(code)?.blame, xidEntry(code)?.reach], ["application", "process"]);
  for (const code of [63, 92, 45, 154]) assert.equal(xidEntry(code)?.reach, "nobody");
  for (const code of [48, 79, 95, 119]) assert.equal(xidEntry(code)?.reach, "gpu");
  assert.deepEqual([xidEntry(94)?.blame, xidEntry(94)?.reach], ["hardware", "process"]);
});

test("every meaning and every action of the lists is used", () => {
  const entries = [...CODES.flatMap((code) => xidEntry(code) ?? []), ...GPU_CONDITIONS.map(gpuCondition)];
  assert.deepEqual(new Set(entries.map(({ meaning }) => meaning)), new Set(GPU_MEANINGS));
  assert.deepEqual(new Set(entries.map(({ action }) => action)), new Set(GPU_ACTIONS));
});

test("the head of an error's value names it", () => {
  assert.equal(xidOf("XID_79"), 79);
  assert.equal(xidOf("XID_79:fallen off the bus"), 79);
  for (const value of ["XID_", "XID_79x", "xXID_79", "XID_-1", "constructor"]) assert.equal(xidOf(value), undefined);
  assert.equal(gpuErrorEntry("PCIE_DEGRADED:x8 of x16")?.blame, "host");
  for (const value of ["", "constructor", "__proto__", "XID_999"]) assert.equal(gpuErrorEntry(value), undefined);
  assert.equal(meaningWords("memory_page_fault"), "memory page fault");
});

test("an XID is told by what it means and whose fault it is, with the vendor's advice", () => {
  const { causes, advice } = sentencesOf("en");
  const parts = {
    who: "train (7)",
    actor: null,
    members: ["train (7)"],
    tids: [],
    entity: "gpu-03",
    wait: null,
    held: null,
    place: null,
  };
  const say = (detail: string) => causes["gpu.error"]({ ...parts, detail });
  assert.equal(
    say("XID_31:memory page fault"),
    "The GPU gpu-03 reports XID 31: a program used GPU memory that it does not have (page fault). The program is likely at fault.",
  );
  assert.match(advice.recover_gpu({ ...parts, detail: "XID_31" }), /compute-sanitizer/);
  assert.equal(say("XID_999:no such"), "The GPU gpu-03 reports XID 999 (no such).");
  assert.equal(say("GPU_LOST"), "The GPU gpu-03: it is lost from the bus; the driver does not reach it.");
  assert.equal(say("nonsense"), "The GPU gpu-03 reports an error: nonsense.");
});
