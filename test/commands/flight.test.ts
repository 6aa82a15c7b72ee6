/** A job whose ranks all wait alike, and were told to record what they do: their dumps tell who is late. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { PsDocument, WhyDocument, WhyJobDocument } from "../../src/model/documents.ts";
import { onLinux } from "../act/processes.ts";
import { Place } from "./place.ts";

const DUMPS = join(import.meta.dirname, "..", "fixtures", "flight-recorder", "dumps");
const JOB = "recorded";
const RANKS = [0, 1, 2] as const;
const WAITS = "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()";

test("asked of the job and of each rank: the rank that never entered the collective", { skip: onLinux }, async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "process");
  const prefix = join(place.folder, "trace_");
  const ranks = RANKS.map((rank) => {
    const told = { RANK: `${rank}`, WORLD_SIZE: "3", TORCHELASTIC_RUN_ID: JOB, TORCH_FR_DUMP_TEMP_FILE: prefix };
    return spawn("python3", ["-c", WAITS], { stdio: "ignore", env: { ...process.env, ...told } });
  });
  t.after(() => ranks.forEach((rank) => rank.kill("SIGKILL")));
  const pids = ranks.map(({ pid }) => pid as number);

  let blocked: (number | null)[] = [];
  for (let tries = 0; tries < 100 && !(blocked.length === 3 && blocked.every((ms) => (ms ?? 0) >= 1000)); tries++) {
    const { processes } = await daemon.document<PsDocument>("ps", "--job", JOB);
    const isThere = RANKS.every((rank) => processes.some((row) => row.rank === rank));
    blocked = isThere
      ? (await daemon.document<WhyJobDocument>("why", "--job", JOB)).ranks.map((rank) => rank.blocked_ms)
      : [];
  }
  const alike = await daemon.document<WhyJobDocument>("why", "--job", JOB);
  assert.deepEqual(
    alike.root_causes.map(({ kind }) => kind),
    ["unknown"],
  );
  assert.deepEqual(
    alike.ranks.map(({ standing }) => standing),
    ["unclear", "unclear", "unclear"],
  );

  for (const rank of RANKS) copyFileSync(join(DUMPS, `comm_lib_trace_rank_${rank}`), `${prefix}${rank}`);
  const late = /rank 1 never entered collective 18/;
  const job = await daemon.document<WhyJobDocument>("why", "--job", JOB);
  assert.deepEqual(
    job.ranks.map(({ standing }) => standing),
    ["held_up", "culprit", "held_up"],
  );
  assert.match(job.root_causes[0]?.evidence.at(-1)?.observed ?? "", late);
  for (const pid of pids) {
    const { process: asked, root_causes: causes } = await daemon.document<WhyDocument>("why", String(pid));
    assert.equal(asked.flight_record, `${prefix}${asked.rank}`);
    assert.deepEqual(causes[0]?.pids, [pids[1]]);
    assert.ok(causes[0]?.evidence.some(({ observed }) => late.test(observed)));
  }
  const given = await daemon.document<WhyDocument>("why", String(pids[0]), "--flight-recorder", DUMPS);
  assert.deepEqual(given.root_causes[0]?.pids, [pids[1]]);
});
