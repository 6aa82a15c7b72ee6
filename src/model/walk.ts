/**
 * The walk from a process along its waits: to what each is on, from there to whoever has it, and so on, breadth first
 * and within a budget, until each branch ends: at somebody who is halted, at an error, at a computing or idle process,
 * or where nothing more is known. It weighs nothing; what it found is why.ts's to judge.
 */
import { CAUSES, type CauseKind } from "./cause.ts";
import type { Hop } from "./documents.ts";
import { threadId } from "./entity.ts";
import type { Graph } from "./graph.ts";
import type { Certainty, Edge, ErrorNode, Evidence, ProcessNode } from "./nodes.ts";
import {
  awaitsAnyone,
  isResting,
  leadsOf,
  loopBeside,
  MAX_LEADS,
  ownWaits,
  restBeside,
  THREAD_LEAD,
  waitsOf,
} from "./threads.ts";
import { causeOfError, causeWithoutHolder, isCpuKind } from "./wait-kinds.ts";

/** How much of the graph one question may look at; a longer or wider tangle is cut there, and the answer says so. */
const MAX_WALKERS = 2048;
const MAX_STEPS = 16_384;
const MAX_BRANCHES = 64;
const MAX_BELOW = 16;

/** A process, or one thread of it, that the walk came to. */
export interface Walker {
  process: ProcessNode;
  tid: number;
  parent: Walker | undefined;
  /** From the parent to here. */
  hops: Hop[];
  confidence: number;
  /** What it waits for; it goes on as soon as one of these lets it. None: it ends a branch. */
  needs: Need[];
  /** It cannot move by itself, nor by anybody it waits for: halted, or blocked by an error. */
  faulty: boolean;
  /** Of a dead one: who should collect it. */
  reaper: Walker | undefined;
  /** How many processes lie before it on the way. */
  depth: number;
  /** On the way here lies a step from a process to a thread that it may not depend on. */
  led: boolean;
}

/**
 * `lock`: nobody but who has it ends the wait. `thing`: any of several may. `rest`: no wait, but another thread of a
 * process that rests. `signal`: another thread, one of those that may be to wake this one.
 */
type NeedKind = "lock" | "thing" | "rest" | "signal";

/** One thing waited for: those who can end the wait, any one of them or all. */
export interface Need {
  kind: NeedKind;
  all: boolean;
  walkers: Walker[];
  hops: Hop[];
  /** A branch ends here in something other than a process. */
  ends: boolean;
  /** What it ends in is a fault. */
  faulty: boolean;
}

/** Where a branch ends, and in what. */
export interface Finding extends BranchEnd {
  kind: CauseKind;
  walker: Walker;
  certainty: Certainty;
  /** From the walker to the end. */
  hops: Hop[];
}

interface BranchEnd {
  hops?: Hop[];
  certainty?: Certainty;
  actor?: ProcessNode | undefined;
  /** Whom the advice is about, where it is not the process itself. */
  subject?: ProcessNode | undefined;
  entityId?: string | undefined;
  evidence?: Evidence | undefined;
  detail?: string;
  sinceMs?: number;
  /** What there is to act on, where a probe told, and what to write into it. */
  object?: string | undefined;
  setting?: string | undefined;
}

export class Walk {
  readonly walkers: Walker[] = [];
  readonly findings: Finding[] = [];
  truncated = false;
  readonly #graph: Graph;
  readonly #known = new Map<ProcessNode, Map<number, Walker>>();
  #steps = 0;

  constructor(graph: Graph) {
    this.#graph = graph;
  }

  run(process: ProcessNode): Walker {
    const start = this.#visit(process, 0, undefined, [], 1);
    // The list grows while it is walked.
    for (const walker of this.walkers) this.#expand(walker);
    return start;
  }

