/** The answers as users and programs get them: docs/contract in types. Every text in them is in the reader's language. */
import type { Certainty } from "./nodes.ts";
import type { CauseKind, Risk } from "./cause.ts";
import type { Event } from "./event.ts";

export type Verdict = "blocked" | "stopped" | "starved" | "running" | "idle" | "exited" | "unknown";

export interface ProcessRow {
  node: string;
  pid: number;
  start_ms: number | null;
  comm: string;
  cmdline: string;
  job_id: string | null;
  rank: number | null;
  state: string;
  resources: string[];
  waits: { entity_id: string; kind: string; tid: number; since_ms: number }[];
  blocked_ms: number | null;
}

export interface PsDocument {
  processes: ProcessRow[];
}

export interface Hop {
  from: string;
  edge: "waits_on" | "held_by" | "consumes" | "blocked_by";
  to: string;
  /** The wait's kind, the holder's role, or what failed. */
  detail: string;
  certainty: Certainty;
  /** What a person calls the thing waited for: the path of a locked file. Absent where the id says it all. */
  label?: string;
}

export interface Advice {
  text: string;
  command: string | null;
  risk: Risk;
}

export interface RootCause {
  kind: CauseKind;
  entity_id: string;
  /** The process that must act for the wait to end; absent where none can. */
  pid?: number;
  pids: number[];
  tids: number[];
  confidence: number;
  certainty: Certainty;
  summary: string;
  evidence: { source: string; observed: string }[];
  advice: Advice[];
}

export interface WhyDocument {
  schema: "xctl.why/1";
  process: {
    node: string;
    pid: number;
    start_ms: number | null;
    comm: string;
    cmdline: string;
    state: string;
    job_id: string | null;
    rank: number | null;
    container: string | null;
  };
  verdict: Verdict;
  blocked_ms: number | null;
  chain: Hop[];
  root_causes: RootCause[];
  blind_spots: string[];
  /** The name of every process that the chain and the causes mention, by id: for a person to read. */
  names: Record<string, string>;
}

export interface Victim {
  pid: number;
  comm: string;
  job_id: string | null;
  blocked_ms: number | null;
}

export interface WhyAllDocument {
  schema: "xctl.why-all/1";
  groups: { root_cause: RootCause; victims: Victim[] }[];
  blind_spots: string[];
  names: Record<string, string>;
}

export interface WhyJobDocument {
  schema: "xctl.why-job/1";
  job_id: string;
  ranks: { rank: number | null; pid: number; node: string; verdict: Verdict; blocked_ms: number | null }[];
  root_causes: RootCause[];
  blind_spots: string[];
  names: Record<string, string>;
}

export interface EventsDocument {
  events: Event[];
}

export interface StatusDocument {
  version: string;
  node: string;
  uptime_ms: number;
  rss_bytes: number;
  events: { received: number; applied: number; rejected: number; dropped: number };
  /** Rejected lines by reason, only those that occurred. */
  rejections: Record<string, number>;
  graph: {
    processes: number;
    resources: number;
    errors: number;
    edges: { consumes: number; waits_on: number; held_by: number; blocked_by: number };
  };
  sampler: { backend: string; interval_ms: number; tasks: number; last_ms: number } | null;
  probes: ProbeStatus[];
}

export interface ProbeStatus {
  name: string;
  state: "starting" | "running" | "waiting" | "failed" | "stopped";
  pid: number | null;
  restarts: number;
  events: number;
  rejected: number;
  last_error: string | null;
}

export interface DoctorDocument {
  checks: { name: string; ok: boolean; detail: string; enable: string | null }[];
}

export interface ZapDocument {
  signal: string;
  dry_run: boolean;
  ended: { pid: number; comm: string }[];
  survived: { pid: number; comm: string; state: string; why: string }[];
  /** Present where PID itself is dead, but its parent does not reap it. */
  unreaped?: { pid: number; comm: string; parent: { pid: number; comm: string } };
}
