/**
 * A process beside the daemon that ends programs: when the daemon asks, and all of them when the daemon is gone,
 * however it went. One for all programs, in its own session, so that no signal meant for the daemon reaches it.
 *
 * Standard input: `+PGID START_TICKS MARK` watches a program, `-PGID GRACE_MS` ends it; the end of input ends all.
 * Standard output: the first word of a line that has been carried out.
 */
import { createInterface } from "node:readline";
import { endProgram, killRemains, type Program } from "./remains.ts";

const watched = new Map<number, Program>();

for (const name of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) process.on(name, () => {});
// The daemon is gone: there is nobody to tell.
process.stdout.on("error", () => {});

const input = createInterface({ input: process.stdin });
input.on("line", (line) => void obey(line));
input.once("close", () => void endAll());

async function obey(line: string): Promise<void> {
  const [verb = "", second = "", mark = ""] = line.split(" ");
  const pgid = Number(verb.slice(1));
  // 0 and 1 would be this process's own group and every process there is.
  if (!Number.isSafeInteger(pgid) || pgid < 2) return;
  if (verb.startsWith("+")) {
    watched.set(pgid, { pgid, startTicks: Number(second), mark });
  } else {
    const program = watched.get(pgid);
    if (program !== undefined) await endProgram(program, Number(second));
    if (watched.get(pgid) === program) watched.delete(pgid);
  }
  process.stdout.write(`${verb}\n`);
}

async function endAll(): Promise<void> {
  await Promise.all(Array.from(watched.values(), (program) => killRemains(program)));
  process.exit(0);
}
