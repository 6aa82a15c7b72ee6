/** `xctl status`: the daemon's own health as text. */
import { printable } from "../lib/text.ts";
import type { ProbeStatus, StatusDocument } from "../model/documents.ts";
import { duration } from "./duration.ts";
import { sentencesOf, type Sentences } from "./sentences/index.ts";
import { ink, type Ink, type Style } from "./style.ts";
import { NOTHING, table } from "./table.ts";
import { displayWidth, wrap } from "./width.ts";

const MEGABYTE = 1024 * 1024;

/** What a daemon started with --record adds. */
interface Recording {
  recording?: { file: string; written: number; dropped: number; error: string | null } | null;
}

export function statusText(document: StatusDocument & Recording, style: Style): string {
  const say = sentencesOf(style.lang);
  const facts = factsOf(document, style, say);
  const column = Math.max(...facts.map(([name]) => displayWidth(name))) + 2;
  const lines = wrap(
    ink(style, say.status.daemon(printable(document.version), printable(document.node)), "bold"),
    style.width,
  );
  for (const [name, fact] of facts) {
    const label = name + " ".repeat(column - displayWidth(name));
    lines.push(...wrap(fact, style.width, label, " ".repeat(column)));
  }
  lines.push("", ...(document.probes.length === 0 ? [say.status.noProbes] : probeLines(document.probes, style, say)));
  return lines.join("\n");
}

function factsOf(document: StatusDocument & Recording, style: Style, say: Sentences): [name: string, fact: string][] {
  const { events, rejections, graph, sampler, ebpf_lost: lost, recording } = document;
  const facts: [string, string][] = [
    [say.status.uptime, duration(document.uptime_ms, style.lang)],
    [say.status.memory, `${(document.rss_bytes / MEGABYTE).toFixed(1)} MiB`],
    [say.status.events, say.status.received(events.received, events.applied, events.rejected, events.dropped)],
  ];
  if (Object.keys(rejections).length > 0) facts.push([say.status.rejected, counted(rejections)]);
  facts.push([say.status.graph, say.status.nodes(graph.processes, graph.resources, graph.errors)]);
  facts.push([say.status.edges, counted(graph.edges)]);
  if (sampler !== null) {
    const { backend, reason, tasks, last_ms, interval_ms } = sampler;
    const named = reason === null ? printable(backend) : `${printable(backend)} (${printable(reason)})`;
    facts.push([say.status.sampler, say.status.samples(named, tasks, last_ms.toFixed(1), interval_ms)]);
  }
  if (Object.keys(lost).length > 0) facts.push([say.status.lost, counted(lost)]);
  if (recording !== undefined && recording !== null) {
    const { file, written, dropped, error } = recording;
    const text = say.status.recorded(printable(file), written, dropped);
    facts.push([say.status.recording, error === null ? text : `${text}; ${ink(style, printable(error), "red")}`]);
  }
  return facts;
}

function counted(counts: Record<string, number>): string {
  return Object.entries(counts)
    .map(([name, count]) => `${printable(name)} ${count}`)
    .join(", ");
}

const STATE_INK: Record<ProbeStatus["state"], Ink> = {
  starting: "yellow",
  running: "green",
  waiting: "yellow",
  failed: "red",
  stopped: "dim",
};

function probeLines(probes: readonly ProbeStatus[], style: Style, say: Sentences): string[] {
  const cells = (of: (probe: ProbeStatus) => string) => probes.map(of);
  const columns = [
    { header: "PROBE", cells: cells(({ name }) => printable(name)) },
    {
      header: "STATE",
      cells: cells(({ state }) => say.status.probe[state]),
      paint: (cell: string, row: number) => ink(style, cell, STATE_INK[probes[row]?.state ?? "stopped"]),
    },
    { header: "PID", align: "right" as const, optional: true, cells: cells(({ pid }) => pid?.toString() ?? NOTHING) },
    { header: "EVENTS", align: "right" as const, optional: true, cells: cells(({ events }) => events.toString()) },
    {
      header: "REJECTED",
      align: "right" as const,
      optional: true,
      cells: cells(({ rejected }) => rejected.toString()),
    },
    {
      header: "RESTARTS",
      align: "right" as const,
      optional: true,
      cells: cells(({ restarts }) => restarts.toString()),
    },
    {
      header: "LAST ERROR",
      yields: true,
      cells: cells(({ last_error }) => printable(last_error ?? "") || NOTHING),
    },
  ];
  return table(columns, style);
}
