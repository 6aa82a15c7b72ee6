/**
 * Loaded into a daemon that is measured: from one SIGUSR2 to the next it watches how long the event loop is held at most,
 * and writes it at the second. Watching takes a timer a millisecond, which is no part of what the daemon costs.
 */
import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 1;
const file = process.env.XCTL_BENCH_DELAYS;

if (file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  process.on("SIGUSR2", () => {
    if (delay.enable()) return;
    delay.disable();
    writeFileSync(file, String(delay.max / 1e6 - RESOLUTION_MS));
    delay.reset();
  });
}
