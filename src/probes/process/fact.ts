/** What a closer look finds out: that a thread waits for a thing, and who has that thing. Shapes only. */
import type { Attrs } from "../../model/event.ts";

export interface WaitFact {
  type: "wait";
  entity: string;
  pid: number;
  tid: number;
  /** The wait's kind: `pipe.read`. */
  kind: string;
  attrs: Attrs;
}

export interface HeldFact {
  type: "held";
  entity: string;
  /** Who has it. */
  pid: number;
  role: Role;
  attrs: Attrs;
}

export type Fact = WaitFact | HeldFact;

/** `owner`: of a lock; each must let go. `thread`: another thread waits for it. The others: any of them may act. */
export type Role = "owner" | "writer" | "reader" | "peer" | "server" | "child" | "tracer" | "thread";

/** Why nobody could be named: nobody has the other end; it is out of sight; its owner is dead; we may not see. */
export type NoHolder = "none" | "remote" | "gone" | "hidden";

export type Certainty = "observed" | "derived" | "inferred";

export function held(
  entity: string,
  pid: number,
  role: Role,
  evidence: { source: string; observed: string; certainty?: Certainty; tid?: number; end?: string },
): HeldFact {
  return { type: "held", entity, pid, role, attrs: { certainty: "observed", ...evidence } };
}
