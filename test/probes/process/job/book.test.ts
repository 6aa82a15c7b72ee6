import assert from "node:assert/strict";
import { test } from "node:test";
import { JobBook } from "../../../../src/probes/process/job/book.ts";
import type { TrackedProcess } from "../../../../src/probes/process/tracker.ts";

interface Given {
  pid: number;
  ppid: number;
  comm: string;
  cmdline?: string;
  /** Null: its environment cannot be read. */
  variables?: Record<string, string> | null;
  cgroup?: string;
  threads?: number;
  startMs?: number;
}

/** `job role rank`, by pid. */
class Jobs {
  readonly found = new Map<number, string>();
  readonly #book = new JobBook("node-a");
  readonly #processes = new Map<number, TrackedProcess>();

  told(...given: Given[]): this {
    for (const { pid, ppid, comm, cmdline = "", variables = {}, cgroup, threads = 1, startMs = pid * 10 } of given) {
      const known = this.#processes.get(pid);
      const process = known ?? ({ pid, startTicks: startMs / 10, startMs, state: "sleeping" } as TrackedProcess);
      Object.assign(process, { ppid, comm, threads });
      this.#processes.set(pid, process);
      this.#book.told(process, { cmdline: cmdline.replaceAll(" ", "\0"), cgroup, variables: variables ?? undefined });
    }
    return this.#take();
  }

  gone(...pids: number[]): this {
    for (const pid of pids) this.#book.gone(this.#processes.get(pid) as TrackedProcess);
    return this.#take();
  }

  moved(pid: number, ppid: number): this {
    const process = this.#processes.get(pid) as TrackedProcess;
    process.ppid = ppid;
    this.#book.moved(process);
    return this.#take();
  }

  #take(): this {
    for (const { process, membership, isHidden } of this.#book.changes()) {
      const { jobId, role = "-", rank = "-" } = membership;
      this.found.set(process.pid, `${jobId} ${role} ${rank}${isHidden ? " hidden" : ""}`);
    }
    return this;
  }
}

const ompi = (rank: number, size = 2) => ({
  OMPI_COMM_WORLD_RANK: String(rank),
  OMPI_COMM_WORLD_SIZE: String(size),
  PMIX_NAMESPACE: "7",
});
const torch = (rank: number, size = 2, run = "exp") => ({
  RANK: String(rank),
  WORLD_SIZE: String(size),
  LOCAL_RANK: String(rank),
  TORCHELASTIC_RUN_ID: run,
});

const MPIRUN: Given[] = [
  { pid: 10, ppid: 1, comm: "mpirun" },
  { pid: 11, ppid: 10, comm: "a.out", variables: ompi(0) },
  { pid: 12, ppid: 10, comm: "a.out", variables: ompi(1) },
];

