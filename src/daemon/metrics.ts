/**
 * The daemon's own health, and what its probes tell of resources, for Prometheus. The series are bounded: as many as
 * probes, node types and outcomes, and what resource-metrics.ts lets through.
 */
import type { StatusResult } from "../protocol/methods.ts";
import { ERRORS_METRIC, FAMILIES, type ResourceSeries } from "./resource-metrics.ts";

export interface Metrics {
  contentType: string;
  /** The exposition text of one scrape. */
  text(status: StatusResult, streams: number, resources: ResourceSeries): Promise<string>;
}

/** A gauge or a counter, which start at nothing for each scrape. */
interface Summable {
  inc(labels: Record<string, string>, value: number): void;
}

/** prom-client is loaded with the first scrape. */
export async function makeMetrics(): Promise<Metrics> {
  const { Counter, Gauge, Registry } = (await import("prom-client")).default;
  const registry = new Registry();
  const registers = [registry];
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string, labelNames: string[] = []) =>
    new Gauge({ name, help, labelNames, registers });

  const events = counter("xctl_events_total", "Events that arrived, by what became of them.", ["result"]);
  const rejections = counter("xctl_rejections_total", "Lines that were no event, by reason.", ["reason"]);
  const nodes = gauge("xctl_graph_nodes", "Nodes of the causal graph.", ["type"]);
  const edges = gauge("xctl_graph_edges", "Edges of the causal graph.", ["kind"]);
  const probeUp = gauge("xctl_probe_up", "1 where the probe runs.", ["probe"]);
  const probeRestarts = counter("xctl_probe_restarts_total", "How often a probe was started again.", ["probe"]);
  const sampleSeconds = gauge("xctl_sample_seconds", "How long the last look at all threads took.");
  const lost = counter("xctl_ebpf_lost_records_total", "Records that eBPF programs could not hand over.", ["probe"]);
  const subscribers = gauge("xctl_event_streams", "Clients that follow the events.");
  const recordDropped = counter("xctl_record_dropped_total", "Events that the recording lacks.");
  const memory = gauge("process_resident_memory_bytes", "Resident memory of the daemon.");
  const cpu = counter("process_cpu_seconds_total", "User and system CPU time of the daemon.");
  const started = gauge("process_start_time_seconds", "When the daemon started, since the Unix epoch.");
  const leftOut = gauge("xctl_resources_left_out", "Resources and errors that there was no room for here.");
  gauge(ERRORS_METRIC, "1 for each fault or warning that holds now.", ["resource", "type", "error", "severity"]);
  for (const { label, info, metrics } of FAMILIES) {
    if (info !== undefined) gauge(info.name, info.help, [label, ...info.keys]);
    for (const { kind, name, help } of metrics) (kind === "gauge" ? gauge : counter)(name, help, [label]);
  }

  return {
    contentType: registry.contentType,
    text(status, streams, resources) {
      registry.resetMetrics();
      const { applied, rejected, dropped } = status.events;
      for (const [result, count] of Object.entries({ applied, rejected, dropped })) events.inc({ result }, count);
      for (const [reason, count] of Object.entries(status.rejections)) rejections.inc({ reason }, count);
      const { edges: edgeCounts, ...nodeCounts } = status.graph;
      for (const [type, count] of Object.entries(nodeCounts)) nodes.set({ type }, count);
      for (const [kind, count] of Object.entries(edgeCounts)) edges.set({ kind }, count);
      for (const { name, state, restarts } of status.probes) {
        probeUp.set({ probe: name }, state === "running" ? 1 : 0);
        // A program may be named as a probe more than once.
        probeRestarts.inc({ probe: name }, restarts);
      }
      sampleSeconds.set((status.sampler?.last_ms ?? 0) / 1000);
      for (const [probe, count] of Object.entries(status.ebpf_lost)) lost.inc({ probe }, count);
      subscribers.set(streams);
      recordDropped.inc(status.recording?.dropped ?? 0);
      memory.set(status.rss_bytes);
      const { user, system } = process.cpuUsage();
      cpu.inc((user + system) / 1e6);
      started.set((Date.now() - status.uptime_ms) / 1000);
      leftOut.set(resources.leftOut);
      for (const [name, series] of resources.series) {
        const metric = registry.getSingleMetric(name) as Summable;
        for (const { labels, value } of series) metric.inc(labels, value);
      }
      return registry.metrics();
    },
  };
}
