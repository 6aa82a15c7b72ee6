/** Real process trees for the tests of what ends them, told apart from all others by a mark in their environment. */
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { readPids, readStat, type Stat } from "../../src/kernel/procfs.ts";

export const onLinux = process.platform === "linux" ? false : "needs Linux";
export const asRoot = process.getuid?.() === 0 ? false : "needs root";

const PATIENCE_MS = 20_000;

/** Waits for something that must come true; generous, for a loaded machine. */
export async function until(what: string, isTrue: () => boolean): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!isTrue()) {
    if (performance.now() > endMs) throw new Error(`never came true: ${what}`);
    await sleep(10);
  }
}

/** A session of its own with everything that was ever started in it; `await using` kills all of that. */
export class Tree {
  readonly #mark = `XCTL_TEST_TREE=${randomUUID()}`;
  readonly child: ChildProcess;
  output = "";

  constructor(command: string, ...args: string[]) {
    const [name, value] = this.#mark.split("=") as [string, string];
    this.child = spawn(command, args, {
      detached: true,
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, [name]: value },
    });
    this.child.stdout?.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
  }

  static bash(script: string): Tree {
    return new Tree("bash", "-c", script);
  }

  static python(script: string): Tree {
    return new Tree("python3", "-c", script);
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error("it could not be started");
    return this.child.pid;
  }

  /** Everything with the mark that is alive, whoever its parent is by now. */
  living(): Stat[] {
    return readPids("/proc")
      .filter((pid) => hasMark(pid, this.#mark))
      .map((pid) => readStat("/proc", pid))
      .filter((stat) => stat !== undefined && stat.state !== "Z" && stat.state !== "X") as Stat[];
  }

  pids(): number[] {
    return this.living().map(({ pid }) => pid);
  }

  /** The one with this command line. */
  find(commandLine: string): number {
    const bytes = `${commandLine.replaceAll(" ", "\0")}\0`;
    const found = this.pids().filter((pid) => readOrEmpty(`/proc/${pid}/cmdline`) === bytes);
    if (found.length !== 1) throw new Error(`${found.length} processes are ${commandLine}`);
    return found[0] as number;
  }

  /** Waits for so many programs below the first one, `sleep`s by default: those that are done starting. */
  async started(count: number, comm = "sleep"): Promise<this> {
    await until(`${count} × ${comm}`, () => this.living().filter((stat) => stat.comm === comm).length === count);
    return this;
  }

  async says(text: string): Promise<this> {
    await until(`output ${text}`, () => this.output.includes(text));
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await until("all killed", () => {
      const left = this.pids();
      for (const pid of left) killIfThere(pid);
      return left.length === 0;
    });
  }
}

function hasMark(pid: number, mark: string): boolean {
  return readOrEmpty(`/proc/${pid}/environ`).split("\0").includes(mark);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
