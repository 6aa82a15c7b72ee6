/**
 * Jobs of several ranks that work in step: PyTorch's DistributedDataParallel over gloo, and MPI. One rank of each does
 * something else while the others wait for it; every rank is asked, and the job itself.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CauseKind } from "../src/model/cause.ts";
import { ControlGroup } from "./control-group.ts";
import { FuseMount } from "./mounts.ts";
import type { JobCause, JobTruth, Scenario, Truth } from "./scenario.ts";
import { asleep, until, waitsIn, type Actor, type Stage } from "./stage.ts";
import { readStat, readStatus } from "../src/kernel/procfs.ts";

/** The distribution's own, which has its packages of PyTorch and MPI. */
const PYTHON = "/usr/bin/python3";
const PROGRAM = join(import.meta.dirname, "rank.py");
const LAUNCH_BY_HAND = `
for rank in $(seq 0 $(($1 - 1))); do
  RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=$1 "\${@:2}" &
done
wait
`;

/** Their relay is of the job as well, though no rank. */
const LAUNCH_RELAYED = `
"\${@:2:2}" relay "$4" $1 &
while [ ! -S "$4/relay" ]; do sleep 0.05; done
for rank in $(seq 0 $(($1 - 1))); do
  RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=$1 "\${@:2:2}" relayed "$4" &
done
wait
`;

interface Rank {
  pid: number;
  /** Of the worker that loads its data; 0 where it has none. */
  worker: number;
}

interface Job {
  stage: Stage;
  ranks: Rank[];
  launcher: number;
}

interface Kind {
  title: string;
  needs: Scenario["needs"];
  size: number;
  start(stage: Stage, folder: string, more: readonly string[], starter: Starter): Promise<Actor>;
}

type Starter = (command: string, ...args: string[]) => Promise<Actor>;

let jobs = 0;

/** Unlike those of other jobs that run at the same time. */
function port(): string {
  return String(29_700 + ((process.pid + ++jobs) % 1000));
}

const torchrun: Kind = {
  title: "DDP job of 3 ranks",
  needs: ["root", "torch"],
  size: 3,
  start: (_stage, folder, more, starter) =>
    starter(
      "env",
      "OMP_NUM_THREADS=1",
      PYTHON,
      "-m",
      "torch.distributed.run",
      "--nproc_per_node=3",
      // Its defaults fail on Python 3.11, whose sets of flags no longer list the one without a bit.
      ...["--redirects=1", "--tee=1", `--log_dir=${folder}`],
      `--rdzv_id=xctl-${process.pid}-${jobs + 1}`,
      `--master_port=${port()}`,
      PROGRAM,
      "ddp",
      folder,
      ...more,
    ),
};

const byHand: Kind = {
  title: "DDP job of 8 ranks",
  needs: ["root", "torch"],
  size: 8,
  start: (_stage, folder, more, starter) =>
    starter(
      "env",
      "OMP_NUM_THREADS=1",
      "MASTER_ADDR=127.0.0.1",
      `MASTER_PORT=${port()}`,
      `TORCHELASTIC_RUN_ID=xctl-${process.pid}-${jobs}`,
      "bash",
      "-c",
      LAUNCH_BY_HAND,
      "bash",
      "8",
      PYTHON,
      PROGRAM,
      "ddp",
      folder,
      ...more,
    ),
};

const mpi: Kind = {
  title: "MPI job of 4 ranks",
  needs: ["root", "mpi"],
  size: 4,
  start: (_stage, folder, more, starter) =>
    starter("mpirun", "--allow-run-as-root", "--oversubscribe", "-n", "4", PYTHON, PROGRAM, "mpi", folder, ...more),
};

const relayed: Kind = {
  title: "relayed job of 4 ranks",
  needs: ["root"],
  size: 4,
  start: (_stage, folder, _more, starter) =>
    starter(
      "env",
      "MASTER_ADDR=127.0.0.1",
      `MASTER_PORT=${port()}`,
      "bash",
      "-c",
      LAUNCH_RELAYED,
      "bash",
      ...["4", PYTHON, PROGRAM, folder],
    ),
};

async function launch(kind: Kind, stage: Stage, more: readonly string[] = [], starter?: Starter): Promise<Job> {
  const actor = await kind.start(stage, stage.folder, more, starter ?? ((...command) => stage.start(...command)));
  const ranks = () =>
    actor.lines.flatMap((line) => {
      const [, rank, pid, worker] = /rank (\d+) (\d+) (\d+)$/.exec(line)?.map(Number) ?? [];
      return rank === undefined ? [] : [{ rank, pid: pid as number, worker: worker as number }];
    });
  await until("all ranks to work", () => ranks().length === kind.size);
  return { stage, ranks: ranks().sort((a, b) => a.rank - b.rank), launcher: actor.pid };
}

/** Rank 1: neither the first one, which serves the store, nor the last one. */
const SUSPECT = 1;
const SECOND_SUSPECT = 2;

