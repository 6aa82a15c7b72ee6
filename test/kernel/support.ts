/** What the tests of kernel/ share: recorded trees, and programs that wait to be looked at. */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import fc from "fast-check";

/** False where the machine can run the test; else why not, for node:test's `skip`. */
export const notLinux = process.platform === "linux" ? false : "reads the /proc of a running Linux";

/** Any text a file may decode to: control characters and halves of surrogate pairs too. */
export const anyText = fc.array(fc.oneof(fc.nat(127), fc.nat(0xffff))).map((codes) => String.fromCharCode(...codes));

export function fixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/proc/${name}`, import.meta.url));
}

/** A machine with a disk and an ext4 on a loop device that takes no writes since an error: /proc, /sys and /dev of it. */
export const storageFixture = fileURLToPath(new URL("../fixtures/storage", import.meta.url));

export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Starts `script` under Node, hands `look` the first line it prints, and ends it whatever happens. */
export async function withProgram(
  script: string,
  look: (line: string, program: ChildProcess & { pid: number }) => Promise<void>,
): Promise<void> {
  const program = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const [chunk] = (await once(program.stdout.setEncoding("utf8"), "data")) as [string];
    await look(chunk.trim(), program as ChildProcess & { pid: number });
  } finally {
    program.kill("SIGKILL");
  }
}
