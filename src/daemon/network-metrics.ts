/** What the network probe tells of interfaces, RDMA ports, and of what all connections of the host share. */
import type { Family, ResourceMetric } from "./resource-metrics.ts";

const BYTES_PER_MBIT = 125_000;

type From = "transport.bw" | "transport.drop";

const counter = (name: string, from: From, key: string, help: string): ResourceMetric => ({
  name: `xctl_${name}`,
  help,
  kind: "counter",
  from,
  key,
});

const gauge = (name: string, from: From, key: string, help: string, scale = 1): ResourceMetric => ({
  name: `xctl_${name}`,
  help,
  kind: "gauge",
  from,
  key,
  scale,
});

/** Whatever no other family has: an interface may have any name. In another network namespace it has no figures. */
export const INTERFACE_FAMILY: Family = {
  label: "interface",
  has: (id) => !/[:/]/.test(id),
  info: {
    name: "xctl_interface_info",
    help: "What the interface is, and how it runs.",
    from: "transport.bw",
    keys: ["kind", "driver", "operstate", "duplex"],
  },
  metrics: [
    counter("interface_receive_bytes_total", "transport.bw", "rx_bytes_total", "Bytes received by the interface."),
    counter("interface_transmit_bytes_total", "transport.bw", "tx_bytes_total", "Bytes sent by the interface."),
    counter("interface_receive_packets_total", "transport.bw", "rx_packets_total", "Packets received."),
    counter("interface_transmit_packets_total", "transport.bw", "tx_packets_total", "Packets sent."),
    counter("interface_receive_dropped_total", "transport.drop", "rx_dropped_total", "Received packets dropped."),
    counter(
      "interface_transmit_dropped_total",
      "transport.drop",
      "tx_dropped_total",
      "Packets dropped before sending.",
    ),
    counter(
      "interface_receive_missed_total",
      "transport.drop",
      "rx_missed_total",
      "Packets the hardware had no room for.",
    ),
    counter("interface_receive_errors_total", "transport.drop", "rx_errors_total", "Bad packets received."),
    counter("interface_transmit_errors_total", "transport.drop", "tx_errors_total", "Packets that could not be sent."),
    counter(
      "interface_receive_crc_errors_total",
      "transport.drop",
      "rx_crc_errors_total",
      "Packets damaged on the way.",
    ),
    counter("interface_collisions_total", "transport.drop", "collisions_total", "Collisions while sending."),
    counter("interface_carrier_changes_total", "transport.bw", "carrier_changes_total", "Times the link came or went."),
    gauge("interface_up", "transport.bw", "up", "Whether the interface is set up."),
    gauge("interface_carrier", "transport.bw", "carrier", "Whether the interface has a link."),
    gauge("interface_mtu_bytes", "transport.bw", "mtu_bytes", "The largest packet that the interface takes."),
    gauge(
      "interface_speed_bytes",
      "transport.bw",
      "speed_mbit_s",
      "Bytes per second that the link can carry.",
      BYTES_PER_MBIT,
    ),
  ],
};

export const RDMA_FAMILY: Family = {
  label: "port",
  has: (id) => /^[^:/]+\/\d+$/.test(id),
  info: {
    name: "xctl_rdma_port_info",
    help: "What the RDMA port is, and how it runs.",
    from: "transport.bw",
    keys: ["link_layer", "state", "physical_state"],
  },
  metrics: [
    counter("rdma_receive_bytes_total", "transport.bw", "rx_bytes_total", "Bytes received by the RDMA port."),
    counter("rdma_transmit_bytes_total", "transport.bw", "tx_bytes_total", "Bytes sent by the RDMA port."),
    gauge("rdma_active", "transport.bw", "carrier", "Whether the RDMA port is active."),
    gauge(
      "rdma_speed_bytes",
      "transport.bw",
      "speed_mbit_s",
      "Bytes per second that the RDMA port can carry.",
      BYTES_PER_MBIT,
    ),
    ...(
      [
        ["symbol_errors_total", "Symbols received damaged."],
        ["link_downed_total", "Times the link failed and was not recovered."],
        ["link_recoveries_total", "Times the link failed and was recovered."],
        ["link_integrity_errors_total", "Times that local errors passed their threshold."],
        ["receive_errors_total", "Packets received with an error."],
        ["transmit_discards_total", "Packets discarded because the port was down or congested."],
        ["transmit_waits_total", "Ticks in which there was data to send and no credit."],
        ["buffer_overruns_total", "Times that the receive buffer overran."],
        ["out_of_sequence_total", "Packets received out of sequence."],
        ["packet_sequence_errors_total", "Negative acknowledgements for packets out of sequence."],
        ["ack_timeouts_total", "Times that no acknowledgement came in time."],
        ["receiver_not_ready_total", "Retries used up because the receiver was not ready."],
        ["congestion_notifications_sent_total", "RoCE congestion notifications sent."],
        ["congestion_notifications_handled_total", "RoCE congestion notifications handled."],
        ["ecn_marked_packets_total", "RoCE packets received with a mark of congestion."],
        ["adaptive_retransmits_total", "RoCE packets sent again, adaptively."],
        ["slow_restarts_total", "Times that RoCE restarted slowly."],
        ["pauses_received_total", "Pause frames received, of all priorities."],
        ["pauses_sent_total", "Pause frames sent, of all priorities."],
      ] as const
    ).map(([key, help]) => counter(`rdma_${key}`, "transport.drop", key, help)),
  ],
};

export const STACK_FAMILIES: readonly Family[] = [
  {
    label: "stack",
    has: (id) => id === "network",
    metrics: [
      counter(
        "network_backlog_dropped_total",
        "transport.drop",
        "softnet_dropped_total",
        "Packets dropped: a CPU's backlog was full.",
      ),
      counter(
        "network_backlog_squeezed_total",
        "transport.drop",
        "softnet_squeezed_total",
        "Times a CPU left packets for later.",
      ),
      counter(
        "network_listen_overflows_total",
        "transport.drop",
        "listen_overflows_total",
        "Connections that a listening socket had no room for.",
      ),
      counter(
        "network_listen_drops_total",
        "transport.drop",
        "listen_drops_total",
        "Connections dropped by listening sockets.",
      ),
      counter(
        "network_udp_buffer_errors_total",
        "transport.drop",
        "udp_receive_buffer_errors_total",
        "Datagrams dropped: the receiver's buffer was full.",
      ),
    ],
  },
  {
    label: "table",
    has: (id) => id === "conntrack",
    metrics: [
      gauge("conntrack_entries", "transport.drop", "entries", "Connections that the kernel tracks."),
      gauge("conntrack_entries_max", "transport.drop", "entries_max", "Connections that the kernel may track."),
      counter("conntrack_dropped_total", "transport.drop", "dropped_total", "Packets dropped: no entry could be made."),
      counter(
        "conntrack_early_dropped_total",
        "transport.drop",
        "early_dropped_total",
        "Entries dropped to make room.",
      ),
      counter(
        "conntrack_insert_failed_total",
        "transport.drop",
        "insert_failed_total",
        "Entries that could not be put in.",
      ),
    ],
  },
];