function tell({ stage }: Job, rank: number, act: string): void {
  writeFileSync(join(stage.folder, `act-${rank}`), act);
}

function suspectOf({ ranks }: Job): Rank {
  return ranks[SUSPECT] as Rank;
}

/** Asked of a rank that waits, then of all. */
function heldUp({ ranks }: Job, kind: CauseKind, culprit: number | undefined, members?: readonly number[]): Truth {
  const pids = ranks.map(({ pid }) => pid);
  const who = { ...(culprit === undefined ? {} : { culprit }), ...(members === undefined ? {} : { members }) };
  const ask = pids.at(-1) as number;
  return { ask, verdict: "blocked", kind, alarming: true, ...who, job: { ranks: pids, kind, ...who } };
}

/** Two culprits at once: those that wait may be told of either first. */
function heldUpByBoth({ ranks }: Job, one: JobCause, other: JobCause): Truth {
  const pids = ranks.map(({ pid }) => pid);
  const ask = pids[0] as number;
  const job = { ...one, ranks: pids, besides: [other] };
  return { ask, verdict: "blocked", kind: [one.kind, other.kind], alarming: true, job };
}

async function stop({ stage }: Job, pid: number): Promise<JobCause> {
  stage.stop(pid);
  await asleep(pid, "T");
  return { kind: "process.stopped", culprit: pid };
}

async function freeze({ stage }: Job, pid: number): Promise<JobCause> {
  const group = ControlGroup.create(stage, "freezer");
  group.add(pid);
  group.set("freezer.state", "FROZEN");
  stage.defer(() => group.set("freezer.state", "THAWED"));
  await until("the cgroup to be frozen", () => group.get("freezer.state") === "FROZEN");
  return { kind: "process.frozen", culprit: pid };
}

async function waitForLock(job: Job, rank: number): Promise<JobCause> {
  const holder = await job.stage.shell("exec 3>held; flock 3; echo locked; exec sleep 1000");
  await until("the lock to be taken", () => holder.lines.includes("locked"));
  tell(job, rank, `lock ${job.stage.folder}/held`);
  await waitsIn((job.ranks[rank] as Rank).pid, /lock/);
  return { kind: "process.sleeping", culprit: holder.pid };
}

async function kill(pid: number): Promise<void> {
  process.kill(pid, "SIGKILL");
  await until("the rank to be gone", () => readStat("/proc", pid) === undefined);
}

interface Stall {
  what: string;
  needs?: Scenario["needs"];
  more?: readonly string[];
  fuse?: boolean;
  /** All, where not given. */
  kinds?: readonly Kind[];
  stall(job: Job, fuse: FuseMount | undefined): Promise<Truth>;
}

