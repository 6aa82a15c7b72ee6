/** `xctl ps`: the processes that do something or wait for something, as a document and as a table. */
import { printable } from "../lib/text.ts";
import { CAUSES } from "../model/cause.ts";
import type { ProcessRow, PsDocument } from "../model/documents.ts";
import type { Graph } from "../model/graph.ts";
import type { Edge, ProcessNode } from "../model/nodes.ts";
import { causeWithoutHolder } from "../model/wait-kinds.ts";
import { duration } from "./duration.ts";
import { isWorthNaming } from "./names.ts";
import { sentencesOf, type Sentences } from "./sentences/index.ts";
import { ink, type Ink, type Style } from "./style.ts";
import { NOTHING, table } from "./table.ts";

export interface PsOptions {
  /** Every process, kernel threads too. */
  all?: boolean;
  /** Only this job's. */
  job?: string;
  nowMs: number;
  /** The name of this host. */
  localNode?: string;
}

/** What `ps` answers beyond its rows. */
export interface PsAnswer extends PsDocument {
  /** When it was true. */
  now_ms: number;
  /** Of the resources named in the rows those whose metrics have stopped coming. */
  stale_resources: string[];
}

const STALE_MS = 60_000;
const HALTED: ReadonlySet<string> = new Set(["stopped", "traced", "frozen"]);

export function psDocument(graph: Graph, options: PsOptions): PsAnswer {
  const { all = false, job, nowMs, localNode = graph.localNode ?? "" } = options;
  const processes: ProcessRow[] = [];
  const stale = new Set<string>();
  for (const process of job === undefined ? graph.processes() : (graph.job(job) ?? [])) {
    const isListed = job === undefined ? !process.exited && (all || isActive(process)) : isMember(process);
    if (!isListed) continue;
    processes.push(rowOf(process, localNode, nowMs));
    for (const { to } of process.consumes) {
      if (to.type === "resource" && to.metrics !== undefined && nowMs - to.metricAtMs > STALE_MS) stale.add(to.id);
    }
  }
  processes.sort(job === undefined ? byPlace : (a, b) => byRank(a, b) || byPlace(a, b));
  return { processes, now_ms: nowMs, stale_resources: [...stale] };
}

/** Of a job's dead only the ranks: they are missed. */
function isMember({ exited, jobRole }: ProcessNode): boolean {
  return !exited || jobRole === "rank";
}

function byPlace(a: ProcessRow, b: ProcessRow): number {
  return a.node < b.node ? -1 : a.node > b.node ? 1 : a.pid - b.pid;
}

/** Who started the ranks, then each rank and its helpers, then the others. */
function byRank(a: ProcessRow, b: ProcessRow): number {
  return placeInJob(a) - placeInJob(b) || roleOrder(a) - roleOrder(b);
}

function placeInJob({ rank, job_role: role }: ProcessRow): number {
  return rank ?? (role === "launcher" ? -1 : Number.MAX_SAFE_INTEGER);
}

const ROLE_ORDER: readonly (string | null)[] = ["launcher", "rank", "helper", null];

function roleOrder({ job_role: role }: ProcessRow): number {
  return ROLE_ORDER.indexOf(role);
}

function isActive(process: ProcessNode): boolean {
  if (process.kernelThread) return false;
  if (process.consumes.length > 0 || isInBatchJob(process) || process.errors.length > 0) return true;
  if (process.state !== "sleeping" && process.state !== "unknown") return true;
  return process.waits.some((wait) => !isRest(wait));
}

/** Everything on a node of Kubernetes is in some pod: that alone makes nobody worth a look. */
function isInBatchJob({ jobId, jobRole }: ProcessNode): boolean {
  return jobId !== null && (jobRole !== null || !jobId.startsWith("pod:"));
}

function rowOf(process: ProcessNode, localNode: string, nowMs: number): ProcessRow {
  const waits = process.waits.toSorted((a, b) => Number(isRest(a)) - Number(isRest(b)) || a.sinceMs - b.sinceMs);
  return {
    node: process.node ?? localNode,
    pid: process.pid,
    start_ms: process.startMs ?? null,
    comm: process.comm,
    cmdline: process.cmdline,
    job_id: process.jobId,
    rank: process.rank,
    local_rank: process.localRank,
    job_role: process.jobRole,
    state: process.state,
    resources: process.consumes.map(({ to }) => to.id),
    waits: waits.map(({ to, detail, tid, sinceMs }) => ({
      entity_id: to.id,
      kind: detail,
      tid: tid === 0 ? process.pid : tid,
      since_ms: sinceMs,
    })),
    blocked_ms: blockedMs(process, waits[0], nowMs),
  };
}

