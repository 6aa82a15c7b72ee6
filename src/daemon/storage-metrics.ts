/** The figures of disks, file systems and pressure as metrics: lines of the catalogue in resource-metrics.ts. */
import type { EventType } from "../model/event.ts";
import type { Family, ResourceMetric } from "./resource-metrics.ts";

/** The kernel's names of block devices. What else a program calls a disk gets no series. */
const DISK =
  /^(?:(?:sd|hd|vd|xvd)[a-z]+|nvme\d+n\d+|mmcblk\d+|loop\d+|dm-\d+|md\w*\d+|nbd\d+|rbd\d+|zram\d+|sr\d+|pmem\d+|dasd[a-z]+|bcache\d+|drbd\d+|zd\d+)$/;

export const STORAGE_FAMILIES: readonly Family[] = [
  {
    label: "device",
    has: (id) => DISK.test(id),
    info: {
      name: "xctl_disk_info",
      help: "What a disk is.",
      from: "storage.iops",
      keys: ["model", "rotational", "backing_file"],
    },
    metrics: [
      gauge("xctl_disk_operations_per_second", "Reads and writes completed, a second.", "storage.iops"),
      counter("xctl_disk_reads_total", "Reads completed.", "reads_total"),
      counter("xctl_disk_read_bytes_total", "Bytes read.", "read_bytes_total"),
      counter("xctl_disk_read_seconds_total", "Time that reads took, each counted.", "read_seconds_total"),
      counter("xctl_disk_writes_total", "Writes completed.", "writes_total"),
      counter("xctl_disk_written_bytes_total", "Bytes written.", "write_bytes_total"),
      counter("xctl_disk_write_seconds_total", "Time that writes took, each counted.", "write_seconds_total"),
      counter("xctl_disk_discards_total", "Discards completed.", "discards_total"),
      counter("xctl_disk_discarded_bytes_total", "Bytes discarded.", "discard_bytes_total"),
      counter("xctl_disk_discard_seconds_total", "Time that discards took, each counted.", "discard_seconds_total"),
      counter("xctl_disk_flushes_total", "Flushes completed.", "flushes_total"),
      counter("xctl_disk_flush_seconds_total", "Time that flushes took, each counted.", "flush_seconds_total"),
      counter("xctl_disk_busy_seconds_total", "Time in which the disk had requests.", "busy_seconds_total"),
      gauge(
        "xctl_disk_utilization_ratio",
        "Share of the time in which the disk had requests.",
        "storage.iops",
        "utilization_percent",
        0.01,
      ),
      gauge(
        "xctl_disk_read_latency_seconds",
        "How long a read took, on average.",
        "storage.iops",
        "await_read_ms",
        0.001,
      ),
      gauge(
        "xctl_disk_write_latency_seconds",
        "How long a write took, on average.",
        "storage.iops",
        "await_write_ms",
        0.001,
      ),
      gauge(
        "xctl_disk_device_latency_seconds",
        "How long the disk itself took for a request, on average.",
        "storage.iops",
        "device_await_ms",
        0.001,
      ),
      gauge(
        "xctl_disk_device_latency_p99_seconds",
        "What the disk itself took for a request at most, but for one of a hundred.",
        "storage.iops",
        "device_await_p99_ms",
        0.001,
      ),
      gauge("xctl_disk_size_bytes", "Size of the disk.", "storage.iops", "size_bytes"),
      gauge("xctl_disk_queue_depth", "Requests in flight, on average.", "storage.qdepth"),
      gauge("xctl_disk_in_flight", "Requests in flight.", "storage.qdepth", "in_flight"),
      gauge("xctl_disk_temperature_celsius", "Temperature of the disk.", "storage.qdepth", "temperature_c"),
    ],
  },
  {
    label: "filesystem",
    has: (id) => id.startsWith("fs:"),
    info: {
      name: "xctl_filesystem_info",
      help: "What a file system is, and on which device.",
      from: "storage.iops",
      keys: ["type", "device"],
    },
    metrics: [
      gauge("xctl_filesystem_size_bytes", "Size of the file system.", "storage.iops", "size_bytes"),
      gauge("xctl_filesystem_used_bytes", "Space in use.", "storage.iops", "used_bytes"),
      gauge("xctl_filesystem_available_bytes", "Space that anybody may use.", "storage.iops", "available_bytes"),
      gauge("xctl_filesystem_inodes", "Inodes there are.", "storage.iops", "inodes"),
      gauge("xctl_filesystem_inodes_free", "Inodes free.", "storage.iops", "inodes_free"),
      gauge("xctl_filesystem_read_only", "Whether it takes no writes.", "storage.iops", "read_only"),
    ],
  },
  {
    label: "cgroup",
    has: (id) => id === "pressure" || id.startsWith("pressure:"),
    metrics: (["cpu", "memory", "io"] as const).flatMap(pressureOf),
  },
];

/** Of the machine, and of cgroups: the label is `pressure`, or `pressure:/system.slice`. */
function pressureOf(what: "cpu" | "memory" | "io"): ResourceMetric[] {
  const from = ({ cpu: "compute.util", memory: "compute.mem", io: "storage.qdepth" } as const)[what];
  const some = "somebody waited";
  const full = "all that were not idle waited";
  const name = `xctl_pressure_${what}`;
  return [
    gauge(`${name}_some_ratio`, `Share of the last ten seconds in which ${some} for ${what}.`, from, "some_ratio"),
    gauge(`${name}_full_ratio`, `Share of the last ten seconds in which ${full} for ${what}.`, from, "full_ratio"),
    counter(`${name}_some_seconds_total`, `Time in which ${some} for ${what}.`, "some_seconds_total", from),
    counter(`${name}_full_seconds_total`, `Time in which ${full} for ${what}.`, "full_seconds_total", from),
  ];
}

function gauge(name: string, help: string, from: EventType, key?: string, scale?: number): ResourceMetric {
  return {
    name,
    help,
    kind: "gauge",
    from,
    ...(key === undefined ? {} : { key }),
    ...(scale === undefined ? {} : { scale }),
  };
}

function counter(name: string, help: string, key: string, from: EventType = "storage.iops"): ResourceMetric {
  return { name, help, kind: "counter", from, key };
}
