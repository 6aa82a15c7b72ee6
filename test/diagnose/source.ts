/** What the daemon would answer of hand-written events. */
import type { CaseSource } from "../../src/diagnose/case.ts";
import type { Event } from "../../src/model/event.ts";
import { explain } from "../../src/model/why.ts";
import { psDocument } from "../../src/views/ps.ts";
import { whyDocument } from "../../src/views/why.ts";
import { graphOf, held, NOW_MS, process, wait } from "../views/cases.ts";

export function sourceOf(events: readonly Event[], pid: number): CaseSource {
  const graph = graphOf(events);
  const asked = graph.process(pid);
  if (asked === undefined) throw new Error(`no process ${pid} in the events`);
  return {
    why: whyDocument(explain(graph, asked, NOW_MS), { graph, lang: "en", container: null }),
    processes: psDocument(graph, { all: true, nowMs: NOW_MS }).processes,
    events: [...events],
    probes: [
      { name: "process", state: "running", pid: null, restarts: 0, events: 10, rejected: 0, last_error: null },
      { name: "nvml", state: "failed", pid: null, restarts: 3, events: 0, rejected: 0, last_error: "no driver" },
    ],
    nowMs: NOW_MS,
  };
}

/** What somebody else may write into a case, each in its place. */
export interface Words {
  comm?: string;
  cmdline?: string;
  label?: string;
  observed?: string;
  value?: string;
  attr?: string;
  lastError?: string;
  job?: string;
}

/** 10 waits for a lock of 11, which is stopped; 9 is the parent of 10; the disk below failed; 99 has no part in it. */
export function stalled(words: Words = {}): CaseSource {
  const { comm = "reader", cmdline = "reader /data/in", label = "/data/lock", observed = "flock(3, …)", job } = words;
  const events: Event[] = [
    process(9, "sleeping", "sh", { cmdline: "sh run.sh" }),
    { ...process(10, "sleeping", comm, { cmdline, ppid: 9 }), ...(job === undefined ? {} : { job_id: job }) },
    wait(10, "flock", "lock:08:01:42", 12_400, { observed, label }),
    held("lock:08:01:42", 11, "owner", "FLOCK ADVISORY WRITE 11 08:01:42 0 EOF", "/proc/locks"),
    process(11, "stopped", "holder", { cmdline: "holder --all" }),
    process(99, "sleeping", "stranger", { cmdline: "stranger" }),
    { ts: NOW_MS - 9000, event_type: "error.net", entity_id: "eth7", value: "carrier lost", pid: 99, node: "node-a" },
    { ts: NOW_MS - 8000, event_type: "action.exec", entity_id: "pid-11", value: "zap", pid: 11, node: "node-a" },
    {
      ts: NOW_MS - 7000,
      event_type: "error.hw",
      entity_id: "lock:08:01:42",
      value: words.value ?? "I/O error",
      pid: 10,
      node: "node-a",
      attrs: { log: words.attr ?? "end_request: I/O error", sector: 7 },
    },
  ];
  const source = sourceOf(events, 10);
  const [first] = source.probes;
  const failed = { ...first, last_error: words.lastError ?? "cannot read" } as CaseSource["probes"][number];
  return { ...source, probes: [failed, ...source.probes.slice(1)] };
}
