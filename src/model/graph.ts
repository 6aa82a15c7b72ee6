/**
 * The causal graph: a fold over events.
 *
 * Nodes are processes, resources and errors; edges say who consumes, waits on, holds, or is blocked by what. The
 * graph knows no probe and no clock: time comes in with `apply` and `expire`. Every operation costs the same whatever
 * the graph's size: edges lie in lists of their two ends and know their place in both.
 */
import {
  clipped,
  describe,
  describePace,
  describeRank,
  endOf,
  errorDetails,
  evidenceOf,
  factsOf,
  numberIn,
  qualify,
  qualifyWait,
} from "./attrs.ts";
import { findEdge, link, unlink } from "./edges.ts";
import { entityKind, gpuOfPart, processId, readProcessId } from "./entity.ts";
import { numberOf, type Event } from "./event.ts";
import { ExpiryWheel } from "./expiry.ts";
import { Jobs } from "./jobs.ts";
import { Edge, ErrorNode, ProcessNode, ResourceNode, type EdgeKind, type GraphNode } from "./nodes.ts";
import { ProcessTable } from "./process-table.ts";

export type { ProcessNode } from "./nodes.ts";

export interface GraphLimits {
  nodes: number;
  edges: number;
}

export interface GraphCounts {
  processes: number;
  resources: number;
  errors: number;
  edges: { consumes: number; waits_on: number; held_by: number; blocked_by: number };
}

const SECOND = 1000;
const ERROR_LIFE_MS = 300 * SECOND;
const EXITED_LIFE_MS = 60 * SECOND;
/** A wait told once and never again is believed for this long. */
const UNCONFIRMED_WAIT_LIFE_MS = 60 * SECOND;
/** A regularly confirmed edge outlives this many of its longest silences, within the two bounds. */
const MISSED_CONFIRMATIONS = 4;
const MIN_SILENCE_S = 10;
const MAX_SILENCE_S = 60;
const MAX_ERRORS_PER_ENTITY = 16;
export class Graph {
  /** Events that were applied to it. */
  applied = 0;
  /** Events that were left out because a limit was reached. */
  dropped = 0;
  /** The host whose processes are called `pid-N`; of the first event that names one, where not given. */
  localNode: string | undefined;
  readonly limits: GraphLimits;
  readonly #processes = new ProcessTable();
  readonly #resources = new Map<string, ResourceNode>();
  readonly #errors = new Map<string, ErrorNode>();
  readonly #jobs = new Jobs();
  readonly #wheel = new ExpiryWheel();
  readonly #edges = { consumes: 0, waits_on: 0, held_by: 0, blocked_by: 0 };
  /** Processes that left the look-up because their pid came back, and live on until their minute is over. */
  #replaced = 0;
  #serial = 0;
  /** The event at hand could not add all that it says, because a limit is reached. */
  #fellShort = false;

  constructor(options: { localNode?: string; limits?: GraphLimits } = {}) {
    this.localNode = options.localNode;
    this.limits = options.limits ?? { nodes: 1_000_000, edges: 3_000_000 };
  }

  /** Folds one event in. `nowMs` is when it was received; retention counts from there, for a sender's clock may be off. */
  apply(event: Event, nowMs: number = event.ts): void {
    if (this.localNode === undefined && event.node !== undefined) this.localNode = event.node;
    this.#fellShort = false;
    this.#fold(event, nowMs);
    if (this.#fellShort) this.dropped++;
    else this.applied++;
  }

  /** Removes what has outlived its retention. */
  expire(nowMs: number): void {
    this.#wheel.sweep(nowMs, (item) => {
      if (item instanceof Edge) this.#removeEdge(item);
      else if (item instanceof ErrorNode) this.#removeError(item);
      else if (item instanceof ProcessNode && this.#jobs.misses(item))
        this.#wheel.schedule(item, nowMs + EXITED_LIFE_MS);
      else if (item instanceof ProcessNode) this.#removeProcess(item);
    });
  }

  /** The process that has this pid now, or had it last; on another host where `node` names one. */
  process(pid: number, node?: string): ProcessNode | undefined {
    return this.#processes.get(pid, this.#remote(node));
  }

