/** `xctl why --job ID`: the ranks of a job, and what holds the job up. */
import { printable } from "../lib/text.ts";
import { CAUSES, type Weight } from "../model/cause.ts";
import type { Verdict, WhyJobDocument } from "../model/documents.ts";
import type { Graph } from "../model/graph.ts";
import type { Cause, Explanation } from "../model/why.ts";
import { adviceLines, causeLines, noteLines } from "./cause-text.ts";
import { duration } from "./duration.ts";
import type { Lang } from "./language.ts";
import { blindSpotText, namesOf } from "./names.ts";
import { rootCause } from "./root-cause.ts";
import { sentencesOf } from "./sentences/index.ts";
import { ink, type Style } from "./style.ts";
import { NOTHING, table } from "./table.ts";
import { wrap } from "./width.ts";

const STUCK: ReadonlySet<Verdict> = new Set(["blocked", "stopped", "starved"]);

export function whyJobDocument(
  jobId: string,
  members: readonly Explanation[],
  { lang, graph }: { lang: Lang; graph: Graph },
): WhyJobDocument {
  const say = sentencesOf(lang);
  const causes = distinctCauses(members);
  const ranks = members.toSorted(
    ({ process: a }, { process: b }) => (a.rank ?? Infinity) - (b.rank ?? Infinity) || a.pid - b.pid,
  );
  return {
    schema: "xctl.why-job/1",
    job_id: jobId,
    ranks: ranks.map(({ process, verdict, blockedMs }) => ({
      rank: process.rank,
      pid: process.pid,
      node: process.node ?? graph.localNode ?? "",
      verdict,
      blocked_ms: blockedMs === null ? null : Math.round(blockedMs),
    })),
    root_causes: causes.map((cause) => rootCause(cause, say)),
    blind_spots: [...new Set(members.flatMap(({ blindSpots }) => blindSpots))].map((code) => blindSpotText(code, say)),
    names: namesOf(
      members.map(({ process }) => process),
      causes,
      graph,
    ),
  };
}

export function whyJobText({ job_id, ranks, root_causes, blind_spots }: WhyJobDocument, style: Style): string {
  const say = sentencesOf(style.lang);
  const job = printable(job_id);
  const stuck = ranks.filter(({ verdict }) => STUCK.has(verdict)).length;
  const title = stuck === 0 ? say.why.jobFine(job) : say.why.jobStuck(job, stuck, ranks.length);
  const cells = (of: (rank: (typeof ranks)[number]) => string) => ranks.map(of);
  const lines = [
    ...wrap(ink(style, title, "bold", stuck === 0 ? "green" : "red"), style.width),
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
      ],
      style,
    ),
  ];
  for (const cause of root_causes) {
    lines.push("", ...causeLines(cause, style, say), ...adviceLines(cause, style, say, "    "));
  }
  if (blind_spots.length > 0) lines.push("", ...noteLines(say.why.notSeen, blind_spots.map(printable), style, "dim"));
  return lines.join("\n");
}

const ORDER: Record<Weight, number> = { fault: 0, slow: 1, harmless: 2, unknown: 3 };

/** What each stuck rank waits for in the end: faults first, then what is common to the most ranks. */
function distinctCauses(members: readonly Explanation[]): Cause[] {
  const groups = new Map<string, { cause: Cause; ranks: number }>();
  for (const { verdict, causes } of members) {
    const cause = STUCK.has(verdict) ? causes[0] : undefined;
    if (cause === undefined) continue;
    const key = `${cause.kind} ${cause.entityId}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { cause, ranks: 1 });
    else group.ranks++;
  }
  const sorted = [...groups.values()].sort((a, b) => orderOf(a.cause) - orderOf(b.cause) || b.ranks - a.ranks);
  return sorted.map(({ cause }) => cause);
}

function orderOf({ kind }: Cause): number {
  return ORDER[CAUSES[kind].weight];
}
