/** One life of the process that calls NVML: started, asked, killed. It must not know how long an answer may take. */
import { spawn, type ChildProcess } from "node:child_process";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { LineReader } from "../../lib/lines.ts";
import type { NvmlReading } from "../../kernel/nvml-reading.ts";
import { readStat, readText, readTids } from "../../kernel/procfs.ts";

export interface ReaderEvents {
  ready(): void;
  reading(reading: NvmlReading): void;
  /** It cannot go on, and why. */
  failed(reason: string): void;
}

// Beside this file from source, at the bundle's root when built (rolldown.config.ts).
const isSource = import.meta.url.endsWith(".ts");
const ENTRY = fileURLToPath(new URL(isSource ? "./reader-process.ts" : "./nvml-reader.js", import.meta.url));
/** 64 GPUs with thousands of processes. */
const MAX_LINE_BYTES = 1 << 24;

/** Killed ones that have not gone: what they wait for in the driver does not let go even of the dead. */
let undead = 0;

export class ReaderLife {
  readonly #child: ChildProcess;
  readonly #events: ReaderEvents;
  #step = "";
  #killed = false;
  #gone = false;

  static get undead(): number {
    return undead;
  }

  /** Throws where no process can be had. */
  constructor(events: ReaderEvents) {
    this.#events = events;
    const child = spawn(process.execPath, ["--max-old-space-size=64", ENTRY], {
      stdio: ["pipe", "pipe", "ignore", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "" },
    });
    this.#child = child;
    // A write to one that has just died; `exit` tells of the death.
    child.stdin?.on("error", () => {});
    const lines = new LineReader(MAX_LINE_BYTES, () => this.#fail("it answered what is no line"));
    child.stdout?.on("data", (chunk: Buffer) => lines.push(chunk).forEach((line) => this.#take(line)));
    const steps = child.stdio[3] as Readable;
    steps.on("error", () => {}).on("data", (chunk: Buffer) => this.#noteStep(chunk.toString("latin1")));
    child.once("exit", (_, signal) => this.#end(signal)).once("error", () => this.#end(null));
  }

  /** The call that it is in, as far as it has told: `nvmlDeviceGetTemperature of GPU 1`. */
  get step(): string {
    return this.#step;
  }

  ask(): void {
    this.#child.stdin?.write("\n");
  }

  /** Where it hangs: `state D in os_acquire_mutex`. */
  whereabouts(): string {
    const pid = this.#child.pid ?? 0;
    const state = readStat("/proc", pid)?.state ?? "?";
    const channel = readText(`/proc/${pid}/wchan`)?.trim() ?? "";
    return channel === "" || channel === "0" ? `state ${state}` : `state ${state} in ${channel}`;
  }

  /** Whether one of its threads has a CPU or waits for one: then it may be late, not hung. */
  isRunnable(): boolean {
    const { pid } = this.#child;
    return pid !== undefined && readTids("/proc", pid).some((tid) => readStat("/proc", pid, tid)?.state === "R");
  }

  kill(): void {
    if (this.#killed || this.#gone) return;
    this.#killed = true;
    undead += 1;
    this.#child.kill("SIGKILL");
    for (const stream of this.#child.stdio) stream?.destroy();
    // One that never goes must not keep us from ending.
    this.#child.unref();
  }

  #end(signal: NodeJS.Signals | null): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#killed) undead -= 1;
    else this.#fail(`the process that calls NVML ended${signal === null ? "" : ` by ${signal}`}${this.#inStep()}`);
  }

  #fail(reason: string): void {
    if (!this.#killed) this.#events.failed(reason);
  }

  #inStep(): string {
    return this.#step === "" ? "" : ` in ${this.#step}`;
  }

  #noteStep(text: string): void {
    const [last] = text.split("\n").slice(-2);
    if (last !== undefined) this.#step = last;
  }

  #take(line: string): void {
    if (this.#killed) return;
    const answer = JSON.parse(line) as { ready?: true; reading?: NvmlReading; failed?: string };
    if (answer.reading !== undefined) this.#events.reading(answer.reading);
    else if (answer.ready) this.#events.ready();
    else this.#events.failed(answer.failed ?? "it answered nothing");
  }
}
