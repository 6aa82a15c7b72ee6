/** `xctl why PID`: an explanation as a document, and the document as text. */
import { printable } from "../lib/text.ts";
import { processId } from "../model/entity.ts";
import type { RootCause, Verdict, WhyDocument } from "../model/documents.ts";
import type { Graph } from "../model/graph.ts";
import type { Explanation } from "../model/why.ts";
import { adviceLines, causeBrief, causeLines, noteLines } from "./cause-text.ts";
import { chainLines } from "./chain.ts";
import { endedText } from "./ended.ts";
import { duration } from "./duration.ts";
import { flightRecordOf } from "./flight-record.ts";
import type { Lang } from "./language.ts";
import { blindSpotText, nameOfId, namesOf } from "./names.ts";
import { rootCause } from "./root-cause.ts";
import { sentencesOf, type Sentences } from "./sentences/index.ts";
import { ink, type Ink, type Style } from "./style.ts";
import { wrap } from "./width.ts";

export interface WhyContext {
  lang: Lang;
  graph: Graph;
  /** The container that the process runs in, as a person knows it. */
  container: string | null;
}

export function whyDocument(explanation: Explanation, { lang, graph, container }: WhyContext): WhyDocument {
  const { process, chain, causes, verdict, blockedMs, blindSpots } = explanation;
  const say = sentencesOf(lang);
  return {
    schema: "xctl.why/1",
    process: {
      node: process.node ?? graph.localNode ?? "",
      pid: process.pid,
      start_ms: process.startMs ?? null,
      comm: process.comm,
      cmdline: process.cmdline,
      state: process.state,
      job_id: process.jobId,
      rank: process.rank,
      job_role: process.jobRole,
      flight_record: flightRecordOf(process, graph),
      container,
      ended: endedText(process, say),
    },
    verdict,
    blocked_ms: blockedMs === null ? null : Math.round(blockedMs),
    chain,
    root_causes: causes.map((cause) => rootCause(cause, say)),
    blind_spots: blindSpots.map((code) => blindSpotText(code, say)),
    names: namesOf([process], causes, graph),
  };
}

const VERDICT_INK: Record<Verdict, Ink> = {
  blocked: "red",
  stopped: "red",
  starved: "red",
  running: "green",
  idle: "green",
  exited: "dim",
  unknown: "yellow",
};

export function whyText(document: WhyDocument, style: Style): string {
  const say = sentencesOf(style.lang);
  const [best, ...others] = document.root_causes;
  const lines = wrap(verdictLine(document, style, say), style.width);
  if (isFine(document.verdict, best)) {
    if (best !== undefined) lines.push(...wrap(printable(best.summary), style.width, "  "));
    lines.push(...blindSpotLines(document, style, say));
    return lines.join("\n");
  }
  if (document.chain.length > 0) lines.push("", ...chainLines(document.chain, document.names, style, say));
  if (best !== undefined) {
    lines.push("", ...causeLines(best, style, say));
    if (best.advice.length > 0) lines.push("", ...adviceLines(best, style, say));
  }
  if (others.length > 0) {
    const notes = others.map((cause) => causeBrief(cause, say));
    lines.push("", ...noteLines(say.why.alsoPossible, notes, style));
  }
  const unseen = blindSpotLines(document, style, say);
  if (unseen.length > 0) lines.push("", ...unseen);
  return lines.join("\n");
}

/** Who it is about, and how it fares. */
export function verdictLine(
  { process, verdict, blocked_ms, names }: WhyDocument,
  style: Style,
  say: Sentences,
): string {
  const { pid, node, comm } = process;
  const remote = processId(pid, node);
  const id = Object.hasOwn(names, remote) ? remote : processId(pid);
  const who = nameOfId(id, { [id]: comm }, say);
  const time = blocked_ms === null ? null : duration(blocked_ms, style.lang);
  return ink(style, verdictText(verdict, who, time, process.ended, say), "bold", VERDICT_INK[verdict]);
}

/** `ended`: how it did, where that is known. */
export function verdictText(
  verdict: Verdict,
  who: string,
  time: string | null,
  ended: string | null,
  say: Sentences,
): string {
  return verdict === "exited" && ended !== null ? say.endedSo(who, printable(ended)) : say.verdicts[verdict](who, time);
}

/** Nothing to follow up: the process does what it should, or is gone. */
function isFine(verdict: Verdict, best: RootCause | undefined): boolean {
  if (verdict === "exited") return best === undefined;
  return verdict === "idle" || verdict === "running";
}

function blindSpotLines({ blind_spots }: WhyDocument, style: Style, say: Sentences): string[] {
  return blind_spots.length === 0 ? [] : noteLines(say.why.notSeen, blind_spots.map(printable), style, "dim");
}