/** `longest`: its longest wait that is no rest, if it has one. */
function blockedMs(process: ProcessNode, longest: Edge | undefined, nowMs: number): number | null {
  const sinceMs = HALTED.has(process.state)
    ? process.stateSinceMs
    : !isSampledRunning(process) && longest !== undefined && !isRest(longest)
      ? longest.sinceMs
      : process.state === "blocked"
        ? process.stateSinceMs
        : undefined;
  return sinceMs === undefined ? null : Math.max(0, Math.round(nowMs - sinceMs));
}

/** A thread of it is on a CPU. Where nobody counts its threads, "running" is no more than that it was started. */
function isSampledRunning({ state, threads }: ProcessNode): boolean {
  return state === "running" && threads > 0;
}

/** A sleep, an event loop, a terminal, a server without a request: no wait that anybody minds. */
function isRest({ detail, to, told, tid }: Edge): boolean {
  if (told.serves || CAUSES[causeWithoutHolder(detail, to.id, told)].weight === "harmless") return true;
  // Nothing at all is known of it: most processes rest most of the time.
  if (detail === "kernel.unknown" && told.holder === "hidden") return true;
  // So the threads of a pool wait for work, on a condition variable that nobody holds.
  return tid !== 0 && to.type === "resource" && to.holders.length === 0 && told.holder === undefined;
}

const STATE_INK: Record<string, Ink> = {
  running: "green",
  blocked: "red",
  stopped: "red",
  traced: "red",
  frozen: "red",
  zombie: "yellow",
};

export function psText({ processes, ...answer }: PsDocument & Partial<PsAnswer>, style: Style): string {
  const say = sentencesOf(style.lang);
  const stale = new Set(answer.stale_resources);
  const severalNodes = new Set(processes.map(({ node }) => node)).size > 1;
  const cells = (of: (row: ProcessRow) => string) => processes.map(of);
  const columns = [
    { header: "PID", align: "right" as const, whole: true, cells: cells(({ pid }) => pid.toString()) },
    ...(severalNodes ? [{ header: "NODE", cells: cells(({ node }) => printable(node)) }] : []),
    { header: "JOB_ID", optional: true, cells: cells(({ job_id }) => printable(job_id ?? "") || NOTHING) },
    ...(processes.some(({ rank }) => rank !== null)
      ? [{ header: "RANK", optional: true, cells: cells(rankCell) }]
      : []),
    { header: "RESOURCES", optional: true, cells: cells(({ resources }) => resourcesCell(resources, stale, say)) },
    {
      header: "STATE",
      whole: true,
      cells: cells(({ state }) => printable(state)),
      paint: (cell: string, row: number) => {
        const color = STATE_INK[processes[row]?.state ?? ""];
        return color === undefined ? cell : ink(style, cell, color);
      },
    },
    { header: "WAITS", cells: cells(({ waits }) => waitsCell(waits, say)) },
    {
      header: "FOR",
      align: "right" as const,
      whole: true,
      cells: cells(({ waits: [first] }) =>
        first === undefined || answer.now_ms === undefined
          ? NOTHING
          : duration(answer.now_ms - first.since_ms, style.lang),
      ),
    },
    { header: "COMMAND", yields: true, cells: cells(({ cmdline, comm }) => printable(cmdline || `[${comm}]`)) },
  ];
  return table(columns, style).join("\n");
}

/** A rank is its number; who is not the rank itself says what it is. */
function rankCell({ rank, job_role }: ProcessRow): string {
  const words = [
    ...(rank === null ? [] : [String(rank)]),
    ...(job_role === null || job_role === "rank" ? [] : [job_role]),
  ];
  return words.join(" ") || NOTHING;
}

function resourcesCell(resources: readonly string[], stale: ReadonlySet<string>, say: Sentences): string {
  const named = resources.map((id) => (stale.has(id) ? say.ps.stale(printable(id)) : printable(id)));
  return named.length === 0 ? NOTHING : named.join(",");
}

/** The wait that matters most. */
function waitsCell([first, ...others]: ProcessRow["waits"], say: Sentences): string {
  if (first === undefined) return NOTHING;
  const parts = [printable(first.kind)];
  if (isWorthNaming(first.entity_id)) parts.push(printable(first.entity_id));
  if (others.length > 0) parts.push(say.ps.more(others.length));
  return parts.join(" ");
}
