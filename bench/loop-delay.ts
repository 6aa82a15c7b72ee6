/** Loaded into a daemon that is measured: at SIGUSR2 it writes how long its event loop was held at most since the last. */
import { writeFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 1;
const file = process.env.XCTL_BENCH_DELAYS;

if (file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  process.on("SIGUSR2", () => {
    writeFileSync(file, String(delay.max / 1e6 - RESOLUTION_MS));
    delay.reset();
  });
}
