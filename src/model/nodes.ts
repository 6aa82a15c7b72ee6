/**
 * What the graph is made of. Nodes and edges are plain records: who may change them, and when, is the fold's matter.
 */
import type { Attrs, EventType } from "./event.ts";
import { Expiring } from "./expiry.ts";

export const CERTAINTIES = ["observed", "derived", "inferred", "unknown"] as const;
/** `observed`: the kernel says so; `derived`: follows from observed facts; `inferred`: the best explanation. */
export type Certainty = (typeof CERTAINTIES)[number];

export interface Evidence {
  /** Where it was read: `/proc/14/stat`. */
  source: string;
  /** What stood there: `state T`. */
  observed: string;
}

export type EdgeKind = "consumes" | "waits_on" | "held_by" | "blocked_by";

/** What a probe may say of a wait beyond who waits for what. */
export interface WaitDetails {
  /** Why nobody could be named as holder: `none`, `remote`, `gone`, `hidden`. */
  readonly holder: string | undefined;
  /** The kind of root cause that the wait amounts to where nobody holds what it is on, by evidence the probe has. */
  readonly cause: string | undefined;
  /** What a person calls the thing that is waited for: a file's path. */
  readonly label: string | undefined;
  /** What the advice is to act on: a control file, a mount point. */
  readonly object: string | undefined;
  /** What to write into that control file. */
  readonly setting: string | undefined;
  /** Who must act, though nobody holds what is waited for: whoever has the CPU. */
  readonly actor: number | undefined;
  /** Of a semaphore: the program or library that waits for it. */
  readonly caller: string | undefined;
  /** Comma-separated codes of what could not be seen of it. */
  readonly blind: string;
  /** The waiter is the serving side and waits for a request. */
  readonly serves: boolean;
  /** Comma-separated ids of the resources that the wait goes over: a connection's interface, the disks below a file. */
  readonly over: string;
}

/** Shared by all edges of which nothing else was told: most. */
export const NOTHING_TOLD: WaitDetails = Object.freeze({
  holder: undefined,
  cause: undefined,
  label: undefined,
  object: undefined,
  setting: undefined,
  actor: undefined,
  caller: undefined,
  blind: "",
  serves: false,
  over: "",
});

export const SEVERITIES = ["fault", "warning"] as const;
/** `fault` holds up whoever uses the resource; `warning` is a cause for those only who wait on that very resource. */
export type Severity = (typeof SEVERITIES)[number];

/** What a probe may say of an error beyond what failed. */
export interface ErrorDetails {
  readonly severity: Severity;
  /** The kind of root cause it amounts to, where its type and entity do not say. */
  readonly cause: string | undefined;
  /** What a person calls the thing that failed. */
  readonly label: string | undefined;
  /** What the advice is to act on, and what to write into it. */
  readonly object: string | undefined;
  readonly setting: string | undefined;
}

export class Edge extends Expiring {
  readonly kind: EdgeKind;
  readonly from: GraphNode;
  readonly to: GraphNode;
  /** The waiting or holding thread; 0 where it is the main one, or not known. */
  readonly tid: number;
  /** The wait's kind (`pipe.read`), or the holder's role (`writer`). */
  detail: string;
  sinceMs: number;
  /** In whole seconds, like the gap: small integers, which V8 keeps without a box. */
  lastSeenS: number;
  /** The longest silence between two tellings: an edge ends when its probe stays silent for much longer than that. */
  longestGapS = 0;
  certainty: Certainty = "observed";
  evidence: Evidence | undefined = undefined;
  /** Of a wait for a process: which thread of it; 0 for the main one, or the process as a whole. */
  targetTid = 0;
  /** Which end of a connection the waiter or holder has: two with the same end do not wait for each other. */
  end: string | undefined = undefined;
  /** What else was told of a wait. */
  told: WaitDetails = NOTHING_TOLD;
  outPlace = -1;
  inPlace = -1;

  constructor(
    kind: EdgeKind,
    from: GraphNode,
    to: GraphNode,
    tid: number,
    detail: string,
    sinceMs: number,
    lastSeenS: number,
  ) {
    super();
    this.kind = kind;
    this.from = from;
    this.to = to;
    this.tid = tid;
    this.detail = detail;
    this.sinceMs = sinceMs;
    this.lastSeenS = lastSeenS;
  }
}

/** Shared by all nodes that have none of a kind of edge: most have none of most kinds. */
export const NO_EDGES: Edge[] = [];
Object.freeze(NO_EDGES);