const STALLS: readonly Stall[] = [
  {
    what: "one is stopped",
    async stall(job) {
      const { kind, culprit } = await stop(job, suspectOf(job).pid);
      return heldUp(job, kind, culprit);
    },
  },
  {
    what: "one is frozen",
    needs: ["freezer"],
    async stall(job) {
      const { kind, culprit } = await freeze(job, suspectOf(job).pid);
      return heldUp(job, kind, culprit);
    },
  },
  {
    what: "one is killed",
    async stall(job) {
      const { pid } = suspectOf(job);
      await kill(pid);
      const lost = { ranks: [], kind: "ipc.no_peer", members: [pid] } as const;
      return { ask: pid, verdict: "exited", kind: [], alarming: false, job: lost };
    },
  },
  {
    what: "one is out of its CPU quota",
    needs: ["cpu"],
    async stall(job) {
      const { pid } = suspectOf(job);
      const group = ControlGroup.create(job.stage, "cpu");
      group.set("cpu.cfs_period_us", 100_000);
      group.set("cpu.cfs_quota_us", 1000);
      group.add(pid);
      // The job gets on, if slowly: whether the others wait just now changes from moment to moment.
      const slow = { kind: "cpu.throttled", culprit: pid } as const;
      const mayGetOn = job.ranks.flatMap((rank) => (rank.pid === pid ? [] : [rank.pid]));
      return { ask: pid, verdict: "starved", alarming: true, ...slow, job: { ranks: [], mayGetOn, ...slow } };
    },
  },
  {
    what: "one waits for a file lock",
    async stall(job) {
      const { kind, culprit } = await waitForLock(job, SUSPECT);
      return heldUp(job, kind, culprit);
    },
  },
  {
    what: "one is stopped, and another one is frozen",
    needs: ["freezer"],
    async stall(job) {
      const frozen = await freeze(job, (job.ranks[SECOND_SUSPECT] as Rank).pid);
      return heldUpByBoth(job, await stop(job, suspectOf(job).pid), frozen);
    },
  },
  {
    what: "one is stopped, and another one waits for a file lock that a stopped process has",
    async stall(job) {
      const { culprit: holder } = await waitForLock(job, SECOND_SUSPECT);
      const behind = await stop(job, holder as number);
      return heldUpByBoth(job, await stop(job, suspectOf(job).pid), behind);
    },
  },
  {
    what: "one reads from a dead FUSE mount",
    needs: ["mount", "fuse"],
    fuse: true,
    async stall(job, fuse) {
      const { server, file } = fuse as FuseMount;
      job.stage.stop(server);
      tell(job, SUSPECT, `read ${file}`);
      await waitsIn(suspectOf(job).pid, /request_wait_answer|fuse_/);
      return heldUp(job, "process.stopped", server);
    },
  },
  {
    what: "one is in a debugger",
    needs: ["gdb"],
    async stall(job) {
      const { pid } = suspectOf(job);
      const quietly = ["-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off"];
      await job.stage.start("gdb", ...quietly, "-ex", "echo attached\\n", "-p", String(pid), "-ex", "shell sleep 1000");
      await asleep(pid, "t");
      return heldUp(job, "process.traced", readStatus("/proc", pid)?.tracerPid);
    },
  },
  {
    what: "the data loader of one is stopped",
    more: ["loader"],
    async stall(job) {
      const { worker } = suspectOf(job);
      job.stage.stop(worker);
      await asleep(worker, "T");
      return heldUp(job, "process.stopped", worker);
    },
  },
  {
    what: "one waits for itself",
    async stall(job) {
      const { pid } = suspectOf(job);
      tell(job, SUSPECT, "deadlock");
      await until("the rank to take the order", () => isTaken(job, SUSPECT));
      return heldUp(job, "process.deadlock", undefined, [pid]);
    },
  },
  {
    what: "one waits for a lock of Python's that it has itself",
    kinds: [torchrun, byHand],
    async stall(job) {
      const { pid } = suspectOf(job);
      tell(job, SUSPECT, "relock");
      await until("the rank to take the order", () => isTaken(job, SUSPECT));
      // Python keeps no owner of it: who would let it go cannot be told, nor that nobody will, which is no alarm then.
      // That this is the rank that the others wait for can be told.
      return { ...heldUp(job, "unknown", undefined, [pid]), alarming: false };
    },
  },
];

const HEALTHY: readonly Stall[] = [
  {
    what: "all get on",
    stall: async (job) => fine(job),
  },
  {
    what: "the first step takes long",
    async stall(job) {
      for (const rank of job.ranks.keys()) tell(job, rank, "compute 60");
      return fine(job);
    },
  },
  {
    what: "the first one writes a checkpoint alone",
    async stall(job) {
      tell(job, 0, `save ${job.stage.folder}/checkpoint`);
      await until("the rank to take the order", () => isTaken(job, 0));
      return fine(job);
    },
  },
];

function isTaken({ stage }: Job, rank: number): boolean {
  return !existsSync(join(stage.folder, `act-${rank}`));
}

/** What each rank is just at is nobody's matter; nothing may be held against it. */
function fine({ ranks }: Job): Truth {
  const pids = ranks.map(({ pid }) => pid);
  const verdict = ["running", "idle", "blocked", "unknown"] as const;
  return { ask: pids[0] as number, verdict, kind: [], alarming: false, job: { ranks: pids, kind: undefined } };
}

/** Of a job whose ranks are not ended with it. */
const LOST: readonly Stall[] = [
  {
    what: "one is killed, and the others go on waiting for it",
    async stall(job) {
      const { pid } = suspectOf(job);
      await kill(pid);
      const rest = { ...job, ranks: job.ranks.filter((rank) => rank.pid !== pid) };
      const truth = heldUp(rest, "ipc.no_peer", undefined, [pid]);
      const evidence = new RegExp(`SIGKILL from .*\\b${process.pid}\\b`);
      return { ...truth, job: { ...(truth.job as JobTruth), evidence } };
    },
  },
];

function scenarioOf(kind: Kind, each: Stall): Scenario {
  const { what, needs = [], more, fuse, stall } = each;
  return {
    name: `${kind.title}: ${what}`,
    needs: [...(kind.needs ?? []), ...needs],
    heavy: true,
    healthyJob: HEALTHY.includes(each),
    async setUp(stage) {
      const mount = fuse === true ? await FuseMount.create(stage, ["answer"]) : undefined;
      const starter = mount === undefined ? undefined : (...command: Parameters<Starter>) => mount.start(...command);
      return stall(await launch(kind, stage, more, starter), mount);
    },
  };
}

export const jobScenarios: readonly Scenario[] = [
  ...[torchrun, byHand, mpi].flatMap((kind) =>
    [...STALLS, ...HEALTHY]
      .filter(({ kinds }) => kinds === undefined || kinds.includes(kind))
      .map((stall) => scenarioOf(kind, stall)),
  ),
  ...LOST.map((stall) => scenarioOf(relayed, stall)),
];