  #visit(process: ProcessNode, tid: number, parent: Walker | undefined, hops: Hop[], confidence: number): Walker {
    this.#steps++;
    let threads = this.#known.get(process);
    const known = threads?.get(tid);
    if (known !== undefined) return known;
    if (threads === undefined) this.#known.set(process, (threads = new Map()));
    const walker: Walker = {
      process,
      tid,
      parent,
      hops,
      confidence,
      needs: [],
      faulty: false,
      reaper: undefined,
      depth: (parent?.depth ?? -1) + 1,
      led: parent?.led === true || hops[0]?.detail === THREAD_LEAD,
    };
    threads.set(tid, walker);
    this.walkers.push(walker);
    return walker;
  }

  #expand(walker: Walker): void {
    const { process } = walker;
    if (this.walkers.length > MAX_WALKERS || this.#steps > MAX_STEPS) {
      this.truncated = true;
      return;
    }
    if (this.#endsByState(walker)) {
      walker.faulty = true;
      return;
    }
    this.#errorsOf(walker);
    const own = ownWaits(process, walker.tid);
    const leads = leadsOf(process, walker.tid, own);
    if (leads.length > 0) {
      this.#lead(walker, own, leads);
      return;
    }
    const waits = waitsOf(process, walker.tid);
    for (const wait of waits.slice(0, MAX_BRANCHES)) this.#follow(walker, wait);
    const loop = loopBeside(process, walker.tid);
    if (loop !== undefined) this.#endInLoop(walker, loop);
    if (waits.length > MAX_BRANCHES) this.#endUnseen(walker);
    if (waits.length === 0 && walker.needs.length === 0) {
      const kind = causeByState(process);
      this.#end(walker, kind, { certainty: kind === "unknown" ? "unknown" : "observed" });
    } else if (isAtWorkBeside(walker, waits)) {
      this.#endInAnotherThread(walker, waits);
    }
  }

  /** Its other threads may be what it hangs on, though nothing says so. That it rests is told as well. */
  #lead(walker: Walker, own: Edge[], leads: number[]): void {
    for (const wait of own.slice(0, MAX_BRANCHES)) {
      if (wait.to.holders.length === 0) this.#endUnheld(walker, wait, hop(wait, nameOf(walker), wait.to.id), false);
    }
    const kind = awaitsAnyone(own) ? "signal" : "rest";
    for (const tid of leads) {
      const to = threadId(walker.process.id, tid);
      const hops: Hop[] = [{ from: nameOf(walker), edge: "waits_on", to, detail: THREAD_LEAD, certainty: "inferred" }];
      const thread = this.#visit(walker.process, tid, walker, hops, walker.confidence * HOP_CONFIDENCE.inferred);
      walker.needs.push({ kind, all: false, walkers: [thread], hops, ends: false, faulty: false });
    }
    if (leads.length >= MAX_LEADS) this.truncated = true;
  }

  /**
   * It waits for somebody, but in an event loop, which anything else may wake: so it makes no deadlock, and where nobody
   * is to blame it rests; but by resting it lets nobody go on.
   */
  #endInLoop(walker: Walker, loop: Edge): void {
    const hops = [hop(loop, nameOf(walker), loop.to.id)];
    const isAsked = walker.parent === undefined;
    this.#end(walker, "process.idle", { hops: isAsked ? hops : [], certainty: "inferred", detail: loop.detail });
    walker.needs.push({ kind: "thing", all: false, walkers: [], hops, ends: true, faulty: true });
  }

  /** What lies beyond the budget may end its wait as well, unless all must act and one within it never does. */
  #endUnseen(walker: Walker, all = false): void {
    this.truncated = true;
    if (!all) walker.needs.push({ kind: "thing", all, walkers: [], hops: [], ends: true, faulty: false });
  }

  /**
   * Its main thread waits, but another is on a CPU, of which no more is known: who needs this process may get on by it.
   * Not asked where nobody counted its threads: "running" is then no more than that it has been started.
   */
  #endInAnotherThread(walker: Walker, waits: Edge[]): void {
    if (walker.parent !== undefined || waits.every(isResting)) {
      this.#end(walker, "process.busy", { certainty: "inferred" });
    }
    walker.needs.push({ kind: "thing", all: false, walkers: [], hops: [], ends: true, faulty: false });
  }

  /** Stopped, traced, frozen, dead: whatever else it waits for, it cannot go on. */
  #endsByState(walker: Walker): boolean {
    const { process } = walker;
    switch (process.state) {
      case "stopped":
        this.#end(walker, "process.stopped", { object: process.stateObject || undefined });
        return true;
      case "frozen":
        this.#end(walker, "process.frozen", { object: process.stateObject || undefined });
        return true;
      case "traced": {
        const edge = process.holders.find((holder) => holder.detail === "tracer");
        const tracer = edge?.to as ProcessNode | undefined;
        const hops = edge === undefined ? [] : [hop(edge, process.id, edge.to.id)];
        this.#end(walker, "process.traced", { actor: tracer, hops, evidence: edge?.evidence, subject: tracer });
        return true;
      }
      case "zombie":
        this.#endUnreaped(walker);
        return true;
      case "exit":
        return true;
      default:
        return false;
    }
  }

  /** A zombie goes when its tracer, or else its parent, collects it: one that is held up itself cannot. */
  #endUnreaped(walker: Walker): void {
    const { process } = walker;
    const tracing = process.holders.find((holder) => holder.detail === "tracer");
    const parent = process.ppid > 0 ? this.#graph.process(process.ppid, process.node) : undefined;
    const reaper = (tracing?.to as ProcessNode | undefined) ?? parent;
    this.#end(walker, "process.zombie", { actor: reaper, subject: reaper });
    if (reaper === undefined || reaper === process) return;
    const detail = tracing === undefined ? "parent" : "tracer";
    const toReaper: Hop = { from: process.id, edge: "held_by", to: reaper.id, detail, certainty: "observed" };
    walker.reaper = this.#visit(reaper, 0, walker, [toReaper], walker.confidence);
  }

  #errorsOf(walker: Walker): void {
    const own = walker.process.errors.filter(isFault);
    for (const edge of own) this.#endInError(walker, [hop(edge, nameOf(walker), edge.to.id)], edge);
    for (const use of walker.process.consumes.slice(0, MAX_BRANCHES)) {
      for (const edge of this.#graph.errorsOn(use.to).filter(isFault)) {
        if (own.some(({ to }) => to === edge.to)) continue;
        this.#endInError(walker, [hop(use, nameOf(walker), use.to.id), hop(edge, use.to.id, edge.to.id)], edge);
      }
    }
  }

  #follow(walker: Walker, wait: Edge): void {
    const { to } = wait;
    const name = nameOf(walker);
    const waitHop = hop(wait, name, to.type === "process" ? nameOf({ process: to, tid: wait.targetTid }) : to.id);
    if (to.type === "process") {
      const branch = { process: to, tid: wait.targetTid, hops: [waitHop], certainty: wait.certainty };
      this.#need(walker, wait, [branch], false);
      return;
    }
    const errors = this.#errorsUnder(wait);
    for (const edge of errors) this.#endInError(walker, [waitHop, hop(edge, to.id, edge.to.id)], edge);
    const holders = this.#holdersOf(walker, wait);
    if (holders === "itself") {
      this.#end(walker, "process.idle", { hops: [waitHop], certainty: "inferred", detail: wait.detail });
      walker.needs.push({ kind: "thing", all: false, walkers: [], hops: [waitHop], ends: true, faulty: false });
    } else if (holders.length > 0) {
      const all = ONLY_HOLDERS.has(holders[0]?.detail ?? "");
      if (holders.length > MAX_BRANCHES) this.#endUnseen(walker, all);
      const branches = holders.slice(0, MAX_BRANCHES).map((edge) => ({
        process: edge.to as ProcessNode,
        tid: edge.tid,
        hops: [waitHop, hop(edge, to.id, nameOf({ process: edge.to as ProcessNode, tid: edge.tid }))],
        certainty: weakest(wait.certainty, edge.certainty),
      }));
      this.#need(walker, wait, branches, all);
    } else if (errors.length === 0) {
      this.#endUnheld(walker, wait, waitHop);
    } else {
      if (!errors.some(isFault)) this.#endUnheld(walker, wait, waitHop, false);
      walker.needs.push({ kind: "thing", all: false, walkers: [], hops: [waitHop], ends: true, faulty: true });
    }
  }

  /** What is wrong with the thing that is waited for, or with what the wait goes over: here a warning counts as well. */
  #errorsUnder({ to, told }: Edge): readonly Edge[] {
    const own = this.#graph.errorsOn(to);
    if (told.over === "") return own;
    const below = told.over.split(",", MAX_BELOW).flatMap((id) => this.#graph.resource(id)?.errors ?? []);
    return [...own, ...below];
  }

  /**
   * Who can end the wait: not who shares the waiter's own end of a connection. A process that has the other end of its
   * own pipe open as well does not wait for itself as long as another can act; if it alone can, it is stuck, unless it
   * has more threads: then another one will.
   */
  #holdersOf(walker: Walker, wait: Edge): Edge[] | "itself" {
    const { process, tid } = walker;
    const others: Edge[] = [];
    let own: Edge | undefined;
    for (const edge of wait.to.holders) {
      if (edge.end !== undefined && edge.end === wait.end) continue;
      if (edge.to === process && (edge.tid === 0 || edge.tid === tid)) own ??= edge;
      else if (others.push(edge) > MAX_BRANCHES) break;
    }
    if (others.length > 0 || own === undefined) return others;
    return process.threads > 1 && own.detail !== "owner" ? "itself" : [own];
  }

  #need(walker: Walker, wait: Edge, branches: Branch[], all: boolean): void {
    const share = all || branches.length === 1 ? 1 : ONE_OF_SEVERAL;
    const walkers = branches.map((branch) =>
      this.#visit(
        branch.process,
        branch.tid,
        walker,
        branch.hops,
        walker.confidence * share * HOP_CONFIDENCE[branch.certainty],
      ),
    );
    walker.needs.push({
      kind: all ? "lock" : "thing",
      all,
      walkers,
      hops: branches[0]?.hops ?? [hop(wait, nameOf(walker), wait.to.id)],
      ends: false,
      faulty: false,
    });
  }

  /** `decides`: its wait ends by this and nothing else. */
  #endUnheld(walker: Walker, wait: Edge, waitHop: Hop, decides = true): void {
    const told = causeWithoutHolder(wait.detail, wait.to.id, wait.told);
    // Whoever has a lock meanwhile is not at rest.
    const hasLock = walker.hops.at(-1)?.detail === "owner";
    const mayRest = awaitsAnyone([wait]) && wait.told.holder === undefined && !hasLock;
    const kind = mayRest ? restBeside(walker.process, walker.tid) : told;
    const certainty =
      kind === "unknown" ? "unknown" : kind !== told ? "inferred" : UNSEEN_PEER.has(kind) ? "derived" : wait.certainty;
    const rests = kind === "process.sleeping" || kind === "process.idle";
    const isDoing = rests || kind === "process.busy";
    const other = wait.told.actor === undefined ? undefined : this.#graph.process(wait.told.actor, walker.process.node);
    const actor = other ?? (isDoing || HELD_BACK.has(kind) ? walker.process : undefined);
    const entityId = isDoing || kind === "unknown" ? undefined : wait.to.id;
    const own = rests || kind === "input.terminal";
    const hops = own && walker.parent !== undefined ? [] : [waitHop];
    this.#end(walker, kind, {
      hops,
      certainty,
      actor,
      subject: other,
      entityId,
      evidence: wait.evidence,
      detail: wait.detail,
      object: wait.told.object,
      setting: wait.told.setting,
    });
    if (!decides) return;
    walker.needs.push({ kind: "thing", all: false, walkers: [], hops: [waitHop], ends: true, faulty: isTrouble(kind) });
  }

  #endInError(walker: Walker, hops: Hop[], edge: Edge): void {
    const error = edge.to as ErrorNode;
    if (isFault(edge)) walker.faulty = true;
    const kind = causeOfError(error.eventType, error.entityId, error.told.cause);
    const evidence = edge.evidence ?? { source: error.eventType, observed: `${error.entityId}: ${error.value}` };
    this.#end(walker, kind, {
      hops,
      certainty: weakest("derived", edge.certainty),
      actor: undefined,
      entityId: error.entityId,
      evidence,
      detail: error.value,
      sinceMs: edge.sinceMs,
      object: error.told.object,
      setting: error.told.setting,
    });
    if (walker.needs.length === 0 && waitsOf(walker.process, walker.tid).length === 0) {
      walker.needs.push({ kind: "thing", all: false, walkers: [], hops, ends: true, faulty: false });
    }
  }

  #end(walker: Walker, kind: CauseKind, end: BranchEnd): void {
    this.#steps++;
    this.findings.push({ kind, walker, certainty: "observed", hops: [], ...end });
  }
}

