/** What a scenario is: a real stall with a known cause, or a healthy process with none. */
import type { CauseKind } from "../src/model/cause.ts";
import type { Verdict } from "../src/model/documents.ts";
import type { Hierarchy } from "./control-group.ts";
import type { Observer } from "./observer.ts";
import type { Stage } from "./stage.ts";

export interface Scenario {
  name: string;
  /** Programs or rights without which it is skipped, with the reason printed. */
  needs?: readonly (
    | "root"
    | "gdb"
    | "strace"
    | "gcc"
    | "timeout"
    | "setpriv"
    | "unshare"
    | "ip"
    | "iptables"
    | "nsenter"
    | "less"
    | "vim"
    | "ipcrm"
    | "socat"
    | "curl"
    | "nginx"
    | "redis-server"
    | "pg_ctlcluster"
    | "mount"
    | "fuse"
    | "loop"
    | "btf"
    | "torch"
    | "mpi"
    | "mkfs.ext4"
    | Hierarchy
  )[];
  /** It takes much of the machine: few of these are played at a time, and nothing else. */
  heavy?: boolean;
  /** A job that gets on: `--soak` asks about it for a long time. */
  healthyJob?: boolean;
  setUp(stage: Stage): Promise<Truth>;
}

/** What is so, known because the scenario made it so. */
export interface Truth {
  /** Whom to ask about. */
  ask: number;
  verdict: Verdict | readonly Verdict[];
  /** The kinds that are right; empty: none at all. */
  kind: CauseKind | readonly CauseKind[];
  /** The process that must act; undefined where none can. */
  culprit?: number;
  /** Of a deadlock: the members. */
  members?: readonly number[];
  /** True where \`xctl why\` without a pid must name it. */
  alarming: boolean;
  /** Whom to ask, where the scenario has a daemon of its own. */
  observer?: Observer;
  /** Where `ask` is a rank of a job: what is so of the job, which is asked about too. */
  job?: JobTruth;
}

export interface JobTruth extends Omit<JobCause, "kind"> {
  /** The ranks that are asked about as well; each must lead to one of the causes. */
  ranks: readonly number[];
  /** Ranks that are asked about too: as the others, or they get on. */
  mayGetOn?: readonly number[];
  /** Ranks that are asked about too, and with which nothing is wrong. */
  well?: readonly number[];
  /** What holds the job up; undefined where nothing is wrong. */
  kind: CauseKind | undefined;
  /** The rank that the others wait for most, though nothing is stuck: `why --job` says so as a tendency. */
  straggler?: number;
  /** What holds it up as well: `why --job` names all. */
  besides?: readonly JobCause[];
}

export interface JobCause {
  kind: CauseKind;
  /** The process that must act. */
  culprit?: number | undefined;
  /** Those that the cause is about. */
  members?: readonly number[];
  /** What `why --job` must have seen of it. */
  evidence?: RegExp;
}
