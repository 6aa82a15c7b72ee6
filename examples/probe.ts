// CPU use of each core, from what the operating system says: `xctl run --probe examples/probe.ts`.
// A probe prints one JSON object a line; a line it does not understand costs nothing but itself.
import { cpus } from "node:os";

const intervalMs = Number(process.env.XCTL_INTERVAL_MS ?? 1000);

function busyAndTotal(): { busy: number; total: number }[] {
  return cpus().map(({ times }) => {
    const total = Object.values(times).reduce((sum, ms) => sum + ms, 0);
    return { busy: total - times.idle, total };
  });
}

let before = busyAndTotal();
setInterval(() => {
  const after = busyAndTotal();
  after.forEach(({ busy, total }, core) => {
    const last = before[core];
    if (last === undefined || total <= last.total) return;
    const percent = (100 * (busy - last.busy)) / (total - last.total);
    const event = {
      ts: Date.now(),
      event_type: "compute.util",
      entity_id: `cpu-${core}`,
      value: Math.min(100, Math.max(0, percent)).toFixed(1),
    };
    process.stdout.write(`${JSON.stringify(event)}\n`);
  });
  before = after;
}, intervalMs);
