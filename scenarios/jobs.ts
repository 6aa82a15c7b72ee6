/**
 * Jobs of several ranks that work in step: PyTorch's DistributedDataParallel over gloo, MPI, and one over a relay. One
 * rank of each, or two, do something else while the others wait; every rank is asked, and the job itself.
 */
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { CauseKind } from "../src/model/cause.ts";
import { ControlGroup } from "./control-group.ts";
import {
  apart,
  byHand,
  launch,
  mpi,
  mpiKeeping,
  relayed,
  relayedFromOutside,
  torchrun,
  type Job,
  type Kind,
  type Rank,
  type Starter,
} from "./job-kinds.ts";
import { FuseMount } from "./mounts.ts";
import type { JobCause, JobTruth, Scenario, Truth } from "./scenario.ts";
import { asleep, until, waitsIn } from "./stage.ts";
import { readStat, readStatus } from "../src/kernel/procfs.ts";

/** Rank 1: neither the first one, which serves the store, nor the last one. */
const SUSPECT = 1;
const SECOND_SUSPECT = 2;
/** The daemon looks once a second who is late, and says nothing after less than thirty looks. */
const SEEN_LATE_MS = 33_000;

function tell({ stage }: Job, rank: number, act: string): void {
  writeFileSync(join(stage.folder, `act-${rank}`), act);
}

function suspectOf({ ranks }: Job): Rank {
  return ranks[SUSPECT] as Rank;
}

function pidsBut({ ranks }: Job, pid: number): number[] {
  return ranks.map((rank) => rank.pid).filter((other) => other !== pid);
}

type TruthOfJob = Truth & { job: JobTruth };

/** Asked of a rank that waits, then of all. */
function heldUp({ ranks }: Job, kind: CauseKind, culprit: number | undefined, members?: readonly number[]): TruthOfJob {
  const pids = ranks.map(({ pid }) => pid);
  const who = { ...(culprit === undefined ? {} : { culprit }), ...(members === undefined ? {} : { members }) };
  const ask = pids.at(-1) as number;
  return { ask, verdict: "blocked", kind, alarming: true, ...who, job: { ranks: pids, kind, ...who } };
}

/** Two culprits at once: those that wait may be told of either first. */
function heldUpByBoth({ ranks }: Job, one: JobCause, other: JobCause): TruthOfJob {
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
  await isGone(pid);
}

function isGone(pid: number): Promise<void> {
  return until("the rank to be gone", () => readStat("/proc", pid) === undefined);
}

