/** The daemon's end of the guardian: starts it with the first program, asks it, and lets it go with the last. */
import { spawn } from "node:child_process";
import type { Socket } from "node:net";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Program } from "./remains.ts";

interface Guardian {
  tell(line: string): void;
  /** It ends once it has carried out what it was told. */
  letGo(): void;
}

const WATCH_DEADLINE_MS = 5_000;
/** How much longer than the grace an ending may take before the caller stops waiting for it. */
const END_DEADLINE_MS = 700;
/** A guardian that died younger than this would die again. */
const HEALTHY_MS = 1_000;

const watched = new Map<number, Program>();
const answers = new Map<string, (done: boolean) => void>();
let guardian: Guardian | undefined;

/** Resolves once the program would be ended were the daemon to die now; false where there is no guardian to do so. */
export async function watchProgram(program: Program): Promise<boolean> {
  watched.set(program.pgid, program);
  const done = await ask(`+${program.pgid}`, `${program.startTicks} ${program.mark}`, WATCH_DEADLINE_MS);
  if (!done) forget(program.pgid);
  return done;
}

/** Ends a program and all that came of it; false where the guardian could not. */
export async function endWatched(pgid: number, graceMs: number): Promise<boolean> {
  if (!watched.has(pgid)) return false;
  const done = await ask(`-${pgid}`, String(graceMs), graceMs + END_DEADLINE_MS);
  forget(pgid);
  return done;
}

function ask(verb: string, rest: string, deadlineMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (done: boolean): void => {
      clearTimeout(timer);
      answers.delete(verb);
      resolve(done);
    };
    const timer = setTimeout(finish, deadlineMs, false);
    answers.set(verb, finish);
    guardian ??= startGuardian();
    if (guardian === undefined) finish(false);
    else guardian.tell(`${verb} ${rest}\n`);
  });
}

function forget(pgid: number): void {
  watched.delete(pgid);
  if (watched.size > 0) return;
  guardian?.letGo();
  guardian = undefined;
}

/** Undefined where no process can be had. */
function startGuardian(): Guardian | undefined {
  // In the bundle this module is a chunk that lies beside the guardian's own entry.
  const file = import.meta.url.endsWith(".ts") ? "./guardian.ts" : "./guardian.js";
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], {
    cwd: "/",
    detached: true,
    env: {},
    stdio: ["pipe", "pipe", "ignore"],
  });
  child.on("error", () => {});
  if (child.pid === undefined) return undefined;
  // The daemon may end while it runs; that is what it is for.
  child.unref();
  (child.stdin as Socket).unref();
  (child.stdout as Socket).unref();
  child.stdin.on("error", () => {});
  createInterface({ input: child.stdout }).on("line", (verb) => answers.get(verb)?.(true));
  const started: Guardian = { tell: (line) => child.stdin.write(line), letGo: () => child.stdin.end() };
  const startedMs = performance.now();
  child.on("exit", () => replace(started, performance.now() - startedMs));
  for (const { pgid, startTicks, mark } of watched.values()) started.tell(`+${pgid} ${startTicks} ${mark}\n`);
  return started;
}

/** Somebody killed the guardian: the programs that live get another. */
function replace(dead: Guardian, livedMs: number): void {
  if (guardian !== dead) return;
  guardian = undefined;
  for (const finish of answers.values()) finish(false);
  if (watched.size > 0 && livedMs >= HEALTHY_MS) guardian = startGuardian();
}
