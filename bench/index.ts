/**
 * `npm run bench -- [NAME…] [--runs N] [--json FILE]`: the benchmarks, or the named ones, as a table and as JSON.
 *
 * Each run has a process of its own, so that none is slowed or sped up by what another left behind; of several runs the
 * median is told.
 */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { attachedBenchmark } from "./attached.ts";
import { ebpfNetworkBenchmark } from "./ebpf-network.ts";
import { explainBenchmark } from "./explain.ts";
import { foldBenchmarks } from "./fold.ts";
import { isMet, medianOf, type Benchmark, type Result } from "./measure.ts";
import { jobBenchmark } from "./job.ts";
import { memoryBenchmark } from "./memory.ts";
import { passingBenchmark } from "./passing.ts";
import { pipeBenchmark } from "./pipe.ts";
import { restBenchmark } from "./rest.ts";
import { taskBenchmarks } from "./tasks.ts";

const BENCHMARKS: Benchmark[] = [
  ...foldBenchmarks,
  explainBenchmark,
  memoryBenchmark,
  pipeBenchmark,
  ebpfNetworkBenchmark,
  restBenchmark,
  ...taskBenchmarks,
  jobBenchmark,
  attachedBenchmark,
  passingBenchmark,
];
const MAX_OUTPUT = 1024 * 1024;

/** A figure and those it is the median of. */
interface Summary extends Result {
  runs: number[];
  met: boolean | null;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "string" },
    runs: { type: "string", default: "3" },
    once: { type: "boolean", default: false },
  },
});
const chosen = positionals.length === 0 ? BENCHMARKS : positionals.map(named);

if (values.once) {
  for (const benchmark of chosen) console.log(JSON.stringify(await benchmark.run()));
} else {
  const summaries: Summary[] = [];
  for (const benchmark of chosen) {
    const told = await summarise(benchmark, Math.max(1, Number(values.runs)));
    for (const summary of told) console.log(row(summary));
    summaries.push(...told);
  }
  const document = { node: process.version, cpu: cpus()[0]?.model ?? "", cpus: cpus().length, results: summaries };
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(document, null, 2)}\n`);
  if (summaries.some(({ met }) => met === false)) process.exitCode = 1;
}

function named(name: string): Benchmark {
  const benchmark = BENCHMARKS.find((each) => each.name === name);
  if (benchmark !== undefined) return benchmark;
  console.error(`no benchmark ${name}; there are ${BENCHMARKS.map((each) => each.name).join(", ")}`);
  process.exit(2);
}

async function summarise(benchmark: Benchmark, runs: number): Promise<Summary[]> {
  const all: Result[][] = [];
  for (let run = 0; run < runs; run++) {
    const args = [...process.execArgv, fileURLToPath(import.meta.url), "--once", benchmark.name];
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: MAX_OUTPUT });
    all.push(JSON.parse(stdout) as Result[]);
  }
  return (all[0] ?? []).map((result, place) => {
    const figures = all.map((results) => results[place]?.figure ?? Number.NaN);
    const figure = medianOf(figures);
    return Object.assign(result, { figure, runs: figures, met: isMet({ ...result, figure }) ?? null });
  });
}

function row({ name, nodes, figure, unit, target, met, runs }: Summary): string {
  const size = nodes === null ? "" : `${nodes.toLocaleString("en")} nodes`;
  const goal =
    target === undefined ? "" : "atLeast" in target ? `≥ ${number(target.atLeast)}` : `≤ ${number(target.atMost)}`;
  const verdict = met === null ? "" : met ? "met" : "MISSED";
  const range = `${number(Math.min(...runs))} … ${number(Math.max(...runs))}`;
  return [
    name.padEnd(38),
    size.padStart(17),
    number(figure).padStart(12),
    unit.padEnd(9),
    goal.padStart(11),
    verdict.padEnd(7),
    range,
  ].join(" ");
}

function number(figure: number): string {
  return figure.toLocaleString("en", { maximumFractionDigits: 3 });
}