  /** As `process`; where this host has none, the one on another host, if it is the only one. Looks at every process. */
  processOnAnyHost(pid: number): ProcessNode | undefined {
    const own = this.process(pid);
    if (own !== undefined) return own;
    let found: ProcessNode | undefined;
    for (const process of this.processes()) {
      if (process.pid !== pid) continue;
      if (found !== undefined) return undefined;
      found = process;
    }
    return found;
  }

  processById(id: string): ProcessNode | undefined {
    const parts = readProcessId(id);
    return parts === undefined ? undefined : this.process(parts.pid, parts.node);
  }

  processes(): Iterable<ProcessNode> {
    return this.#processes.values();
  }

  resource(id: string): ResourceNode | undefined {
    return this.#resources.get(id);
  }

  /** What is wrong with it; with a part of a GPU, what is wrong with the whole as well. */
  errorsOn(node: { id: string; errors: readonly Edge[] }): readonly Edge[] {
    const whole = gpuOfPart(node.id);
    const above = whole === undefined ? undefined : this.#resources.get(whole)?.errors;
    return above === undefined || above.length === 0 ? node.errors : [...node.errors, ...above];
  }

  resources(): Iterable<ResourceNode> {
    return this.#resources.values();
  }

  errors(): Iterable<ErrorNode> {
    return this.#errors.values();
  }

  /** The members of a job and of those inside it, for a minute also those that exited; undefined where it has none. */
  job(id: string): ReadonlySet<ProcessNode> | undefined {
    return this.#jobs.members(id);
  }

  jobIds(): Iterable<string> {
    return this.#jobs.ids();
  }

  counts(): GraphCounts {
    return {
      processes: this.#processes.size + this.#replaced,
      resources: this.#resources.size,
      errors: this.#errors.size,
      edges: { ...this.#edges },
    };
  }

  #fold(event: Event, nowMs: number): void {
    switch (event.event_type) {
      case "compute.util":
      case "compute.mem":
      case "storage.iops":
      case "storage.qdepth":
        this.#consume(event, this.#measure(event, nowMs), nowMs);
        break;
      case "transport.bw":
      case "transport.drop":
        if (event.attrs?.ended === true) this.#endTransport(event);
        else this.#transport(event, this.#measure(event, nowMs), nowMs);
        break;
      case "process.state":
        this.#state(event, nowMs);
        break;
      case "process.wait":
        this.#wait(event, nowMs);
        break;
      case "resource.held":
        this.#held(event, nowMs);
        break;
      case "error.hw":
      case "error.net":
      case "topo.link_down":
        this.#error(event, nowMs);
        break;
      case "intent.run":
        this.#intend(event, nowMs);
        break;
      case "action.exec":
        break;
    }
  }