interface Branch {
  process: ProcessNode;
  tid: number;
  hops: Hop[];
  certainty: Certainty;
}

/** What a step of this certainty leaves of the confidence. */
const HOP_CONFIDENCE: Record<Certainty, number> = { observed: 1, derived: 0.95, inferred: 0.8, unknown: 0.5 };
/** Any of several can end the wait: each is less likely the one that matters. */
const ONE_OF_SEVERAL = 0.85;

/** Roles of those without whom the wait does not end. */
const ONLY_HOLDERS: ReadonlySet<string> = new Set(["owner", "thread"]);

/** What it waits for is let to it, not done for it: it is the one that acts then. */
const HELD_BACK: ReadonlySet<CauseKind> = new Set(["cpu.throttled", "memory.oom", "memory.reclaim"]);

/** Causes that lie with somebody out of sight: what this end shows is derived, not observed. */
const UNSEEN_PEER: ReadonlySet<CauseKind> = new Set([
  "network.peer_silent",
  "network.peer_not_reading",
  "network.unreachable",
  "network.loss",
]);

/** Its main thread waits, and not for a CPU: so it is another one that runs. Threads that nobody counted say nothing. */
function isAtWorkBeside({ process, tid }: Walker, waits: readonly Edge[]): boolean {
  const runs = process.state === "running" && process.threads > 0 && !waits.some(isOnItself);
  return runs && tid === 0 && waits.length > 0 && !waits.some((wait) => isCpuKind(wait.detail));
}

