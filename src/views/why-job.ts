/** `xctl why --job ID`: the ranks of a job, and what holds the job up. */
import { printable } from "../lib/text.ts";
import type { RankPart, Tendency, WhyJobDocument } from "../model/documents.ts";
import type { Graph } from "../model/graph.ts";
import { isGpuBusy, spins, type RankStanding } from "../model/job-ranks.ts";
import { CAUSES } from "../model/cause.ts";
import { ALL_ALIKE, type JobExplanation } from "../model/why-job.ts";
import { adviceLines, causeLines, noteLines } from "./cause-text.ts";
import { duration } from "./duration.ts";
import { flightRecordOf } from "./flight-record.ts";
import type { Lang } from "./language.ts";
import { blindSpotText, namesOf } from "./names.ts";
import { rootCause } from "./root-cause.ts";
import { sentencesOf, type Sentences } from "./sentences/index.ts";
import { ink, type Style } from "./style.ts";
import { NOTHING, table } from "./table.ts";
import { wrap } from "./width.ts";

interface Context {
  lang: Lang;
  graph: Graph;
  /** Which rank is waited for most, where somebody counted. */
  tendency?: Tendency | undefined;
}

export function whyJobDocument(jobId: string, job: JobExplanation, context: Context): WhyJobDocument {
  const { lang, graph, tendency = null } = context;
  const say = sentencesOf(lang);
  return {
    schema: "xctl.why-job/1",
    job_id: jobId,
    ranks: job.ranks.map((rank) => rowOf(rank, job, graph)),
    root_causes: job.causes.map((cause) => rootCause(cause, say)),
    tendency,
    blind_spots: job.blindSpots.map((code) => blindSpotText(code, say)),
    names: namesOf(
      job.ranks.map(({ process }) => process),
      job.causes,
      graph,
    ),
  };
}

function rowOf(rank: RankStanding, job: JobExplanation, graph: Graph): WhyJobDocument["ranks"][number] {
  const { process, explanation, waitedMs } = rank;
  const part = partOf(rank, job);
  // Asked alone, one that waits for a rank which is not in the collective looks idle.
  const isHeldUp = part === "held_up" && explanation.verdict !== "starved";
  const isWaiting = isHeldUp || (rank.standing === "waiting" && job.causes.some(({ detail }) => detail === ALL_ALIKE));
  const blockedMs = isWaiting ? (waitedMs ?? explanation.blockedMs) : explanation.blockedMs;
  return {
    rank: process.rank,
    pid: process.pid,
    node: process.node ?? graph.localNode ?? "",
    verdict: isHeldUp ? "blocked" : explanation.verdict,
    blocked_ms: blockedMs === null ? null : Math.round(blockedMs),
    standing: part,
    flight_record: flightRecordOf(process, graph),
  };
}

function partOf(rank: RankStanding, { culprits, heldUp }: JobExplanation): RankPart {
  const { process, standing } = rank;
  if (culprits.some((culprit) => culprit.process === process)) return "culprit";
  // One that has a CPU and keeps it may still be computing.
  if (heldUp.includes(process) && (standing !== "running" || spins(process) || isGpuBusy(rank))) return "held_up";
  return standing === "gone" || standing === "running" ? standing : "unclear";
}

export function whyJobText(document: WhyJobDocument, style: Style): string {
  const { ranks, root_causes: causes, tendency, blind_spots: blindSpots } = document;
  const say = sentencesOf(style.lang);
  const isWrong = causes.some(({ kind }) => CAUSES[kind].weight === "fault" || CAUSES[kind].weight === "slow");
  const color = isWrong ? "red" : causes.length === 0 ? "green" : "yellow";
  const cells = (of: (rank: (typeof ranks)[number]) => string) => ranks.map(of);
  const lines = [
    ...wrap(ink(style, titleOf(document, isWrong, say), "bold", color), style.width),
    "",
    ...table(
      [
        { header: "RANK", align: "right", whole: true, cells: cells(({ rank }) => rank?.toString() ?? NOTHING) },
        { header: "PID", align: "right", whole: true, cells: cells(({ pid }) => pid.toString()) },
        { header: "NODE", optional: true, cells: cells(({ node }) => printable(node) || NOTHING) },
        { header: "VERDICT", cells: cells(({ verdict }) => say.verdictWords[verdict]) },
        {
          header: "FOR",
          cells: cells(({ blocked_ms }) => (blocked_ms === null ? NOTHING : duration(blocked_ms, style.lang))),
        },
        {
          header: "PART",
          cells: cells(({ standing }) => (standing === "unclear" ? NOTHING : say.why.standings[standing])),
        },
      ],
      style,
    ),
  ];
  for (const cause of causes) {
    lines.push("", ...causeLines(cause, style, say), ...adviceLines(cause, style, say, "    "));
  }
  if (tendency !== null) lines.push("", ...wrap(tendencyText(tendency, style, say), style.width));
  if (blindSpots.length > 0) lines.push("", ...noteLines(say.why.notSeen, blindSpots.map(printable), style, "dim"));
  return lines.join("\n");
}

function titleOf({ job_id, ranks, root_causes }: WhyJobDocument, isWrong: boolean, say: Sentences): string {
  const job = printable(job_id);
  const culprits = ranks.filter(({ standing }) => standing === "culprit");
  const heldUp = ranks.filter(({ standing }) => standing === "held_up").length;
  const names = culprits.map(({ rank, pid }) => rank ?? pid).join(", ");
  const count = culprits.length;
  if (root_causes.length === 0) {
    return ranks.every(({ standing }) => standing === "gone") ? say.why.jobEnded(job) : say.why.jobFine(job);
  }
  if (count === 0) {
    // All wait for one that cannot be told, or that is out of sight.
    const isOpen = root_causes.every(({ kind }) => kind === "unknown" || kind.startsWith("network."));
    return isOpen ? say.why.jobAlike(job) : say.why.jobLauncher(job);
  }
  if (culprits.every(({ verdict }) => verdict === "exited")) return say.why.jobLost(job, count, names);
  if (!isWrong) return say.why.jobWaitsFor(job, count, names);
  return heldUp === 0
    ? say.why.jobStuck(job, count, ranks.length)
    : say.why.jobHeldUp(job, count, names, heldUp, ranks.length);
}

function tendencyText({ rank, pid, share, samples, longest_ms }: Tendency, style: Style, say: Sentences): string {
  return say.why.tendency(String(rank ?? pid), Math.round(share * 100), samples, duration(longest_ms, style.lang));
}