  /** The resource's own figure; undefined where the event has none. */
  #measure(event: Event, nowMs: number): ResourceNode | undefined {
    const value = numberOf(event.value);
    if (Number.isNaN(value)) return undefined;
    const resource = this.#resourceOf(event.entity_id);
    if (resource === undefined) return undefined;
    resource.metricAtMs = nowMs;
    const type = event.event_type;
    const metric = resource.metrics?.find((each) => each.type === type);
    const ofProcess = event.pid !== undefined && event.pid !== null;
    if (metric === undefined) {
      resource.metrics = [...(resource.metrics ?? []), { type, value, ofProcess }];
    } else if (!ofProcess || metric.ofProcess) {
      metric.value = value;
      metric.ofProcess = ofProcess;
    }
    if (!ofProcess && event.attrs !== undefined) {
      (resource.facts ??= new Map()).set(type, factsOf(event.attrs));
    }
    return resource;
  }

  #consume(event: Event, resource: ResourceNode | undefined, nowMs: number): void {
    const process = this.#processOf(event, nowMs);
    if (process === undefined || process.exited || resource === undefined) return;
    const edge = this.#touch("consumes", process, resource, 0, event.event_type, event.ts, nowMs);
    if (edge !== undefined) this.#expectConfirmation(edge, nowMs);
  }

  #transport(event: Event, measured: ResourceNode | undefined, nowMs: number): void {
    const process = this.#processOf(event, nowMs);
    if (process === undefined || process.exited) return;
    const stalled = isTransportStall(event.value);
    const waits = stalled || (event.event_type === "transport.drop" && numberOf(event.value) > 0);
    const resource = waits ? (measured ?? this.#resourceOf(event.entity_id)) : measured;
    if (resource === undefined) return;
    const known = findEdge("waits_on", process, resource, 0);
    // What the kernel says of the wait (`tcp.recv`) is neither ended nor renamed by a figure of the traffic.
    if (known !== undefined && !isTransportStall(known.detail) && known.detail !== "transport.drop") return;
    if (waits) this.#addWait(process, resource, 0, event, stalled ? event.value : event.event_type, nowMs);
    else if (known !== undefined) this.#removeEdge(known);
  }

  /** Connections come and go: one that is told to be over is not kept for the figures it had. */
  #endTransport({ entity_id: id, pid, node }: Event): void {
    const resource = this.#resources.get(id);
    if (resource === undefined) return;
    resource.metrics = undefined;
    resource.facts = undefined;
    const process = typeof pid === "number" ? this.process(pid, node) : undefined;
    const known = process && findEdge("waits_on", process, resource, 0);
    if (known !== undefined && isTransportStall(known.detail)) this.#removeEdge(known);
    else this.#dropIfUnused(resource);
  }

  #state(event: Event, nowMs: number): void {
    const named = typeof event.pid === "number" ? { pid: event.pid } : readProcessId(event.entity_id);
    // A thread's state is not its process's.
    if (named === undefined || named.tid !== undefined) return;
    const { pid, node = event.node } = named;
    const attrs = event.attrs;
    let process = this.process(pid, node);
    const start = attrs?.start_ms;
    // The exit of an earlier process with this pid, told late.
    if (event.value === "exit" && process !== undefined && startsDiffer(process, start)) return;
    if (event.value === "exit") {
      if (process !== undefined && !process.exited) this.#exit(process, event, nowMs);
      return;
    }
    if (process !== undefined && isAnother(process, start)) {
      this.#replace(process, nowMs);
      process = undefined;
    }
    process ??= this.#newProcess(pid, node, nowMs);
    if (process === undefined) return;
    if (typeof start === "number") process.startMs = start;
    this.#describe(process, event);
    const state = event.value === "start" && process.state !== "unknown" ? process.state : event.value;
    const shown = state === "start" ? "running" : state;
    const sinceMs = numberIn(attrs?.since_ms);
    const isNews = shown !== process.state;
    if (isNews) {
      process.state = shown;
      process.stateSinceMs = sinceMs ?? event.ts;
    } else if (sinceMs !== undefined && event.value !== "start") {
      process.stateSinceMs = sinceMs;
    }
    describePace(process, attrs, isNews);
    process.stateEvidence = evidenceOf(attrs, isNews ? undefined : process.stateEvidence);
  }

  #describe(process: ProcessNode, event: Event): void {
    this.#joinJob(process, event);
    if (event.attrs !== undefined) describe(process, event.attrs);
    if (process.jobRole === "rank") this.#jobs.succeed(process);
  }

  /** What the scheduler says of a process: its job, and its place in it. */
  #intend(event: Event, nowMs: number): void {
    const process = this.#processOf(event, nowMs);
    if (process === undefined) return;
    if (typeof event.job_id === "string") process.isScheduled = true;
    if (event.attrs !== undefined) describeRank(process, event.attrs);
  }

  #wait(event: Event, nowMs: number): void {
    const process = this.#processOf(event, nowMs);
    if (process === undefined || process.exited) return;
    const tid = threadOf(event, process.pid);
    const target = this.#targetOf(event, nowMs, event.value !== "end");
    if (target === undefined) return;
    if (event.value !== "end") {
      this.#addWait(process, target, tid, event, event.value, nowMs);
      return;
    }
    const edge = findEdge("waits_on", process, target, tid);
    if (edge !== undefined) this.#removeEdge(edge);
  }

  #addWait(process: ProcessNode, target: GraphNode, tid: number, event: Event, kind: string, nowMs: number): void {
    const attrs = event.attrs;
    const sinceMs = numberIn(attrs?.since_ms) ?? stallBegan(event);
    const edge = this.#touch("waits_on", process, target, tid, kind, sinceMs ?? event.ts, nowMs);
    if (edge === undefined) return;
    if (sinceMs !== undefined) edge.sinceMs = sinceMs;
    edge.targetTid = target.type === "process" ? (readProcessId(event.entity_id)?.tid ?? 0) : 0;
    qualifyWait(edge, attrs);
    this.#wheel.schedule(edge, nowMs + (edge.longestGapS === 0 ? UNCONFIRMED_WAIT_LIFE_MS : silenceMsOf(edge)));
  }

  #held(event: Event, nowMs: number): void {
    const process = this.#processOf(event, nowMs);
    if (process === undefined || process.exited) return;
    const target = this.#targetOf(event, nowMs, event.value !== "end");
    if (target === undefined) return;
    const tid = threadOf(event, process.pid);
    if (event.value === "end") {
      const edge = findEdge("held_by", target, process, tid);
      if (edge !== undefined) this.#removeEdge(edge);
      return;
    }
    const edge = this.#touch("held_by", target, process, tid, event.value, event.ts, nowMs);
    if (edge === undefined) return;
    qualify(edge, event.attrs);
    this.#expectConfirmation(edge, nowMs);
  }

  #error(event: Event, nowMs: number): void {
    const what = clipped(event.value);
    const isOfProcess = event.attrs?.scope === "process";
    const head = what.split(":", 1)[0] as string;
    const shared = `error:${event.entity_id}:${event.event_type}:${head}`;
    // One process's is an error of its own.
    const own =
      isOfProcess && typeof event.pid === "number" ? `:${processId(event.pid, this.#remote(event.node))}` : "";
    const id = shared + own;
    const known = this.#errors.get(id);
    if (event.attrs?.ended === true) {
      if (known !== undefined) this.#removeError(known);
      return;
    }
    const told = errorDetails(event.attrs);
    const error = known ?? this.#newError(id, event, what, nowMs);
    if (error === undefined) return;
    if (known !== undefined) {
      known.count++;
      known.value = what;
      known.lastSeenMs = nowMs;
      known.told = told;
    }
    if (!isOfProcess) this.#blockResource(error, event, nowMs);
    const process = this.#processOf(event, nowMs);
    if (process !== undefined && !process.exited) this.#blockedBy(process, error, event, nowMs);
    this.#wheel.schedule(error, nowMs + ERROR_LIFE_MS);
  }

  #newError(id: string, event: Event, value: string, nowMs: number): ErrorNode | undefined {
    if (!this.#hasRoomForNode()) return undefined;
    const { event_type: eventType, entity_id: entityId, attrs } = event;
    const error = new ErrorNode(id, ++this.#serial, { eventType, entityId, value, nowMs, told: errorDetails(attrs) });
    this.#errors.set(id, error);
    return error;
  }

  #blockResource(error: ErrorNode, event: Event, nowMs: number): void {
    const resource = this.#resourceOf(event.entity_id);
    if (resource !== undefined) this.#blockedBy(resource, error, event, nowMs);
  }

  #blockedBy(victim: ProcessNode | ResourceNode, error: ErrorNode, event: Event, nowMs: number): void {
    const isNew = findEdge("blocked_by", victim, error, 0) === undefined;
    if (isNew && victim.errors.length >= MAX_ERRORS_PER_ENTITY) {
      if (victim.type === "process") return;
      this.#removeError(oldestError(victim));
    }
    const edge = this.#touch("blocked_by", victim, error, 0, error.value, event.ts, nowMs);
    if (edge !== undefined) qualify(edge, event.attrs);
  }

  /** Whoever the event is of, made when new. An exited process is not revived by a late fact about it. */
  #processOf(event: Event, nowMs: number): ProcessNode | undefined {
    if (event.pid === undefined || event.pid === null) return undefined;
    const process = this.process(event.pid, event.node) ?? this.#newProcess(event.pid, event.node, nowMs);
    if (process === undefined) return undefined;
    this.#joinJob(process, event);
    return process;
  }

  /** What is waited for or held: a resource, or a process where the id is a process's. */
  #targetOf(event: Event, nowMs: number, make: boolean): GraphNode | undefined {
    const parts = readProcessId(event.entity_id);
    if (parts === undefined) {
      return make ? this.#resourceOf(event.entity_id) : this.#resources.get(event.entity_id);
    }
    const node = parts.node ?? event.node;
    const process = this.process(parts.pid, node) ?? (make ? this.#newProcess(parts.pid, node, nowMs) : undefined);
    return process?.exited === true ? undefined : process;
  }

  #newProcess(pid: number, node: string | undefined, nowMs: number): ProcessNode | undefined {
    if (!this.#hasRoomForNode()) return undefined;
    const remote = this.#remote(node);
    const process = new ProcessNode(processId(pid, remote), ++this.#serial, pid, remote, nowMs);
    this.#processes.add(process);
    return process;
  }

  /** The name of a host that is not the graph's own. */
  #remote(node: string | undefined): string | undefined {
    return node === this.localNode ? undefined : node;
  }

  #resourceOf(id: string): ResourceNode | undefined {
    let resource = this.#resources.get(id);
    if (resource === undefined) {
      if (!this.#hasRoomForNode()) return undefined;
      resource = new ResourceNode(id, ++this.#serial);
      this.#resources.set(id, resource);
    }
    return resource;
  }

  #hasRoomForNode(): boolean {
    const nodes = this.#processes.size + this.#replaced + this.#resources.size + this.#errors.size;
    if (nodes < this.limits.nodes) return true;
    this.#fellShort = true;
    return false;
  }

  /** Not asked of blocked_by: errors are nodes, and each has a few such edges at most. */
  #hasRoomForEdge(): boolean {
    const { consumes, waits_on, held_by } = this.#edges;
    if (consumes + waits_on + held_by < this.limits.edges) return true;
    this.#fellShort = true;
    return false;
  }

  #joinJob(process: ProcessNode, { job_id: jobId, event_type: type }: Event): void {
    if (jobId === undefined || jobId === null) return;
    // What a scheduler said is not undone by what the process probe reads off it.
    if (process.isScheduled && type === "process.state") return;
    this.#jobs.join(process, jobId);
  }

  #exit(process: ProcessNode, event: Event, nowMs: number): void {
    process.exited = true;
    process.state = "exit";
    process.stateSinceMs = numberIn(event.attrs?.since_ms) ?? event.ts;
    process.stateEvidence = evidenceOf(event.attrs, undefined);
    process.end = endOf(event.attrs);
    this.#describe(process, event);
    this.#jobs.exit(process);
    this.#dropEdges(process);
    this.#wheel.schedule(process, nowMs + EXITED_LIFE_MS);
  }

  /** The pid belongs to another process now: the old one is gone, whether its exit was seen or not. */
  #replace(process: ProcessNode, nowMs: number): void {
    this.#processes.delete(process);
    this.#jobs.leave(process);
    this.#dropEdges(process);
    process.exited = true;
    process.state = "exit";
    this.#replaced++;
    if (!this.#wheel.isScheduled(process)) this.#wheel.schedule(process, nowMs + EXITED_LIFE_MS);
  }

  #removeProcess(process: ProcessNode): void {
    this.#wheel.cancel(process);
    this.#jobs.leave(process);
    this.#dropEdges(process);
    if (!this.#processes.delete(process)) this.#replaced--;
  }

  #removeError(error: ErrorNode): void {
    this.#wheel.cancel(error);
    for (const edge of [...error.victims]) this.#removeEdge(edge);
    this.#errors.delete(error.id);
  }

  #dropEdges(process: ProcessNode): void {
    for (const list of [process.consumes, process.waits, process.holds, process.holders, process.errors]) {
      for (const edge of [...list]) this.#removeEdge(edge);
    }
    for (const edge of [...process.waiters]) this.#removeEdge(edge);
  }

  /** The edge, made when new, and seen now; undefined where there is no room for it. */
  #touch(
    kind: EdgeKind,
    from: GraphNode,
    to: GraphNode,
    tid: number,
    detail: string,
    sinceMs: number,
    nowMs: number,
  ): Edge | undefined {
    const nowS = Math.floor(nowMs / SECOND);
    let edge = findEdge(kind, from, to, tid);
    if (edge === undefined) {
      if (kind !== "blocked_by" && !this.#hasRoomForEdge()) {
        this.#dropIfUnused(from);
        this.#dropIfUnused(to);
        return undefined;
      }
      edge = new Edge(kind, from, to, tid, clipped(detail), sinceMs, nowS);
      this.#addEdge(edge);
    } else {
      const gapS = nowS - edge.lastSeenS;
      if (gapS > edge.longestGapS) edge.longestGapS = gapS;
      edge.lastSeenS = nowS;
      if (edge.detail !== detail) {
        edge.detail = clipped(detail);
        // It spoke of another wait.
        if (kind === "waits_on") edge.evidence = undefined;
      }
    }
    return edge;
  }

  /** An edge told once stays; one that was told again and again ends when its probe falls silent. */
  #expectConfirmation(edge: Edge, nowMs: number): void {
    if (edge.longestGapS > 0) this.#wheel.schedule(edge, nowMs + silenceMsOf(edge));
  }

  #addEdge(edge: Edge): void {
    link(edge);
    this.#count(edge, 1);
  }

  #removeEdge(edge: Edge): void {
    if (!unlink(edge)) return;
    this.#wheel.cancel(edge);
    this.#count(edge, -1);
    this.#dropIfUnused(edge.from);
    this.#dropIfUnused(edge.to);
  }

  /**
   * blocked_by is counted for the resource and for each that consumes or waits on it, though only the resource's edge
   * is stored: a process's follows from it, and an error on a resource with very many users costs no more than on one.
   */
  #count(edge: Edge, by: 1 | -1): void {
    this.#edges[edge.kind] += by;
    if (edge.kind === "blocked_by" && edge.from.type === "resource") {
      this.#edges.blocked_by += by * (edge.from.users.length + edge.from.waiters.length);
    } else if ((edge.kind === "consumes" || edge.kind === "waits_on") && edge.to.type === "resource") {
      this.#edges.blocked_by += by * edge.to.errors.length;
    }
  }

  /** A pipe or lock that nobody waits for or holds is no news. What was ever measured stays: it has a heartbeat. */
  #dropIfUnused(node: GraphNode): void {
    if (node.type !== "resource" || node.metrics !== undefined || node.outgoing > 0) return;
    if (node.users.length === 0 && node.waiters.length === 0 && entityKind(node.id) !== node.id) {
      this.#resources.delete(node.id);
    }
  }
}