abstract class BaseNode extends Expiring {
  readonly id: string;
  /** held_by, outgoing: who has it. A process is held by its tracer. */
  holders: Edge[] = NO_EDGES;
  /** waits_on, incoming: who waits for it. */
  waiters: Edge[] = NO_EDGES;
  /** blocked_by, outgoing. */
  errors: Edge[] = NO_EDGES;
  /** Finds an outgoing edge once there are many; see edges.ts. */
  index: Map<EdgeKey, Edge> | undefined = undefined;
  /** Outgoing edges, of all kinds. */
  outgoing = 0;
  /** Tells nodes apart in `index`. */
  readonly serial: number;

  constructor(id: string, serial: number) {
    super();
    this.id = id;
    this.serial = serial;
  }
}

export const JOB_ROLES = ["rank", "helper", "launcher"] as const;
/** `rank`: the rank's own process; `helper`: works for one, as a data loader's worker; `launcher`: started ranks. */
export type JobRole = (typeof JOB_ROLES)[number];

export class ProcessNode extends BaseNode {
  readonly type = "process" as const;
  readonly pid: number;
  /** The host; undefined on the graph's own. */
  readonly node: string | undefined;
  exited = false;
  jobId: string | null = null;
  /** The edge of `consumes` that was found last: the next telling is likely of it again. */
  lastUse: Edge | undefined = undefined;
  consumes: Edge[] = NO_EDGES;
  waits: Edge[] = NO_EDGES;
  /** held_by, incoming: what it has. */
  holds: Edge[] = NO_EDGES;
  startMs: number | undefined = undefined;
  state = "unknown";
  stateSinceMs: number;
  stateEvidence: Evidence | undefined = undefined;
  /** How it ended, where that was seen. */
  end: ProcessEnd | undefined = undefined;
  /** Of one that runs: how often its main thread was last given a CPU, in a second; undefined where not told. */
  switchesPerS: number | undefined = undefined;
  /** How often it looked whether something had come; 0 where it did other things too; undefined where not told. */
  pollsPerS: number | undefined = undefined;
  comm = "";
  cmdline = "";
  ppid = 0;
  cgroup = "";
  tty = "";
  /** What to act on to change its state, where a probe told: the control file of a frozen cgroup. */
  stateObject = "";
  kernelThread = false;
  /** 0 where not told. */
  threads = 0;
  rank: number | null = null;
  worldSize: number | null = null;
  /** Its rank among those of its job on its host. */
  localRank: number | null = null;
  /** As the rank's file with a dump of PyTorch's flight recorder is called, before the rank; empty where not told. */
  flightPrefix = "";
  jobRole: JobRole | null = null;
  /** Its job was told by a scheduler, which knows better than what a probe reads off. */
  isScheduled = false;
  /** Comma-separated codes of what could not be seen of it. */
  blind = "";

  constructor(id: string, serial: number, pid: number, node: string | undefined, nowMs: number) {
    super(id, serial);
    this.pid = pid;
    this.node = node;
    this.stateSinceMs = nowMs;
  }
}

export interface ProcessEnd {
  readonly status: number | undefined;
  /** `SIGKILL` */
  readonly signal: string | undefined;
}

export interface Metric {
  readonly type: EventType;
  value: number;
  /** A process's share: it gives way to what is told of the resource as a whole. */
  ofProcess: boolean;
}

export class ResourceNode extends BaseNode {
  readonly type = "resource" as const;
  /** consumes, incoming. */
  users: Edge[] = NO_EDGES;
  /** The last figures told, by event type. */
  metrics: Metric[] | undefined = undefined;
  metricAtMs = 0;
  /** What else was last told with the figures of the resource as a whole, by event type. */
  facts: Map<EventType, Attrs> | undefined = undefined;
}

export class ErrorNode extends BaseNode {
  readonly type = "error" as const;
  readonly eventType: EventType;
  readonly entityId: string;
  value: string;
  lastSeenMs: number;
  count = 1;
  told: ErrorDetails;
  /** blocked_by, incoming. */
  victims: Edge[] = NO_EDGES;

  constructor(id: string, serial: number, { eventType, entityId, value, nowMs, told }: NewError) {
    super(id, serial);
    this.eventType = eventType;
    this.entityId = entityId;
    this.value = value;
    this.lastSeenMs = nowMs;
    this.told = told;
  }
}

interface NewError {
  eventType: EventType;
  entityId: string;
  value: string;
  nowMs: number;
  told: ErrorDetails;
}

export type GraphNode = ProcessNode | ResourceNode | ErrorNode;

/** What tells a node's outgoing edges apart. */
export type EdgeKey = GraphNode | number | string;