const TREES: [what: string, tree: Given[], found: Record<number, string>][] = [
  ["mpirun and its ranks", MPIRUN, { 10: "mpi-7 launcher -", 11: "mpi-7 rank 0", 12: "mpi-7 rank 1" }],
  [
    "torchrun as a module, and workers of data loaders",
    [
      { pid: 9, ppid: 1, comm: "bash" },
      { pid: 10, ppid: 9, comm: "python3", cmdline: "python3 -u -m torch.distributed.run train.py" },
      { pid: 11, ppid: 10, comm: "python3", variables: torch(0) },
      { pid: 12, ppid: 10, comm: "python3", variables: torch(1) },
      { pid: 13, ppid: 11, comm: "python3", variables: torch(0) },
      { pid: 14, ppid: 13, comm: "sh", variables: {} },
    ],
    { 10: "exp launcher -", 11: "exp rank 0", 12: "exp rank 1", 13: "exp helper 0", 14: "exp helper 0" },
  ],
  [
    "ranks behind shells: the program is the rank",
    [
      ...MPIRUN,
      { pid: 11, ppid: 10, comm: "bash", variables: ompi(0) },
      { pid: 12, ppid: 10, comm: "bash", variables: ompi(1) },
      { pid: 13, ppid: 11, comm: "nvidia-smi", variables: ompi(0) },
      { pid: 14, ppid: 11, comm: "timeout", variables: ompi(0), threads: 2 },
      { pid: 15, ppid: 14, comm: "python3", variables: ompi(0), threads: 9 },
      { pid: 16, ppid: 12, comm: "python3", variables: ompi(1) },
    ],
    {
      10: "mpi-7 launcher -",
      11: "mpi-7 launcher 0",
      12: "mpi-7 launcher 1",
      13: "mpi-7 helper 0",
      14: "mpi-7 launcher 0",
      15: "mpi-7 rank 0",
      16: "mpi-7 rank 1",
    },
  ],
  [
    "a job of torchrun in a step of Slurm: the inner ranks",
    [
      { pid: 10, ppid: 1, comm: "slurmstepd", cgroup: "/job_42/step_0/slurm" },
      { pid: 11, ppid: 10, comm: "torchrun", variables: { SLURM_JOB_ID: "42", SLURM_STEP_ID: "0", SLURM_PROCID: "0" } },
      {
        pid: 12,
        ppid: 11,
        comm: "python3",
        variables: { ...torch(0), SLURM_JOB_ID: "42", SLURM_STEP_ID: "0", SLURM_PROCID: "0" },
      },
      {
        pid: 13,
        ppid: 11,
        comm: "python3",
        variables: { ...torch(1), SLURM_JOB_ID: "42", SLURM_STEP_ID: "0", SLURM_PROCID: "0" },
      },
    ],
    { 10: "42/exp launcher -", 11: "42/exp launcher -", 12: "42/exp rank 0", 13: "42/exp rank 1" },
  ],
  [
    "an sbatch script belongs to the job, without a rank",
    [
      { pid: 10, ppid: 1, comm: "slurmstepd", cgroup: "/job_42/step_batch/slurm" },
      { pid: 11, ppid: 10, comm: "bash", variables: { SLURM_JOB_ID: "42", SLURM_PROCID: "0" } },
      { pid: 12, ppid: 11, comm: "srun", variables: { SLURM_JOB_ID: "42" } },
    ],
    { 10: "42 launcher -", 11: "42 - -", 12: "42 launcher -" },
  ],
  [
    "Hydra's ranks, which only their launcher names",
    [
      { pid: 10, ppid: 1, comm: "mpiexec.hydra" },
      {
        pid: 11,
        ppid: 10,
        comm: "hydra_pmi_proxy",
        cmdline: "hydra_pmi_proxy --control-port node-a:4000 --proxy-id 0",
      },
      { pid: 12, ppid: 11, comm: "a.out", variables: { PMI_RANK: "0", PMI_SIZE: "2" } },
      { pid: 13, ppid: 11, comm: "a.out", variables: { PMI_RANK: "1", PMI_SIZE: "2" } },
    ],
    {
      10: "node-a:4000 launcher -",
      11: "node-a:4000 launcher -",
      12: "node-a:4000 rank 0",
      13: "node-a:4000 rank 1",
    },
  ],
  [
    "children of a launcher whose environments are hidden: ranks, and nobody guesses which",
    [
      { pid: 10, ppid: 1, comm: "mpirun", variables: null },
      { pid: 11, ppid: 10, comm: "a.out", variables: null },
      { pid: 12, ppid: 10, comm: "a.out", variables: null },
      { pid: 13, ppid: 12, comm: "sh", variables: null },
      { pid: 14, ppid: 10, comm: "ssh", variables: null },
    ],
    {
      10: "mpirun-10 launcher - hidden",
      11: "mpirun-10 rank - hidden",
      12: "mpirun-10 rank - hidden",
      13: "mpirun-10 helper - hidden",
      14: "mpirun-10 helper - hidden",
    },
  ],
  [
    "ranks spawned by a program of its own, which sets their numbers later",
    [
      { pid: 10, ppid: 9, comm: "python3" },
      {
        pid: 11,
        ppid: 10,
        comm: "python3",
        cmdline: "python3 -c from multiprocessing.resource_tracker import main",
        variables: { MASTER_ADDR: "h", MASTER_PORT: "1" },
      },
      { pid: 12, ppid: 10, comm: "python3", variables: { MASTER_ADDR: "h", MASTER_PORT: "1" } },
      { pid: 13, ppid: 10, comm: "python3", variables: { MASTER_ADDR: "h", MASTER_PORT: "1" } },
    ],
    { 10: "h:1 launcher -", 11: "h:1 - -", 12: "h:1 rank -", 13: "h:1 rank -" },
  ],
  [
    "a rank that starts a program to which it says that it is alone stays a rank",
    [
      ...MPIRUN.slice(0, 1),
      { pid: 11, ppid: 10, comm: "python3", variables: torch(3, 8) },
      { pid: 12, ppid: 11, comm: "python3", variables: torch(0, 1) },
    ],
    { 10: "exp launcher -", 11: "exp rank 3", 12: "exp helper 3" },
  ],
  [
    "ranks that a person started from a shell: the shell is no launcher",
    [
      { pid: 10, ppid: 1, comm: "bash" },
      { pid: 11, ppid: 10, comm: "python3", variables: torch(0) },
      { pid: 12, ppid: 10, comm: "python3", variables: torch(1) },
    ],
    { 11: "exp rank 0", 12: "exp rank 1" },
  ],
  [
    "ranks that a script starts which was told of the job: the script is their launcher",
    [
      { pid: 9, ppid: 1, comm: "bash" },
      { pid: 10, ppid: 9, comm: "bash", variables: { TORCHELASTIC_RUN_ID: "exp", MASTER_ADDR: "h", MASTER_PORT: "1" } },
      { pid: 11, ppid: 10, comm: "python3", variables: torch(0) },
      { pid: 12, ppid: 10, comm: "python3", variables: torch(1) },
      { pid: 13, ppid: 10, comm: "tee", variables: { TORCHELASTIC_RUN_ID: "exp" } },
    ],
    { 10: "exp launcher -", 11: "exp rank 0", 12: "exp rank 1", 13: "exp - -" },
  ],
  [
    "a shell that was told of the job, and starts one rank of it",
    [
      { pid: 10, ppid: 1, comm: "bash", variables: { TORCHELASTIC_RUN_ID: "exp" } },
      { pid: 11, ppid: 10, comm: "python3", variables: torch(0) },
    ],
    { 10: "exp - -", 11: "exp rank 0" },
  ],
  [
    "a shell that was told of another job",
    [
      { pid: 10, ppid: 1, comm: "bash", variables: { TORCHELASTIC_RUN_ID: "other" } },
      { pid: 11, ppid: 10, comm: "python3", variables: torch(0) },
      { pid: 12, ppid: 10, comm: "python3", variables: torch(1) },
    ],
    { 10: "other - -", 11: "exp rank 0", 12: "exp rank 1" },
  ],
  [
    "a shell that somebody opened in a rank's container",
    [
      { pid: 11, ppid: 1, comm: "python3", variables: torch(0) },
      { pid: 12, ppid: 1, comm: "bash", variables: torch(0) },
      { pid: 13, ppid: 12, comm: "ls", variables: torch(0) },
    ],
    { 11: "exp rank 0", 12: "exp launcher 0", 13: "exp helper 0" },
  ],
  [
    "a program that starts mpirun is not the job's",
    [
      { pid: 8, ppid: 1, comm: "node" },
      { pid: 9, ppid: 8, comm: "ls" },
      { pid: 10, ppid: 8, comm: "mpirun" },
      ...MPIRUN.slice(1),
    ],
    { 10: "mpi-7 launcher -", 11: "mpi-7 rank 0", 12: "mpi-7 rank 1" },
  ],
  [
    "nobody's job",
    [
      { pid: 10, ppid: 1, comm: "mpirun" },
      { pid: 11, ppid: 10, comm: "ssh" },
    ],
    {},
  ],
];