/** Whether the pid has passed to another process since: another start time, or a sign of life after the exit. */
function isAnother(process: ProcessNode, start: unknown): boolean {
  return startsDiffer(process, start) || process.exited;
}

function startsDiffer(process: ProcessNode, start: unknown): boolean {
  return typeof start === "number" && process.startMs !== undefined && start !== process.startMs;
}

function threadOf(event: Event, pid: number): number {
  const tid = numberIn(event.attrs?.tid);
  return tid === undefined || tid === pid || !Number.isSafeInteger(tid) ? 0 : tid;
}

/** What a transport event tells of a process's connection that stands still. */
function isTransportStall(value: string): boolean {
  return value.includes("IO_WAIT") || value.startsWith("STALL_");
}

/** `STALL_<n>ms` says how long a connection has stood still when it was told. */
function stallBegan({ ts, value }: Event): number | undefined {
  const stalledMs = value.startsWith("STALL_") ? Number(/^STALL_(\d+)ms$/.exec(value)?.[1]) : Number.NaN;
  return Number.isNaN(stalledMs) ? undefined : Math.max(0, ts - stalledMs);
}

function oldestError(resource: ResourceNode): ErrorNode {
  const errors = resource.errors.map((edge) => edge.to as ErrorNode);
  return errors.reduce((oldest, error) => (error.lastSeenMs < oldest.lastSeenMs ? error : oldest));
}

function silenceMsOf(edge: Edge): number {
  return SECOND * Math.min(Math.max(MISSED_CONFIRMATIONS * edge.longestGapS, MIN_SILENCE_S), MAX_SILENCE_S);
}
