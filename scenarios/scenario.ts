/** What a scenario is: a real stall with a known cause, or a healthy process with none. */
import type { CauseKind } from "../src/model/cause.ts";
import type { Verdict } from "../src/model/documents.ts";
import type { Hierarchy } from "./control-group.ts";
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
    | "mkfs.ext4"
    | Hierarchy
  )[];
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
}
