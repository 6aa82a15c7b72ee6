/**
 * `npm test [-- NAME…]`: every check of this tree, or those named; a table of them, and the closing line with the
 * counts. Exits 1 where any failed. Knows how to run the tools, not what they look at: that is in their own files.
 */
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { runTests } from "./tests.ts";

/** What a check came to. A tool counts as one, the tests as many as they are. */
export interface Outcome {
  passed: number;
  failed: number;
  skipped: number;
  /** What to say of it in the table, on one line. */
  detail: string;
  /** What to print above the table; empty where nothing is worth reading. */
  report: string;
}

interface Check {
  name: string;
  run(): Promise<Outcome>;
}

type Result = Outcome & { name: string; tookMs: number };

const ROOT = join(import.meta.dirname, "..");
/** The scenarios take the longest: nine minutes on two cores that do nothing else, and more beside others. */
const TOOL_TIMEOUT_MS = 20 * 60_000;
const TOOL_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Each group runs after the one before it; the checks of a group at the same time, for they only read files. */
const GROUPS: Check[][] = [
  [
    { name: "format", run: () => tool("oxfmt", "--check", ".") },
    { name: "lint", run: () => tool("oxlint", "--deny-warnings") },
    { name: "types", run: () => tool("tsc", "--project", ".") },
    { name: "purity", run: () => tool("tsc", "--project", join("src", "model")) },
    { name: "unused", run: () => tool("knip", "--no-progress") },
  ],
  [{ name: "tests", run: () => runTests(ROOT, Math.max(2, availableParallelism())) }],
  [{ name: "scenarios", run: () => program(process.execPath, [join("scenarios", "index.ts")]) }],
];

process.exitCode = await main(process.argv.slice(2));

async function main(names: string[]): Promise<number> {
  const known = GROUPS.flat().map((check) => check.name);
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    console.error(`no check is called ${unknown}; there are ${known.join(", ")}`);
    return 2;
  }
  const results: Result[] = [];
  for (const group of GROUPS) {
    const wanted = group.filter((check) => names.length === 0 || names.includes(check.name));
    results.push(...(await Promise.all(wanted.map(timed))));
  }
  console.log(table(results));
  const sum = (count: "passed" | "failed" | "skipped") => results.reduce((total, result) => total + result[count], 0);
  const skipped = sum("skipped");
  console.log(`${sum("passed")} passed, ${sum("failed")} failed${skipped === 0 ? "" : `, ${skipped} skipped`}`);
  return results.every((result) => result.failed === 0 && result.passed > 0) ? 0 : 1;
}

async function timed(check: Check): Promise<Result> {
  const started = performance.now();
  const outcome = await check.run();
  if (outcome.report !== "") console.log(`── ${check.name}\n${outcome.report.trimEnd()}\n`);
  return { ...outcome, name: check.name, tookMs: performance.now() - started };
}

function tool(name: string, ...args: string[]): Promise<Outcome> {
  return program(join(ROOT, "node_modules", ".bin", name), args);
}

/** Runs a program to its end. What it prints is the report where it fails, and the last line of its result the detail where not. */
function program(file: string, args: string[]): Promise<Outcome> {
  const options = { cwd: ROOT, timeout: TOOL_TIMEOUT_MS, maxBuffer: TOOL_OUTPUT_BYTES };
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`.trimEnd();
      if (error === null) {
        const result = stdout.trimEnd() || output;
        resolve({ passed: 1, failed: 0, skipped: 0, detail: result.split("\n").at(-1) ?? "", report: "" });
        return;
      }
      const why = error.killed ? `ended after ${TOOL_TIMEOUT_MS} ms` : `exit status ${error.code ?? error.signal}`;
      resolve({ passed: 0, failed: 1, skipped: 0, detail: why, report: output === "" ? error.message : output });
    });
  });
}

function table(results: Result[]): string {
  const rows = results.map((result) => {
    const verdict = result.failed === 0 && result.passed > 0 ? "ok" : "FAILED";
    const seconds = `${(result.tookMs / 1000).toFixed(1)} s`;
    return `${result.name.padEnd(10)} ${verdict.padEnd(6)} ${seconds.padStart(8)}  ${result.detail}`.trimEnd();
  });
  return ["check      result     time", ...rows].join("\n");
}