interface Stall {
  what: string;
  needs?: Scenario["needs"];
  more?: readonly string[];
  fuse?: boolean;
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
      const gone = { ranks: [], kind: "ipc.no_peer", members: [pid] } as const;
      return { ask: pid, verdict: "exited", kind: [], alarming: false, job: gone };
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
      const mayGetOn = pidsBut(job, pid);
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
    what: "one is stopped, and another one waits for a file lock of one that sleeps",
    async stall(job) {
      const sleeper = await waitForLock(job, SECOND_SUSPECT);
      return heldUpByBoth(job, await stop(job, suspectOf(job).pid), sleeper);
    },
  },
  {
    what: "its launcher is stopped, and the ranks get on",
    async stall(job) {
      const { launcher } = job;
      const well = job.ranks.map(({ pid }) => pid);
      const stopped = await stop(job, launcher);
      return { ask: launcher, verdict: "stopped", alarming: true, ...stopped, job: { ...stopped, ranks: [], well } };
    },
  },
  {
    what: "its launcher is stopped, and one waits for a lock of Python's that it has itself",
    async stall(job) {
      const { pid } = suspectOf(job);
      tell(job, SUSPECT, "relock");
      await until("the rank to take the order", () => isTaken(job, SUSPECT));
      const launcher = await stop(job, job.launcher);
      const { job: both } = heldUpByBoth(job, { kind: "unknown", members: [pid] }, launcher);
      return { ask: job.launcher, verdict: "stopped", alarming: true, ...launcher, job: both };
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
function fine({ ranks }: Job): TruthOfJob {
  const pids = ranks.map(({ pid }) => pid);
  const verdict = ["running", "idle", "blocked", "unknown"] as const;
  return { ask: pids[0] as number, verdict, kind: [], alarming: false, job: { ranks: pids, kind: undefined } };
}

/** Nothing is stuck, and yet the job could be faster. */
const SLOW: readonly Stall[] = [
  {
    what: "one takes longer for each step than the others",
    async stall(job) {
      tell(job, SUSPECT, "slow 0.3");
      await sleep(SEEN_LATE_MS);
      const truth = fine(job);
      return { ...truth, job: { ...truth.job, straggler: suspectOf(job).pid } };
    },
  },
];

/** Each has a CPU, and never gives it up: that it spins shows by its system calls. */
const KEEPING: readonly Stall[] = [
  {
    what: "one is stopped, and the other one spins",
    needs: ["btf"],
    async stall(job) {
      const { kind, culprit } = await stop(job, suspectOf(job).pid);
      return heldUp({ ...job, ranks: job.ranks.toReversed() }, kind, culprit);
    },
  },
  {
    what: "one computes, and the other one spins",
    needs: ["btf"],
    async stall(job) {
      const { pid } = suspectOf(job);
      tell(job, SUSPECT, "compute 60");
      await until("the rank to take the order", () => isTaken(job, SUSPECT));
      // It may just have a lot to do.
      return { ...heldUp({ ...job, ranks: job.ranks.toReversed() }, "process.busy", pid), alarming: false };
    },
  },
];

/** Its suspect is gone; `evidence` of how. */
function lost(job: Job, evidence: RegExp): Truth {
  const { pid } = suspectOf(job);
  const rest = { ...job, ranks: job.ranks.filter((rank) => rank.pid !== pid) };
  const truth = heldUp(rest, "ipc.no_peer", undefined, [pid]);
  return { ...truth, job: { ...truth.job, evidence } };
}

/** Of a job whose ranks are not ended with it. */
const LOST: readonly Stall[] = [
  {
    what: "one is killed, and the others go on waiting for it",
    async stall(job) {
      await kill(suspectOf(job).pid);
      return lost(job, new RegExp(`SIGKILL from .*\\b${process.pid}\\b`));
    },
  },
  {
    what: "one gets more memory than its cgroup may have, and the others go on waiting for it",
    needs: ["memory", "btf"],
    async stall(job) {
      const { pid } = suspectOf(job);
      const group = ControlGroup.create(job.stage, "memory");
      group.set("memory.limit_in_bytes", 64 << 20);
      group.add(pid);
      tell(job, SUSPECT, "eat");
      await isGone(pid);
      return lost(job, /SIGKILL from the OOM killer/);
    },
  },
];

/** Of a job whose ranks do not need each other. */
const UNMISSED: readonly Stall[] = [
  {
    what: "one is stopped, and the others get on",
    needs: ["btf"],
    async stall(job) {
      const { pid } = suspectOf(job);
      const stopped = await stop(job, pid);
      const well = pidsBut(job, pid);
      return { ask: pid, verdict: "stopped", alarming: true, ...stopped, job: { ...stopped, ranks: [], well } };
    },
  },
  {
    what: "one is killed, and the others get on",
    async stall(job) {
      const { pid } = suspectOf(job);
      await kill(pid);
      const well = pidsBut(job, pid);
      const gone = { ranks: [], well, kind: "ipc.no_peer", members: [pid] } as const;
      return { ask: well[0] as number, verdict: "running", kind: [], alarming: false, job: gone };
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
  ...[torchrun, byHand, mpi].flatMap((kind) => [...STALLS, ...HEALTHY].map((stall) => scenarioOf(kind, stall))),
  ...[relayed, relayedFromOutside].flatMap((kind) => LOST.map((stall) => scenarioOf(kind, stall))),
  ...SLOW.map((stall) => scenarioOf(torchrun, stall)),
  ...KEEPING.map((stall) => scenarioOf(mpiKeeping, stall)),
  ...UNMISSED.map((stall) => scenarioOf(apart, stall)),
];
