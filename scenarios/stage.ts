/** The stage of one scenario: starts real processes, waits until they stand as wanted, and ends them all. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readPids, readStat } from "../src/kernel/procfs.ts";

const READY_TIMEOUT_MS = 40_000;

export class Stage {
  /** A folder of this scenario's own. */
  readonly folder = mkdtempSync(join(tmpdir(), "xctl-scenario-"));
  readonly #children: ChildProcess[] = [];
  readonly #undos: (() => void)[] = [];

  /** Starts a program in its own process group and returns its pid once it has printed a line (`ready`). */
  async start(command: string, ...args: string[]): Promise<Actor> {
    const child = spawn(command, args, { cwd: this.folder, detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.#children.push(child);
    const lines: string[] = [];
    let pending = "";
    let complaint = "";
    child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString().slice(0, 2000)));
    child.stdout.on("data", (chunk: Buffer) => {
      const parts = (pending + chunk.toString()).split("\n");
      pending = parts.pop() ?? "";
      lines.push(...parts);
    });
    let gone: string | undefined;
    child.once("error", (error) => (gone = error.message));
    child.once("exit", (status, signal) => (gone ??= `ended with ${signal ?? status}`));
    await until(`${command} to be ready`, () => {
      if (gone !== undefined && lines.length === 0) throw new Error(`${command}: ${gone} ${complaint}`);
      return lines.length > 0;
    });
    return { pid: child.pid as number, lines };
  }

  /** Python: `source` prints a line when it is about to do what it then hangs in. */
  python(source: string, ...args: string[]): Promise<Actor> {
    return this.start("python3", "-u", "-c", source, ...args);
  }

  /** A shell that prints `ready` first. */
  shell(source: string): Promise<Actor> {
    return this.start("bash", "-c", `echo ready\n${source}`);
  }

  /** A program whose standard input or output is a terminal of its own. */
  terminal(source: string): Promise<Actor> {
    return this.python(IN_TERMINAL, source);
  }

  stop(pid: number): void {
    process.kill(pid, "SIGSTOP");
  }

  /** Undone when the stage is struck, the last first, while its processes still live. */
  defer(undo: () => void): void {
    this.#undos.push(undo);
  }

  /** Undoes what was deferred, and ends every process that was started here, and theirs. */
  strike(): void {
    for (const undo of this.#undos.splice(0).toReversed()) {
      try {
        undo();
      } catch (error) {
        console.error(`could not undo: ${(error as Error).message}`);
      }
    }
    for (const { pid } of this.#children) {
      if (pid === undefined) continue;
      for (const member of [pid, ...descendants(pid)]) {
        try {
          process.kill(member, "SIGKILL");
        } catch {
          // It has ended by itself.
        }
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

export interface Actor {
  pid: number;
  /** What it printed so far, line by line. */
  lines: string[];
}

/** Polls until `condition` holds. */
export async function until(what: string, condition: () => boolean): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The only process below `pid` with this command name, once it is there. */
export async function childOf(pid: number, comm: string): Promise<number> {
  let found: number | undefined;
  await until(`${comm} below ${pid}`, () => {
    found = descendants(pid).find((member) => readStat("/proc", member)?.comm === comm);
    return found !== undefined;
  });
  return found as number;
}

/** Until the process sleeps in the kernel (or is in one of these states). */
export function asleep(pid: number, states = "SDTt"): Promise<void> {
  return until(`pid ${pid} to be in ${states}`, () => states.includes(readStat("/proc", pid)?.state ?? "?"));
}

/** Until the kernel says that the process hangs in a call whose wait channel reads like this. */
export function waitsIn(pid: number, channel: RegExp): Promise<void> {
  return until(`pid ${pid} to wait in ${channel}`, () => channel.test(readFileSync(`/proc/${pid}/wchan`, "utf8")));
}

function descendants(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const pid of readPids("/proc")) {
    const ppid = readStat("/proc", pid)?.ppid;
    if (ppid !== undefined) children.set(ppid, [...(children.get(ppid) ?? []), pid]);
  }
  const found: number[] = [];
  const queue = [root];
  for (const pid of queue) {
    for (const child of children.get(pid) ?? []) {
      found.push(child);
      queue.push(child);
    }
  }
  return found;
}

const IN_TERMINAL = `
import os, pty, sys, time
pid, master = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "-c", sys.argv[1]])
print(pid)
while True:
    try:
        os.read(master, 4096)
    except OSError:
        time.sleep(1000)
`;
