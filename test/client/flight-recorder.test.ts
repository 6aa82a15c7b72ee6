import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readFlightRecords } from "../../src/client/flight-recorder.ts";
import { neverEntered, type FlightRecord } from "../../src/model/flight.ts";

const DUMPS = join(import.meta.dirname, "..", "fixtures", "flight-recorder", "dumps");
const folder = mkdtempSync(join(tmpdir(), "xctl-flight-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("pickles and JSON of three ranks: who never entered which collective", async () => {
  const { records, refused } = await readFlightRecords(DUMPS);
  assert.deepEqual(refused, []);
  assert.deepEqual(
    records.map(({ rank, groups }) => [rank, groups.map(({ name, entered }) => [name, entered])]),
    [
      [0, [["0", 18]]],
      [1, [["0", 17]]],
      [2, [["0", 18]]],
    ],
  );
  const stragglers = neverEntered(records);
  assert.deepEqual(
    stragglers.map(({ rank, evidence }) => [rank, evidence.observed]),
    [[1, "rank 1 never entered collective 18 (nccl:all_reduce) of group 0; entered by rank 0, 2"]],
  );
});

test("files that are no dumps are named, pipes do not hang it, and other files are passed over", async () => {
  writeFileSync(join(folder, "trace_0"), "not a pickle");
  writeFileSync(join(folder, "trace_1"), '{"entries": 1}');
  writeFileSync(join(folder, "readme"), "");
  execFileSync("mkfifo", [join(folder, "trace_2")]);
  const { records, refused } = await readFlightRecords(folder);
  assert.deepEqual(records, []);
  assert.deepEqual(refused.map(({ file }) => file.slice(-7)).sort(), ["trace_0", "trace_1", "trace_2"]);
});

function record(rank: number, entered: number): FlightRecord {
  return { rank, source: `${rank}`, groups: [{ name: "0", entered, operations: [] }] };
}

test("ranks that came equally far are not behind", () => {
  assert.deepEqual(neverEntered([record(0, 3), record(1, 3)]), []);
  assert.deepEqual(neverEntered([record(0, 3)]), []);
});
