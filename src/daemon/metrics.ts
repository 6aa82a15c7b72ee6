/** The daemon's own health for Prometheus. The series are as many as probes, node types and outcomes, not more. */
import type { StatusResult } from "../protocol/methods.ts";

export interface Metrics {
  contentType: string;
  /** The exposition text of one scrape. */
  text(status: StatusResult, streams: number): Promise<string>;
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
  const subscribers = gauge("xctl_event_streams", "Clients that follow the events.");
  const recordDropped = counter("xctl_record_dropped_total", "Events that the recording lacks.");
  const memory = gauge("process_resident_memory_bytes", "Resident memory of the daemon.");
  const cpu = counter("process_cpu_seconds_total", "User and system CPU time of the daemon.");
  const started = gauge("process_start_time_seconds", "When the daemon started, since the Unix epoch.");

  return {
    contentType: registry.contentType,
    text(status, streams) {
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
      subscribers.set(streams);
      recordDropped.inc(status.recording?.dropped ?? 0);
      memory.set(status.rss_bytes);
      const { user, system } = process.cpuUsage();
      cpu.inc((user + system) / 1e6);
      started.set((Date.now() - status.uptime_ms) / 1000);
      return registry.metrics();
    },
  };
}
