/** One life of the helper: started, asked, killed. It must not know how long an answer may take. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import { readStat, readTids } from "./procfs.ts";

export interface Question {
  path: string;
  /** At most so many bytes. */
  limit: number;
  /** Where to begin, decimal; from the start without it. */
  position?: string;
  /** The path is a network namespace's, and wanted are the unix sockets in it, as a list of entries in JSON. */
  unix?: true;
  /** The path is a network namespace's, and wanted are the interfaces in it: a LinkTable in JSON. */
  links?: true;
  /** Wanted is what stat(2) or statfs(2) say of the path: a FileState or FileSystemUse in JSON. */
  stat?: "file" | "file system";
  /** The path is an environment, and wanted are these variables of it and no others: Variables in JSON. */
  variables?: readonly string[];
  /** The path is the folder that proc and sys are in, and wanted is a DrmSample in JSON. */
  drm?: true;
}

export interface HelperEvents {
  ready(): void;
  /** In the order of the questions; undefined where the file cannot be read. */
  answer(data: Buffer | undefined): void;
  /** It ended by itself, or never started. */
  died(): void;
}

// Beside this file from source, at the bundle's root when built (rolldown.config.ts).
const ENTRY = fileURLToPath(new URL(import.meta.url.endsWith(".ts") ? "./helper.ts" : "./helper.js", import.meta.url));

/** Killed helpers that have not gone: what they wait for does not let go even of the dead. */
let undead = 0;
const living = new Set<number>();

/** Whether the process is a helper of this program's. */
export function isHelper(pid: number): boolean {
  return living.has(pid);
}

export class HelperProcess {
  readonly #child: ChildProcess;
  readonly #events: HelperEvents;
  #partial = "";
  #killed = false;
  #gone = false;
  ready = false;

  static get undead(): number {
    return undead;
  }

  constructor(events: HelperEvents) {
    this.#events = events;
    this.#child = spawn(process.execPath, ["--max-old-space-size=64", ENTRY], {
      stdio: ["pipe", "pipe", "ignore"],
      env: { ...process.env, NODE_OPTIONS: "", UV_THREADPOOL_SIZE: "1" },
    });
    if (this.#child.pid !== undefined) living.add(this.#child.pid);
    // A write to a helper that has just died; `exit` tells of the death.
    this.#child.stdin?.on("error", () => {});
    this.#child.stdout?.setEncoding("utf8").on("data", (chunk: string) => this.#read(chunk));
    this.#child.once("exit", () => this.#end()).once("error", () => this.#end());
  }

  ask(question: Question): void {
    this.#child.stdin?.write(`${JSON.stringify(question)}\n`);
  }

  /** Whether one of its threads has a CPU or waits for one: then it is late, not hung. */
  isRunnable(): boolean {
    const { pid } = this.#child;
    return pid !== undefined && readTids("/proc", pid).some((tid) => readStat("/proc", pid, tid)?.state === "R");
  }

  kill(): void {
    if (this.#killed || this.#gone) return;
    this.#killed = true;
    undead += 1;
    this.#child.kill("SIGKILL");
    this.#child.stdin?.destroy();
    this.#child.stdout?.destroy();
    // One that never goes must not keep us from ending.
    this.#child.unref();
  }

  #end(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#child.pid !== undefined) living.delete(this.#child.pid);
    if (this.#killed) undead -= 1;
    else this.#events.died();
  }

  #read(chunk: string): void {
    const lines = (this.#partial + chunk).split("\n");
    this.#partial = lines.pop() ?? "";
    for (const line of lines) {
      if (this.#killed) return;
      if (line === "ready") {
        this.ready = true;
        this.#events.ready();
      } else {
        const { data } = JSON.parse(line) as { data?: string };
        this.#events.answer(data === undefined ? undefined : Buffer.from(data, "base64"));
      }
    }
  }
}