for (const [what, tree, found] of TREES) {
  test(`told at once: ${what}`, () => {
    assert.deepEqual(Object.fromEntries(new Jobs().told(...tree).found), found);
  });
  test(`told one after the other, children first: ${what}`, () => {
    const jobs = new Jobs();
    for (const given of tree.toReversed().filter(isLast)) jobs.told(given);
    assert.deepEqual(Object.fromEntries(jobs.found), found);
  });
}

test("a worker whose rank died does not become the rank", () => {
  const jobs = new Jobs().told(...MPIRUN, { pid: 13, ppid: 12, comm: "a.out", variables: ompi(1) });
  jobs
    .gone(12)
    .moved(13, 1)
    .told({ pid: 14, ppid: 13, comm: "sh", variables: ompi(1) });
  assert.equal(jobs.found.get(13), "mpi-7 helper 1");
  assert.equal(jobs.found.get(14), "mpi-7 helper 1");
});

test("a rank started anew in the place of one that died is the rank", () => {
  const jobs = new Jobs()
    .told(...MPIRUN)
    .gone(12)
    .told({ pid: 15, ppid: 10, comm: "a.out", variables: ompi(1) });
  assert.equal(jobs.found.get(15), "mpi-7 rank 1");
});

test("a shell that becomes its program is the rank again", () => {
  const jobs = new Jobs().told(...MPIRUN.slice(0, 2), { pid: 12, ppid: 10, comm: "bash", variables: ompi(1) });
  assert.equal(jobs.found.get(12), "mpi-7 rank 1");
  jobs.told({ pid: 13, ppid: 12, comm: "python3", variables: ompi(1) });
  assert.deepEqual([jobs.found.get(12), jobs.found.get(13)], ["mpi-7 launcher 1", "mpi-7 rank 1"]);
  jobs.gone(13).told({ pid: 12, ppid: 10, comm: "python3", variables: ompi(1) });
  assert.equal(jobs.found.get(12), "mpi-7 rank 1");
});

test("a very deep tree, and processes that are each other's parents, come to an end", () => {
  const chain = Array.from({ length: 5000 }, (_, at) => ({
    pid: at + 2,
    ppid: at + 1,
    comm: "sh",
    variables: ompi(0),
  }));
  const jobs = new Jobs().told(...chain);
  assert.equal(jobs.found.size, 5000);
  jobs.told({ pid: 9001, ppid: 9002, comm: "mpirun" }, { pid: 9002, ppid: 9001, comm: "mpirun" });
});

function isLast(given: Given, at: number, reversed: readonly Given[]): boolean {
  return reversed.findIndex(({ pid }) => pid === given.pid) === at;
}
