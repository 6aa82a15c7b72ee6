/** Jobs that real launchers start: who is found to be what. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { Session } from "../support.ts";

const MPIRUN = "/usr/bin/mpirun";
const TORCHRUN = "/usr/bin/torchrun";

/** A rank with somebody who works for it. Nobody who is left over lives long. */
const RANK = "import subprocess, time; subprocess.Popen(['sleep', '60']); time.sleep(60)";

/** The options that Debian's torchrun needs under Python 3.11, where its default for redirects is none at all. */
const torchrunOptions = (folder: string) => ["--redirects", "1", "--tee", "2", "--log_dir", folder, "--no_python"];

const missing = (path: string) => (existsSync(path) ? false : `${path} is not installed`);

test("mpirun, two ranks behind shells, and a helper of each", { skip: missing(MPIRUN) }, async () => {
  const rank = ["sh", "-c", 'python3 -c "$0"; true', RANK];
  await withJob(MPIRUN, ["--allow-run-as-root", "--oversubscribe", "-np", "2", ...rank], (found) => {
    const jobs = new Set(found.map(({ job }) => job));
    assert.equal(jobs.size, 1);
    assert.match([...jobs][0] ?? "", /^mpi-\d+$/);
    const shells = ["sh launcher 0/2", "sh launcher 1/2"];
    assert.deepEqual(
      found.map(({ place }) => place).sort(),
      [...RANKS_AND_HELPERS, "mpirun launcher", ...shells].sort(),
    );
  });
});

test("torchrun, two ranks, and a helper of each", { skip: missing(TORCHRUN) }, async () => {
  const rank = ["/usr/bin/python3", "-c", RANK];
  const options = ["--rdzv_id", "xctl-test", "--nproc_per_node", "2", "--master_port", "29517"];
  await withJob(
    TORCHRUN,
    (folder) => [...options, ...torchrunOptions(folder), ...rank],
    (found) => {
      assert.deepEqual([...new Set(found.map(({ job }) => job))], ["xctl-test"]);
      assert.deepEqual(found.map(({ place }) => place).sort(), [...RANKS_AND_HELPERS, "torchrun launcher"].sort());
    },
  );
});

const RANKS_AND_HELPERS = ["python3 rank 0/2", "python3 rank 1/2", "sleep helper 0/2", "sleep helper 1/2"];

interface Found {
  pid: number;
  job: string;
  /** `python3 rank 0/2` */
  place: string;
}

async function withJob(
  launcher: string,
  args: string[] | ((folder: string) => string[]),
  check: (found: Found[]) => void,
): Promise<void> {
  const session = new Session();
  const known = new Map<number, Found>();
  const child = session.spawn(launcher, typeof args === "function" ? args(session.folder) : args);
  const jobsOf = () => {
    for (const { pid, job_id: job, attrs = {}, value } of session.seen.events) {
      if (typeof pid !== "number") continue;
      if (value === "exit") known.delete(pid);
      if (typeof job !== "string") continue;
      const rank = attrs.rank === undefined ? "" : ` ${attrs.rank}/${attrs.world_size}`;
      known.set(pid, { pid, job, place: `${attrs.comm} ${attrs.job_role}${rank}` });
    }
    // Others may run jobs here too.
    const own = known.get(child.pid)?.job;
    return [...known.values()].filter(({ job }) => job === own);
  };
  try {
    check(
      await session.eventually("a helper of each rank", () => {
        const found = jobsOf();
        return found.filter(({ place }) => place.includes("helper")).length === 2 ? found : undefined;
      }),
    );
  } finally {
    const found = jobsOf();
    await session.stop();
    for (const { pid } of found) if (pid !== process.pid) kill(pid);
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}
