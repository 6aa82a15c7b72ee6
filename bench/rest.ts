/** What the daemon costs a machine that does nothing: all its probes at their default intervals, and its helpers. */
import { setTimeout as sleep } from "node:timers/promises";
import { MeasuredDaemon } from "./daemon.ts";
import { rounded, type Benchmark } from "./measure.ts";

const PORT = 9391;
/** After its start it looks at every wait and reads every command line once. */
const SETTLE_MS = 25_000;
const MEASURED_MS = 30_000;
const MAX_PERCENT = 1.5;

export const restBenchmark: Benchmark = {
  name: "rest",
  run: async () => {
    const daemon = await MeasuredDaemon.start({ port: PORT });
    try {
      await sleep(SETTLE_MS);
      const [cpuMs, begun] = [daemon.cpuMs(), performance.now()];
      await sleep(MEASURED_MS);
      const figure = rounded((100 * (daemon.cpuMs() - cpuMs)) / (performance.now() - begun));
      const name = "all probes at rest";
      return [{ name, nodes: null, figure, unit: "% of a core", target: { atMost: MAX_PERCENT } }];
    } finally {
      daemon.stop();
    }
  },
};
