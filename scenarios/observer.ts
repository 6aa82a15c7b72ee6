/** A daemon of the scenarios' own, and the command line that asks it: the same programs a user runs. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DiagDocument, PsDocument, WhyAllDocument, WhyDocument, WhyJobDocument } from "../src/model/documents.ts";
import type { Event } from "../src/model/event.ts";

export const XCTL = process.env.XCTL_UNDER_TEST ?? join(import.meta.dirname, "..", "bin", "xctl");

const EMIT_EVERY_MS = 1000;

export interface Asked<T> {
  answer: T;
  /** The whole command, from its start to its end. */
  tookMs: number;
}

export class Observer {
  readonly #daemon: ChildProcess;
  readonly #port: string;
  readonly #env: NodeJS.ProcessEnv;

  /** `more`: what the daemon is to have in its environment besides ours. */
  static async start(more: NodeJS.ProcessEnv = {}): Promise<Observer> {
    const runtime = mkdtempSync(join(tmpdir(), "xctl-runtime-"));
    const env = { ...process.env, ...more, XDG_RUNTIME_DIR: runtime, XCTL_LANG: "en" };
    const daemon = spawn(XCTL, ["run", "--port", "0"], { env, stdio: ["ignore", "ignore", "pipe"] });
    const port = await portOf(daemon);
    return new Observer(daemon, port, env);
  }

  private constructor(daemon: ChildProcess, port: string, env: NodeJS.ProcessEnv) {
    this.#daemon = daemon;
    this.#port = port;
    this.#env = env;
  }

  why(pid: number): Promise<Asked<WhyDocument>> {
    return this.#ask<WhyDocument>("why", String(pid));
  }

  whyJob(job: string): Promise<Asked<WhyJobDocument>> {
    return this.#ask<WhyJobDocument>("why", "--job", job);
  }

  async whyAll(): Promise<WhyAllDocument> {
    return (await this.#ask<WhyAllDocument>("why")).answer;
  }

  ps(): Promise<Asked<PsDocument>> {
    return this.#ask<PsDocument>("ps");
  }

  diag(pid: number, ...options: string[]): Promise<Asked<DiagDocument>> {
    return this.#ask<DiagDocument>("diag", String(pid), ...options);
  }

  /** Until killed, the events are told again and again, as by a probe. */
  emit(events: () => readonly Event[]): ChildProcess {
    const emitter = spawn(XCTL, ["emit", "--port", this.#port], {
      env: this.#env,
      stdio: ["pipe", "ignore", "ignore"],
    });
    const timer = setInterval(() => {
      for (const event of events()) emitter.stdin.write(`${JSON.stringify(event)}\n`);
    }, EMIT_EVERY_MS);
    emitter.stdin.on("error", () => {});
    emitter.once("exit", () => clearInterval(timer));
    return emitter;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#daemon.once("exit", resolve));
    this.#daemon.kill("SIGTERM");
    await ended;
    this.abandon();
  }

  /** Where nobody can wait for its end any more. */
  abandon(): void {
    this.#daemon.kill("SIGTERM");
    rmSync(this.#env.XDG_RUNTIME_DIR as string, { recursive: true, force: true });
  }

  #ask<T>(...command: string[]): Promise<Asked<T>> {
    const start = performance.now();
    return new Promise((resolve, reject) => {
      execFile(
        XCTL,
        [...command, "--json", "--port", this.#port],
        { env: this.#env, maxBuffer: 1 << 26 },
        (error, stdout) => {
          if (error !== null && stdout === "") reject(error);
          else resolve({ answer: JSON.parse(stdout) as T, tookMs: performance.now() - start });
        },
      );
    });
  }
}

function portOf(daemon: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    daemon.stderr?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const port = /http:\/\/[^\s,]*:(\d+)/.exec(said)?.[1];
      if (port !== undefined) resolve(port);
    });
    daemon.once("error", reject);
    daemon.once("exit", (status) => reject(new Error(`the daemon ended with ${status}: ${said}`)));
  });
}
