/** `xctl why`: everything that is stuck, by its root cause. */
import { printable } from "../lib/text.ts";
import type { Victim, WhyAllDocument } from "../model/documents.ts";
import type { Graph } from "../model/graph.ts";
import { unseen, type StuckGroup } from "../model/why-all.ts";
import { adviceLines, causeLines, noteLines } from "./cause-text.ts";
import { duration } from "./duration.ts";
import type { Lang } from "./language.ts";
import { blindSpotText, namesOf } from "./names.ts";
import { rootCause } from "./root-cause.ts";
import { sentencesOf, type Sentences } from "./sentences/index.ts";
import { ink, signs, type Style } from "./style.ts";
import { wrap } from "./width.ts";

/** So many victims of one cause are listed; the document holds them all. */
const MAX_LISTED = 6;
const MARGIN = "    ";

export function whyAllDocument(
  groups: readonly StuckGroup[],
  { lang, graph }: { lang: Lang; graph: Graph },
): WhyAllDocument {
  const say = sentencesOf(lang);
  return {
    schema: "xctl.why-all/1",
    groups: groups.map(({ cause, victims }) => ({
      root_cause: rootCause(cause, say),
      victims: victims.map(({ process, blockedMs }): Victim => {
        const blocked_ms = blockedMs === null ? null : Math.round(blockedMs);
        return { pid: process.pid, comm: process.comm, job_id: process.jobId, blocked_ms };
      }),
    })),
    blind_spots: unseen(graph).map((code) => blindSpotText(code, say)),
    names: namesOf(
      groups.flatMap(({ victims }) => victims.map(({ process }) => process)),
      groups.map(({ cause }) => cause),
      graph,
    ),
  };
}

/** `all`: the harmless waits were asked for too, so not everybody here is stuck. */
export function whyAllText({ groups, blind_spots }: WhyAllDocument, style: Style, all = false): string {
  const say = sentencesOf(style.lang);
  const unseenLines =
    blind_spots.length === 0 ? [] : ["", ...noteLines(say.why.notSeen, blind_spots.map(printable), style, "dim")];
  if (groups.length === 0) return [ink(style, say.why.nothingStuck, "green"), ...unseenLines].join("\n");
  const victims = groups.reduce((sum, group) => sum + group.victims.length, 0);
  const lines = wrap(
    ink(style, (all ? say.why.summaryOfAll : say.why.summary)(groups.length, victims), "bold"),
    style.width,
  );
  for (const { root_cause, victims: stuck } of groups) {
    lines.push(
      "",
      ...causeLines(root_cause, style, say),
      ...victimLines(stuck, style, say),
      ...adviceLines(root_cause, style, say, MARGIN),
    );
  }
  return [...lines, ...unseenLines].join("\n");
}

function victimLines(victims: readonly Victim[], style: Style, say: Sentences): string[] {
  const listed = victims.slice(0, MAX_LISTED).map(({ pid, comm, blocked_ms }) => {
    const name = say.names.process(printable(comm), pid);
    return blocked_ms === null ? name : `${name} ${duration(blocked_ms, style.lang)}`;
  });
  const left = victims.length - listed.length;
  if (left > 0) listed.push(`${signs(style).more} ${say.why.andMore(left)}`);
  const title = `${MARGIN}${ink(style, say.why.stuck, "bold")}`;
  return [title, ...listed.flatMap((line) => wrap(line, style.width, `${MARGIN}  `, `${MARGIN}    `))];
}
