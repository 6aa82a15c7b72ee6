/** A folder of its own for a test of the shell scripts, with programs that stand in for those of the machine. */
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import type { TestContext } from "node:test";

/** Of the machine's programs, those that the scripts may use besides node and npm. */
const BASICS = ["cat", "chmod", "cmp", "cp", "find", "flock", "mkdir", "mv", "readlink", "rm", "sh", "sleep"];

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
  pid: number | undefined;
}

export class Sandbox {
  /** The folder's path holds a space, a quote and a star: all that a script forgets to quote. */
  readonly root: string;
  readonly #path: string;

  constructor(t: TestContext) {
    this.root = realpathSync(mkdtempSync(join(tmpdir(), "xctl it's * ")));
    t.after(() => rmSync(this.root, { recursive: true, force: true }));
    this.#path = join(this.root, "programs");
    mkdirSync(this.#path);
    for (const name of BASICS) {
      const found = which(name);
      if (found !== undefined) symlinkSync(found, join(this.#path, name));
    }
  }

  /** Writes a file below the root; its folders are made. */
  file(path: string, text: string, mode = 0o644): string {
    const full = join(this.root, path);
    mkdirSync(dirname(full), { recursive: true });
    writeFileSync(full, text);
    chmodSync(full, mode);
    return full;
  }

  /** A shell script on the PATH of whatever is run here. */
  program(name: string, script: string): void {
    this.file(join("programs", name), `#!/bin/sh\n${script}\n`, 0o755);
  }

  run(file: string, args: string[] = [], cwd = this.root): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = spawn(file, args, { cwd, env: { PATH: this.#path }, timeout: 60_000 });
      const ended: Ended = { status: null, stdout: "", stderr: "", pid: child.pid };
      child.stdout.setEncoding("utf8").on("data", (text: string) => (ended.stdout += text));
      child.stderr.setEncoding("utf8").on("data", (text: string) => (ended.stderr += text));
      child.on("error", reject);
      child.on("close", (status) => resolve({ ...ended, status }));
    });
  }
}

function which(name: string): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find((path) => exists(path));
}

function exists(path: string): boolean {
  try {
    return realpathSync(path) !== "";
  } catch {
    return false;
  }
}
