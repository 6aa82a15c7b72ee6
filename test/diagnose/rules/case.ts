/** A case as `xctl diag` has it, from an event log of test/fixtures/rules, folded by the real graph. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CaseFile } from "../../../src/diagnose/case.ts";
import { plainCase } from "../../../src/diagnose/plain-case.ts";
import { containerOf } from "../../../src/kernel/cgroup.ts";
import { parse, type Event } from "../../../src/model/event.ts";
import { Graph } from "../../../src/model/graph.ts";
import { explainMember } from "../../../src/model/why-member.ts";
import type { Lang } from "../../../src/views/language.ts";
import { psDocument } from "../../../src/views/ps.ts";
import { whyDocument } from "../../../src/views/why.ts";

const LOGS = join(import.meta.dirname, "..", "..", "fixtures", "rules");
const AFTER_MS = 1000;

export function logOf(name: string): Event[] {
  const lines = readFileSync(join(LOGS, `${name}.jsonl`), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => {
    const event = parse(line);
    if (typeof event === "string") throw new Error(`${name}.jsonl: ${event}: ${line}`);
    return event;
  });
}

/** Who is asked about: the process of the first event. */
export function caseOf(events: readonly Event[], lang: Lang = "en"): CaseFile {
  const nowMs = Math.max(...events.map(({ ts }) => ts)) + AFTER_MS;
  const graph = new Graph({ localNode: "node-a" });
  for (const event of events) graph.apply(event);
  graph.expire(nowMs);
  const pid = events[0]?.pid ?? 0;
  const process = graph.processOnAnyHost(pid);
  if (process === undefined) throw new Error(`nobody has the pid ${pid}`);
  const container = containerOf(process.cgroup) ?? null;
  const why = whyDocument(explainMember(graph, process, nowMs), { lang, graph, container });
  const { processes } = psDocument(graph, { all: true, nowMs });
  return plainCase({ why, processes, events, probes: [], nowMs });
}
