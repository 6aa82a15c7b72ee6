/** A daemon of the scenarios' own, and the command line that asks it: the same programs a user runs. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WhyAllDocument, WhyDocument } from "../src/model/documents.ts";

export const XCTL = process.env.XCTL_UNDER_TEST ?? join(import.meta.dirname, "..", "bin", "xctl");

export interface Asked<T> {
  answer: T;
  /** The whole command, from its start to its end. */
  tookMs: number;
}

export class Observer {
  readonly #daemon: ChildProcess;
  readonly #port: string;
  readonly #env: NodeJS.ProcessEnv;

  static async start(): Promise<Observer> {
    const runtime = mkdtempSync(join(tmpdir(), "xctl-runtime-"));
    const env = { ...process.env, XDG_RUNTIME_DIR: runtime, XCTL_LANG: "en" };
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
    return this.#ask<WhyDocument>(String(pid));
  }

  async whyAll(): Promise<WhyAllDocument> {
    return (await this.#ask<WhyAllDocument>()).answer;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#daemon.once("exit", resolve));
    this.#daemon.kill("SIGTERM");
    await ended;
    rmSync(this.#env.XDG_RUNTIME_DIR as string, { recursive: true, force: true });
  }

  #ask<T>(...args: string[]): Promise<Asked<T>> {
    const start = performance.now();
    return new Promise((resolve, reject) => {
      execFile(
        XCTL,
        ["why", ...args, "--json", "--port", this.#port],
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
