/** The jobs that the scenarios launch: what starts them, and who of them is who. What befalls them is not known here. */
import { join } from "node:path";
import type { Scenario } from "./scenario.ts";
import { until, type Actor, type Stage } from "./stage.ts";

/** The distribution's own, which has its packages of PyTorch and MPI. */
const PYTHON = "/usr/bin/python3";
const PROGRAM = join(import.meta.dirname, "rank.py");
const LAUNCH_BY_HAND = `
for rank in $(seq 0 $(($1 - 1))); do
  RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=$1 "\${@:2}" &
done
wait
`;

/** `$2` starts their relay; all after it is what runs a rank, or the relay. */
const LAUNCH_RELAYED = `
relay() { "\${@:3:2}" relay "$5" $1; }
eval "$2"
while [ ! -S "$5/relay" ]; do sleep 0.05; done
for rank in $(seq 0 $(($1 - 1))); do
  RANK=$rank LOCAL_RANK=$rank WORLD_SIZE=$1 "\${@:3:2}" relayed "$5" &
done
wait
`;
/** It is of the job as well, though no rank. */
const RELAY_OF_JOB = 'relay "$@" &';
/** A service of the machine's, which nothing ties to the job. */
const RELAY_OUTSIDE = '(unset MASTER_ADDR MASTER_PORT; relay "$@" &)';

export interface Rank {
  pid: number;
  /** Of the worker that loads its data; 0 where it has none. */
  worker: number;
}

export interface Job {
  stage: Stage;
  ranks: Rank[];
  launcher: number;
}

export interface Kind {
  title: string;
  needs: Scenario["needs"];
  size: number;
  start(stage: Stage, folder: string, more: readonly string[], starter: Starter): Promise<Actor>;
}

export type Starter = (command: string, ...args: string[]) => Promise<Actor>;

let jobs = 0;

/** Unlike those of other jobs that run at the same time. */
function port(): string {
  return String(29_700 + ((process.pid + ++jobs) % 1000));
}

export const torchrun: Kind = {
  title: "DDP job of 3 ranks",
  needs: ["root", "torch"],
  size: 3,
  start: (_stage, folder, more, starter) =>
    starter(
      "env",
      "OMP_NUM_THREADS=1",
      // What its ranks say is passed on by the launcher, line by line only if told to.
      "PYTHONUNBUFFERED=1",
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

export const byHand: Kind = {
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

const MPI_OPTIONS = ["--allow-run-as-root", "--oversubscribe"];

function mpiRanks(count: number, folder: string, more: readonly string[]): string[] {
  return ["-n", String(count), PYTHON, PROGRAM, "mpi", folder, ...more];
}

export const mpi: Kind = {
  title: "MPI job of 4 ranks",
  needs: ["root", "mpi"],
  size: 4,
  start: (_stage, folder, more, starter) => starter("mpirun", ...MPI_OPTIONS, ...mpiRanks(4, folder, more)),
};

/** As where each rank has a CPU to itself, which it then never gives up. */
export const mpiKeeping: Kind = {
  title: "MPI job of 2 ranks that keep their CPUs",
  needs: ["root", "mpi"],
  size: 2,
  start: (_stage, folder, more, starter) =>
    starter("mpirun", ...MPI_OPTIONS, "--mca", "mpi_yield_when_idle", "0", ...mpiRanks(2, folder, more)),
};

export const relayed = relayedBy("relayed job of 4 ranks", RELAY_OF_JOB);
export const relayedFromOutside = relayedBy("job of 4 ranks with a relay outside", RELAY_OUTSIDE);

function relayedBy(title: string, startRelay: string): Kind {
  return {
    title,
    needs: ["root"],
    size: 4,
    start: (_stage, folder, _more, starter) =>
      starter(...meetingAt(port()), "bash", "-c", LAUNCH_RELAYED, "bash", "4", startRelay, PYTHON, PROGRAM, folder),
  };
}

/** None of them ever needs another one. */
export const apart: Kind = {
  title: "job of 3 ranks that work apart",
  needs: ["root"],
  size: 3,
  start: (_stage, folder, _more, starter) =>
    starter(...meetingAt(port()), "bash", "-c", LAUNCH_BY_HAND, "bash", "3", PYTHON, PROGRAM, "apart", folder),
};

function meetingAt(at: string): [string, ...string[]] {
  return ["env", "MASTER_ADDR=127.0.0.1", `MASTER_PORT=${at}`];
}

/** Once all ranks work in step. */
export async function launch(kind: Kind, stage: Stage, more: readonly string[] = [], starter?: Starter): Promise<Job> {
  const actor = await kind.start(stage, stage.folder, more, starter ?? ((...command) => stage.start(...command)));
  const ranks = () =>
    actor.lines.flatMap((line) => {
      const [, rank, pid, worker] = /rank (\d+) (\d+) (\d+)$/.exec(line)?.map(Number) ?? [];
      return rank === undefined ? [] : [{ rank, pid: pid as number, worker: worker as number }];
    });
  await until("all ranks to work", () => ranks().length === kind.size);
  return { stage, ranks: ranks().sort((a, b) => a.rank - b.rank), launcher: actor.pid };
}
