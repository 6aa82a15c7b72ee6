/** xctl as a user runs it: processes of their own, with a runtime folder of their own. Whatever was started goes with the test. */
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { until } from "../act/processes.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const MAIN = join(ROOT, "src", "main.ts");

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
}

export interface Started {
  child: ChildProcess;
  pid: number;
  /** What it has said so far. */
  said: { stdout: string; stderr: string };
  ended: Promise<Ended>;
}

export interface StartOptions {
  /** Null leaves it open; without it, there is none. */
  input?: string | Uint8Array | null;
  env?: NodeJS.ProcessEnv;
}

/** A daemon, and the way to ask it. */
export interface Watched extends Started {
  port: number;
  /** A verb with the daemon's port. */
  ask(verb: string, ...options: string[]): Promise<Ended>;
  /** What the verb prints with --json. */
  document<T>(verb: string, ...options: string[]): Promise<T>;
  emit(...events: object[]): Promise<Ended>;
}

export class Place {
  readonly folder: string;
  readonly main: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(t: TestContext, main = MAIN) {
    this.main = main;
    this.folder = mkdtempSync(join(tmpdir(), "xctl-test-"));
    this.#env = {
      PATH: process.env.PATH,
      HOME: this.folder,
      XDG_RUNTIME_DIR: this.folder,
      // Kept between runs of the tests, for most of a command's time is the compiling.
      XDG_CACHE_HOME: join(ROOT, "node_modules", ".cache"),
      XCTL_LANG: "en",
      COLUMNS: "80",
    };
    t.after(() => rmSync(this.folder, { recursive: true, force: true }));
    this.#t = t;
  }

  readonly #t: TestContext;

  /** For whoever starts xctl otherwise. */
  env(): Record<string, string> {
    const entries = Object.entries(this.#env).filter((entry): entry is [string, string] => entry[1] !== undefined);
    return Object.fromEntries(entries);
  }

  /** What it says on standard output is a pipe's, as in a script. */
  run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  start(args: readonly string[], { input, env }: StartOptions = {}): Started {
    const child = spawn(process.execPath, [this.main, ...args], {
      cwd: this.folder,
      env: { ...this.#env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    return this.#follow(child, input);
  }

  /** A line of shell in which `xctl` is this xctl. */
  shell(line: string, shell = "bash"): Promise<Ended> {
    const define = `xctl() { "${process.execPath}" "${this.main}" "$@"; }\n`;
    const child = spawn(shell, ["-c", define + line], { cwd: this.folder, env: this.#env, stdio: "pipe" });
    return this.#follow(child).ended;
  }

  /** Resolves once it listens. */
  async daemon(...options: string[]): Promise<Watched> {
    const started = this.start(["run", "--port", "0", ...options]);
    const { said, child } = started;
    await until(
      `the daemon listens: ${said.stderr}`,
      () => /listening on/.test(said.stderr) || child.exitCode !== null,
    );
    const port = Number(/listening on http:\/\/127\.0\.0\.1:(\d+),/.exec(said.stderr)?.[1]);
    if (Number.isNaN(port)) throw new Error(`the daemon did not start: ${said.stderr}`);
    const ask = (verb: string, ...more: string[]) => this.run([verb, ...more, "--port", String(port)]);
    return {
      ...started,
      port,
      ask,
      document: async <T>(verb: string, ...more: string[]) =>
        JSON.parse((await ask(verb, ...more, "--json")).stdout) as T,
      emit: (...events) => this.run(["emit", "--port", String(port)], { input: lines(events) }),
    };
  }

  /** A file in the folder. */
  file(name: string, text: string | Uint8Array, mode = 0o644): string {
    const path = join(this.folder, name);
    writeFileSync(path, text, { mode });
    return path;
  }

  /** A recorded log. */
  log(...events: object[]): string {
    return this.file("log.jsonl", lines(events));
  }

  #follow(child: ChildProcess, input: string | Uint8Array | null = ""): Started {
    const said = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name]?.setEncoding("utf8").on("data", (text: string) => (said[name] += text));
    }
    // It may end before it has read everything.
    child.stdin?.on("error", () => {});
    if (input !== null) child.stdin?.end(input);
    const { promise: ended, resolve, reject } = Promise.withResolvers<Ended>();
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, ...said }));
    this.#t.after(() => {
      child.kill("SIGKILL");
      return ended;
    });
    return { child, pid: child.pid as number, said, ended };
  }
}

function lines(events: readonly object[]): string {
  return events.map((event) => `${JSON.stringify(event)}\n`).join("");
}
