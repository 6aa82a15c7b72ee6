/**
 * What it costs to follow 64 processes as the ranks of one job, over what the same processes cost as such: daemons take
 * turns that see them with and without the variables that make them ranks.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { MeasuredDaemon } from "./daemon.ts";
import { medianOf, rounded, type Benchmark } from "./measure.ts";

const PORT = 9392;
const RANKS = 64;
const TURNS = 3;
/** After its start it looks at every wait and reads every environment once. */
const SETTLE_MS = 12_000;
const MEASURED_MS = 15_000;
const MAX_PERCENT = 0.5;

/** It works in step with nobody, and wakes as often as a rank that waits in polls. */
const RANK = `
import time
while True: time.sleep(0.1)
`;

export const jobBenchmark: Benchmark = {
  name: "job-64",
  run: async () => {
    const costs: number[] = [];
    const without: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      const alone = await percentOfACore(() => ({}));
      const asJob = await percentOfACore((rank) => ({
        RANK: String(rank),
        LOCAL_RANK: String(rank),
        WORLD_SIZE: String(RANKS),
        TORCHELASTIC_RUN_ID: "bench",
        MASTER_ADDR: "127.0.0.1",
      }));
      without.push(alone);
      costs.push(asJob - alone);
    }
    const unit = "% of a core";
    return [
      { name: "64 processes without a job", nodes: null, figure: rounded(medianOf(without)), unit },
      {
        name: "64 ranks of a job, more",
        nodes: null,
        figure: rounded(medianOf(costs)),
        unit,
        target: { atMost: MAX_PERCENT },
      },
    ];
  },
};

async function percentOfACore(variables: (rank: number) => NodeJS.ProcessEnv): Promise<number> {
  const ranks: ChildProcess[] = [];
  for (let rank = 0; rank < RANKS; rank++) {
    const env = { PATH: process.env.PATH, ...variables(rank) };
    ranks.push(spawn("python3", ["-c", RANK], { env, stdio: "ignore" }));
  }
  const daemon = await MeasuredDaemon.start({ port: PORT });
  try {
    await sleep(SETTLE_MS);
    const [cpuMs, begun] = [daemon.cpuMs(), performance.now()];
    await sleep(MEASURED_MS);
    return (100 * (daemon.cpuMs() - cpuMs)) / (performance.now() - begun);
  } finally {
    daemon.stop();
    for (const rank of ranks) rank.kill("SIGKILL");
  }
}
