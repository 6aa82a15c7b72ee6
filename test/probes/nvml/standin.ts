/** The stand-in for NVML: compiled once for each variant, and driven by a file that says what its GPUs do. */
import { execFileSync } from "node:child_process";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOURCE = join(import.meta.dirname, "..", "..", "fixtures", "nvml", "standin.c");

/** False where it can be built; else why not, for node:test's `skip`. */
export const noStandIn = process.platform !== "linux" ? "NVML is looked for on Linux only" : compilerMissing();

export type Variant = "VERSION_1" | "WIDE";

export class StandIn {
  readonly folder = mkdtempSync(join(tmpdir(), "xctl-nvml-"));
  readonly #file = join(this.folder, "state");

  constructor(state: string, variant?: Variant) {
    const library = join(this.folder, "libnvidia-ml.so.1");
    const define = variant === undefined ? [] : [`-D${variant}`];
    execFileSync("gcc", ["-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", ...define, "-o", library, SOURCE]);
    this.set(state);
  }

  /** What a process is to have in its environment so that it finds this library and not another. */
  get environment(): { LD_LIBRARY_PATH: string; XCTL_NVML_STANDIN: string } {
    return { LD_LIBRARY_PATH: this.folder, XCTL_NVML_STANDIN: this.#file };
  }

  /** All that is so from now on; never half of it. */
  set(state: string): void {
    writeFileSync(`${this.#file}.new`, `${state}\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }

  add(line: string): void {
    appendFileSync(this.#file, `${line}\n`);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function compilerMissing(): string | false {
  try {
    execFileSync("gcc", ["--version"], { stdio: "ignore" });
    return false;
  } catch {
    return "needs gcc to build the stand-in for NVML";
  }
}
