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
  local_rank: number | null;
  /** `rank`, `helper` or `launcher`. */
  job_role: string | null;
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
    /** `rank`, `helper` or `launcher`. */
    job_role: string | null;
    /** Of a rank on the daemon's host: where PyTorch's flight recorder dumps what it did; null where it was not told to. */
    flight_record: string | null;
    container: string | null;
    /** How it ended; null where it has not, or nobody saw how. */
    ended: string | null;
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

export type RankPart = "culprit" | "held_up" | "running" | "gone" | "unclear";

/** The rank that the others wait for most, over the last minutes, though nothing is stuck. */
export interface Tendency {
  rank: number | null;
  pid: number;
  /** Of the samples, how many found it at work while most others waited. */
  share: number;
  samples: number;
  /** The samples span so much time. */
  window_ms: number;
  /** The longest time on end. */
  longest_ms: number;
}

export interface WhyJobDocument {
  schema: "xctl.why-job/1";
  job_id: string;
  ranks: {
    rank: number | null;
    pid: number;
    node: string;
    verdict: Verdict;
    blocked_ms: number | null;
    /** Its part in what holds the job up. */
    standing: RankPart;
    /** As of a process. */
    flight_record: string | null;
  }[];
  root_causes: RootCause[];
  /** Null where no rank stands out. */
  tendency: Tendency | null;
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
  /** `reason`: why it is not the best there is; null where it is. */
  sampler: { backend: string; reason: string | null; interval_ms: number; tasks: number; last_ms: number } | null;
  /** Records that eBPF programs could not hand over, by probe; only of probes that have some attached. */
  ebpf_lost: Record<string, number>;
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

/** What a person is told about the case, by a language model or by the rules alone. */
export interface DiagReport {
  /** One of the kinds of root cause. */
  root_cause: CauseKind;
  explanation: string;
  steps: Advice[];
  prevention: string[];
  confidence: number;
  /** Ids of entities of the case. */
  cited: string[];
}

export interface DiagDocument extends DiagReport {
  schema: "xctl.diag/1";
  provider: string;
  /** Null where no model was asked. */
  model: string | null;
  /** Whether all that the report claims is borne out by the case; a report from the rules always is. */
  verified: boolean;
  /** Why it is not verified, or why the rules speak instead of the model. */
  notes: string[];
  usage: { input_tokens: number; output_tokens: number; cost_usd: number | null };
  why: WhyDocument;
}