/** For a mutex that the very thread has: no other one can let it go. */
function isOnItself({ to, from, tid, detail }: Edge): boolean {
  return (
    detail === "futex" && to.holders.some((held) => held.detail === "owner" && held.to === from && held.tid === tid)
  );
}

/** Of one that is told to wait for nothing. A kernel thread's interruptible sleep is its rest between two tasks. */
function causeByState({ state, kernelThread }: ProcessNode): CauseKind {
  if (state === "running") return "process.busy";
  return kernelThread && state === "sleeping" ? "process.idle" : "unknown";
}

function isFault({ to }: Edge): boolean {
  return to.type === "error" && to.told.severity === "fault";
}

export function isTrouble(kind: CauseKind): boolean {
  const { weight } = CAUSES[kind];
  return weight === "fault" || weight === "slow";
}

export function nameOf({ process, tid }: Pick<Walker, "process" | "tid">): string {
  return tid === 0 ? process.id : threadId(process.id, tid);
}

function hop(edge: Edge, from: string, to: string): Hop {
  const start = edge.kind === "waits_on" && edge.tid !== 0 ? threadId(edge.from.id, edge.tid) : from;
  const told = edge.to.type === "error" ? edge.to.told.label : edge.told.label;
  const label = told === undefined ? {} : { label: told };
  return { from: start, edge: edge.kind, to, detail: edge.detail, certainty: edge.certainty, ...label };
}

export function weakest(a: Certainty, b: Certainty): Certainty {
  return HOP_CONFIDENCE[a] <= HOP_CONFIDENCE[b] ? a : b;
}
