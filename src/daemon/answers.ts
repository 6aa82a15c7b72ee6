/** The API's methods: each an answer from the graph, after a closer look where the question needs one. */
import { XctlError } from "../lib/errors.ts";
import type { FlightRecord } from "../model/flight.ts";
import type { StatusDocument, WhyAllDocument, WhyDocument, WhyJobDocument } from "../model/documents.ts";
import type { Graph, ProcessNode } from "../model/graph.ts";
import type { Stragglers } from "../model/stragglers.ts";
import { explainAll } from "../model/why-all.ts";
import { explainJob } from "../model/why-job.ts";
import { explainMember } from "../model/why-member.ts";
import type { ProbeHost } from "../probes/host.ts";
import type { MethodName, Params, Results, StatusResult } from "../protocol/methods.ts";
import type { RecentEvents } from "../protocol/recent-events.ts";
import type { Lang } from "../views/language.ts";
import { psDocument } from "../views/ps.ts";
import { whyAllDocument } from "../views/why-all.ts";
import { whyJobDocument } from "../views/why-job.ts";
import { whyDocument } from "../views/why.ts";
import type { Bus } from "./bus.ts";
import type { Emitted } from "./emitted.ts";
import { firstSample } from "./first-sample.ts";
import { follow, type Inspect } from "./question.ts";
import type { Recorder } from "./recorder.ts";

export type Answers = { [M in MethodName]: (params: Params<M>) => Results[M] | Promise<Results[M]> };

export interface AnswerSources {
  version: string;
  node: string;
  graph: Graph;
  host: ProbeHost;
  bus: Bus;
  emitted: Emitted;
  recent: RecentEvents;
  recorder: Recorder | undefined;
  stragglers: Stragglers;
  /** The container that a process runs in, as a person knows it. */
  containerOf(process: ProcessNode): string | null;
}

/** "No such process" is said only after a look that was not cut short: the first sample of a large machine takes long. */
const FIRST_SIGHT_MS = 5_000;

export function makeAnswers(sources: AnswerSources): Answers {
  const { version, node, graph, host, bus, emitted, recent } = sources;
  return {
    ping: () => ({ version, node }),
    ps: async (params) => {
      await firstSample(host);
      return psDocument(graph, { ...params, nowMs: Date.now() });
    },
    why: (params) => why(sources, params),
    events: ({ type, pid, limit }) => ({ events: recent.select({ type, pid }, limit) }),
    emit: async ({ events: candidates, rejected = {} }) => {
      const { events, result } = emitted.sift(candidates, rejected);
      await bus.take(events);
      return result;
    },
    status: () => status(sources),
  };
}

function why(
  sources: AnswerSources,
  { pid, node, job, flight, all, lang = "en" }: Params<"why">,
): Promise<Results["why"]> {
  if (pid !== undefined) return whyProcess(sources, { pid, node, flight, lang });
  return job === undefined ? whyAll(sources, all === true, lang) : whyJob(sources, job, flight, lang);
}

async function whyProcess(
  sources: AnswerSources,
  { pid, node, flight, lang }: { pid: number } & Pick<Params<"why">, "node" | "flight"> & { lang: Lang },
): Promise<WhyDocument> {
  const { graph, containerOf } = sources;
  const isLocal = node === undefined || node === graph.localNode;
  const inspect = inspectorOf(sources);
  const ask = () =>
    follow(inspect, isLocal ? [pid] : [], () => {
      const process = node === undefined ? graph.processOnAnyHost(pid) : graph.process(pid, node);
      if (process === undefined) return { answer: undefined, openEnds: [] };
      const answer = explainMember(graph, process, Date.now(), { flight });
      return { answer, openEnds: answer.openEnds };
    });
  let explanation = await ask();
  if (explanation === undefined && isLocal) {
    await inspect([pid], FIRST_SIGHT_MS);
    explanation = await ask();
  }
  if (explanation === undefined) {
    throw new XctlError("no_such_process", `no process ${pid}`, "xctl ps --all lists every process");
  }
  return whyDocument(explanation, { lang, graph, container: containerOf(explanation.process) });
}

async function whyAll(sources: AnswerSources, all: boolean, lang: Lang): Promise<WhyAllDocument> {
  const { graph, host } = sources;
  await firstSample(host);
  const groups = await follow(inspectorOf(sources), [], () => {
    const answer = explainAll(graph, Date.now(), { all });
    const openEnds = answer.flatMap(({ victims }) => victims.flatMap((victim) => victim.openEnds));
    return { answer, openEnds };
  });
  return whyAllDocument(groups, { lang, graph });
}

async function whyJob(
  sources: AnswerSources,
  job: string,
  flight: readonly FlightRecord[] | undefined,
  lang: Lang,
): Promise<WhyJobDocument> {
  const { graph, host, stragglers } = sources;
  await firstSample(host);
  const members = (): ProcessNode[] => [...(graph.job(job) ?? [])];
  const explanation = await follow(inspectorOf(sources), [], () => {
    const answer = explainJob(graph, members(), Date.now(), flight);
    return { answer, openEnds: answer.openEnds };
  });
  if (explanation.ranks.length === 0) {
    throw new XctlError("failed", `no job ${job}`, "xctl ps shows the jobs there are");
  }
  return whyJobDocument(job, explanation, { lang, graph, tendency: stragglers.of(job) });
}

function inspectorOf({ host, bus }: AnswerSources): Inspect {
  return async (pids, timeoutMs) => {
    const events = await host.inspect(pids, timeoutMs);
    if (events.length > 0) await bus.take(events);
  };
}

export function status(sources: AnswerSources): StatusResult {
  const { version, node, graph, host, emitted, recorder } = sources;
  const emitRow = emitted.status();
  const { events, rejections } = eventCounts(sources);
  return {
    version,
    node,
    uptime_ms: Math.round(process.uptime() * 1000),
    rss_bytes: process.memoryUsage.rss(),
    events,
    rejections,
    graph: graph.counts(),
    sampler: host.sampler() ?? null,
    ebpf_lost: host.lost(),
    probes: emitRow === undefined ? host.status() : [...host.status(), emitRow],
    recording: recorder === undefined ? null : { ...recorder.status },
  };
}

/** What came in, and what became of it: every event received was applied, rejected or dropped. */
export function eventCounts({ graph, host, bus, emitted }: AnswerSources): {
  events: StatusDocument["events"];
  rejections: Record<string, number>;
} {
  const rejections = { ...host.rejections };
  for (const [reason, count] of Object.entries(emitted.rejections)) {
    rejections[reason] = (rejections[reason] ?? 0) + count;
  }
  const rejected = Object.values(rejections).reduce((sum, count) => sum + count, 0);
  return {
    events: { received: bus.taken + rejected, applied: graph.applied, rejected, dropped: graph.dropped },
    rejections,
  };
}
