import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readFlightRecords, readRankRecords } from "../../src/client/flight-recorder.ts";
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

test("of the ranks' own dumps those are read that were written since the job stands still", async () => {
  const nowMs = Date.now();
  const own = mkdtempSync(join(folder, "own-"));
  const ranks = [0, 1, 2].map((rank) => {
    const file = join(own, `fr_${rank}`);
    copyFileSync(join(DUMPS, `comm_lib_trace_rank_${rank}`), file);
    return { rank, pid: 2 ** 22 + rank, blocked_ms: rank === 1 ? null : 60_000, flight_record: file };
  });
  const read = async () => (await readRankRecords(ranks, { nowMs })).map(({ rank, source }) => [rank, source]);
  assert.deepEqual(
    await read(),
    ranks.map(({ rank, flight_record: file }) => [rank, file]),
  );
  const before = new Date(nowMs - 120_000);
  utimesSync(join(own, "fr_0"), before, before);
  writeFileSync(join(own, "fr_1"), "no dump");
  assert.deepEqual(
    (await read()).map(([rank]) => rank),
    [2],
  );
  const atWork = ranks.map((rank) => Object.assign({}, rank, { blocked_ms: null }));
  assert.deepEqual(await readRankRecords(atWork, { nowMs }), []);
});

test("a rank's own mounts come first", async () => {
  const proc = mkdtempSync(join(folder, "proc-"));
  mkdirSync(join(proc, "7", "root", "dumps"), { recursive: true });
  copyFileSync(join(DUMPS, "comm_lib_trace_rank_1"), join(proc, "7", "root", "dumps", "fr_1"));
  const rank = { rank: 1, pid: 7, blocked_ms: 60_000, flight_record: "/dumps/fr_1" };
  assert.deepEqual(
    (await readRankRecords([rank], { proc })).map(({ source, groups }) => [source, groups[0]?.entered]),
    [["/dumps/fr_1", 17]],
  );
});

function record(rank: number, entered: number): FlightRecord {
  return { rank, source: `${rank}`, groups: [{ name: "0", entered, operations: [] }] };
}

test("ranks that came equally far are not behind", () => {
  assert.deepEqual(neverEntered([record(0, 3), record(1, 3)]), []);
  assert.deepEqual(neverEntered([record(0, 3)]), []);
});
