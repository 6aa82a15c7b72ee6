/** A daemon to be measured, in a process of its own, as bin/xctl starts it: what it uses, and how long its loop is held. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readChildren, readStat } from "../src/kernel/procfs.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const WATCH_LOOP = fileURLToPath(new URL("loop-delay.ts", import.meta.url));
const READY_MS = 60_000;
const MS_PER_TICK = 10;

export interface DaemonOptions {
  port: number;
  env?: NodeJS.ProcessEnv;
  /** All of them where not given. */
  probes?: readonly string[];
}

export class MeasuredDaemon {
  readonly folder = mkdtempSync(join(tmpdir(), "xctl-bench-"));
  readonly #child: ChildProcess;
  readonly #delays = join(this.folder, "loop.json");

  private constructor({ port, env = {}, probes = [] }: DaemonOptions) {
    const named = probes.flatMap((probe) => ["--probe", probe]);
    const args = ["--max-semi-space-size=8", "--import", WATCH_LOOP, MAIN, "run", "--port", String(port), ...named];
    this.#child = spawn(process.execPath, args, {
      env: { ...process.env, XDG_RUNTIME_DIR: this.folder, XCTL_BENCH_DELAYS: this.#delays, ...env },
      stdio: ["ignore", "ignore", "pipe"],
    });
  }

  static async start(options: DaemonOptions): Promise<MeasuredDaemon> {
    const daemon = new MeasuredDaemon(options);
    let said = "";
    daemon.#child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const end = performance.now() + READY_MS;
    while (!said.includes("listening on")) {
      if (performance.now() > end || daemon.#child.exitCode !== null) {
        daemon.stop();
        throw new Error(`the daemon did not start: ${said}`);
      }
      await sleep(100);
    }
    return daemon;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** User and system time so far, its helpers' included, those that have ended too. */
  cpuMs(): number {
    return [this.pid, ...(readChildren("/proc", this.pid) ?? [])].reduce((sum, pid) => sum + cpuMsOf(pid), 0);
  }

  residentMiB(): number {
    const status = readFileSync(`/proc/${this.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  /** The longest that the event loop is held in the time that this takes. */
  async longestHoldMs(forMs: number): Promise<number> {
    this.#child.kill("SIGUSR2");
    await sleep(forMs);
    this.#child.kill("SIGUSR2");
    await sleep(500);
    return Number(readFileSync(this.#delays, "utf8"));
  }

  stop(): void {
    this.#child.kill("SIGKILL");
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function cpuMsOf(pid: number): number {
  if (readStat("/proc", pid) === undefined) return 0;
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /s, "")
    .split(" ");
  // proc_pid_stat(5): utime, stime, and those of children that were waited for, from the 14th on; two are cut off.
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * MS_PER_TICK;
}
