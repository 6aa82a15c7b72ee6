/** What the network probe tells of all TCP connections of the daemon's network namespace together. */
import type { Family, ResourceMetric } from "./resource-metrics.ts";

const gauge = (name: string, key: string, help: string): ResourceMetric => ({
  name: `xctl_tcp_${name}`,
  help,
  kind: "gauge",
  from: "transport.drop",
  key,
});

const counter = (name: string, key: string, help: string): ResourceMetric => ({
  ...gauge(name, key, help),
  kind: "counter",
});

export const TCP_FAMILY: Family = {
  label: "protocol",
  has: (id) => id === "tcp",
  metrics: [
    gauge("established_connections", "established", "TCP connections over which both ends may send."),
    gauge("connecting_connections", "connecting", "TCP connections whose handshake was not answered yet."),
    gauge("closing_connections", "closing", "TCP connections that this end has closed for sending."),
    gauge(
      "close_wait_connections",
      "close_wait",
      "TCP connections that the other end has closed and this one has not.",
    ),
    gauge("listening_sockets", "listening", "TCP sockets that listen."),
    gauge("time_wait_sockets", "time_wait", "Closed TCP connections that the kernel still keeps."),
    gauge("orphaned_sockets", "orphans", "TCP connections that no process has open any more."),
    gauge("buffer_bytes", "buffer_bytes", "Memory of all TCP buffers."),
    counter("segments_sent_total", "segments_sent_total", "TCP segments sent, without those sent again."),
    counter("segments_received_total", "segments_received_total", "TCP segments received."),
    counter("retransmitted_segments_total", "retransmits_total", "TCP segments sent again."),
    counter("damaged_segments_total", "damaged_segments_total", "TCP segments received damaged."),
    counter("resets_sent_total", "resets_sent_total", "TCP segments sent that reset a connection."),
    counter("failed_connects_total", "failed_connects_total", "TCP handshakes that failed."),
    counter("reset_connections_total", "reset_connections_total", "Established TCP connections that were reset."),
  ],
};
