/**
 * A command started so that it cannot outlive the daemon: in its own session and group, behind a gate that opens
 * only once the guardian knows it. It knows nothing of what the program prints.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import { readStat } from "../kernel/procfs.ts";
import type { Command } from "./interpreter.ts";
import { endWatched, watchProgram } from "./guarded.ts";

export interface Started {
  pid: number;
  stdout: Readable;
  stderr: Readable;
  /** Resolves when the program itself has ended, its children or not. */
  exited: Promise<Exit>;
  /** Ends all of it: SIGTERM, `graceMs` to comply, SIGKILL. The first call counts; later ones wait for it. */
  end(graceMs: number): Promise<void>;
}

export interface Exit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/**
 * The program is a shell until the daemon writes a line to its fd 3. Were the daemon to die before the guardian
 * knows of it, `read` would see the end of the pipe and the shell would be gone by itself.
 */
const GATE = 'read -r _ <&3 && exec "$@" 3<&-';

/** Rejects where the system has no process, pipe or memory to give. */
export async function startCommand(command: Command, env: NodeJS.ProcessEnv): Promise<Started> {
  return process.platform === "win32" ? startPlain(command, env) : startGated(command, env);
}

async function startGated(command: Command, env: NodeJS.ProcessEnv): Promise<Started> {
  const mark = randomUUID();
  const child = spawn("/bin/sh", ["-c", GATE, "xctl-probe", command.file, ...command.args], {
    detached: true,
    env: { ...env, ...command.env, XCTL_PROBE_MARK: mark },
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  const exited = exitOf(child);
  await once(child, "spawn");
  const pid = child.pid as number;
  const gate = child.stdio[3] as Writable;
  gate.on("error", () => {});
  const startTicks = readStat("/proc", pid)?.startTicks ?? 0;
  if (!(await watchProgram({ pgid: pid, startTicks, mark }))) {
    gate.destroy();
    throw new Error("the guardian that would end it with the daemon cannot be started");
  }
  gate.end("\n");
  return started(child, exited, async (graceMs) => {
    if (await endWatched(pid, graceMs)) return;
    // Not yet reaped, so the number is still this program's.
    if (child.exitCode === null && child.signalCode === null) killGroup(pid);
  });
}

/** Windows has no process groups and no gate: what came of the program is found by its parent's number. */
async function startPlain(command: Command, env: NodeJS.ProcessEnv): Promise<Started> {
  const child = spawn(command.file, command.args, {
    env: { ...env, ...command.env },
    stdio: ["ignore", "pipe", "pipe"],
    windowsHide: true,
  });
  const exited = exitOf(child);
  await once(child, "spawn");
  return started(child, exited, async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const killer = spawn("taskkill", ["/F", "/T", "/PID", String(child.pid)], { stdio: "ignore", windowsHide: true });
    killer.on("error", () => child.kill());
    await exited;
  });
}

function started(child: ChildProcess, exited: Promise<Exit>, end: (graceMs: number) => Promise<void>): Started {
  let ending: Promise<void> | undefined;
  const { stdout, stderr } = child as ChildProcess & { stdout: Readable; stderr: Readable };
  // Nobody reads yet; who does, hears of it as well.
  stdout.on("error", () => {});
  return { pid: child.pid as number, stdout, stderr, exited, end: (graceMs) => (ending ??= end(graceMs)) };
}

function exitOf(child: ChildProcess): Promise<Exit> {
  child.on("error", () => {});
  return new Promise((resolve) => child.once("exit", (code, signal) => resolve({ code, signal })));
}

function killGroup(pgid: number): void {
  try {
    process.kill(-pgid, "SIGKILL");
  } catch {
    // Gone meanwhile.
  }
}
