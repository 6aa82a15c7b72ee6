/** Every stuck process of the machine, grouped by what it is stuck on. Pure, like the single question. */
import type { Graph } from "./graph.ts";
import type { ProcessNode } from "./nodes.ts";
import type { JobExplanation } from "./why-job.ts";
import { explainMember } from "./why-member.ts";
import { isAlarming, type Cause, type Explanation } from "./why.ts";

export interface StuckGroup {
  cause: Cause;
  /** Whoever waits on it, the longest first; the culprit itself only where it is stuck as well. */
  victims: Explanation[];
}

/** On a machine that is watched, shorter waits are how a healthy one works. */
const SHORTEST_STALL_MS = 1000;

/** Processes that may be stuck: they wait for something, are halted, or something is wrong with what they use. */
function candidates(graph: Graph): ProcessNode[] {
  const found: ProcessNode[] = [];
  for (const process of graph.processes()) {
    if (process.exited || process.kernelThread) continue;
    const halted = HALTED.has(process.state);
    if (
      halted ||
      process.waits.length > 0 ||
      process.errors.length > 0 ||
      process.consumes.some(({ to }) => graph.errorsOn(to).length > 0)
    ) {
      found.push(process);
    }
  }
  return found;
}

export interface AllOptions {
  /** The waits that are nobody's fault as well. */
  all?: boolean;
  /** How long a wait must have lasted; a second, where not given. */
  shortestMs?: number;
}

/** The groups, worst first. */
export function explainAll(graph: Graph, nowMs: number, options: AllOptions = {}): StuckGroup[] {
  const { all = false, shortestMs = SHORTEST_STALL_MS } = options;
  const groups = new Map<string, StuckGroup>();
  const jobs = new Map<string, JobExplanation>();
  for (const process of candidates(graph)) {
    const explanation = explainMember(graph, process, nowMs, { jobs });
    const cause = explanation.causes[0];
    if (cause === undefined) continue;
    const isLong = (explanation.blockedMs ?? shortestMs) >= shortestMs;
    if (!all && !(isLong && isAlarming(explanation))) continue;
    const key = `${cause.kind} ${cause.entityId}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { cause, victims: [explanation] });
    else {
      group.victims.push(explanation);
      if (cause.chain.length < group.cause.chain.length) group.cause = cause;
    }
  }
  const sorted = [...groups.values()];
  for (const group of sorted) group.victims.sort((a, b) => (b.blockedMs ?? 0) - (a.blockedMs ?? 0));
  return sorted.sort((a, b) => b.victims.length - a.victims.length || b.cause.confidence - a.cause.confidence);
}

/**
 * Codes of what could not be seen of the machine's processes, where that may hide who is stuck: waits that nobody could
 * be named for, and processes that do not show at all.
 */
export function unseen(graph: Graph): string[] {
  const codes = new Set<string>();
  for (const process of graph.processes()) {
    if (process.exited || process.kernelThread) continue;
    if (process.blind.includes(NO_PROCESSES)) codes.add(NO_PROCESSES);
    for (const { told } of process.waits) {
      if (told.holder === "hidden") for (const code of told.blind.split(",")) if (code !== "") codes.add(code);
    }
  }
  return [...codes];
}

/** Told of the prober's own process: others' are kept from it. */
const NO_PROCESSES = "processes";

const HALTED: ReadonlySet<string> = new Set(["stopped", "traced", "frozen", "zombie"]);
