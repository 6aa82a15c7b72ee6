/**
 * `--user`: the scenarios that need no root, played and asked by an ordinary user. Right must be most; of the others,
 * each answer must name what could not be seen.
 */
import { execFileSync, spawn } from "node:child_process";
import { chownSync, cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { XCTL } from "./observer.ts";
import type { Row } from "./verdict.ts";

const NOBODY = 65534;
const LEAST_SHARE_RIGHT = 0.8;

/** Runs this program again as nobody, with a home of its own; its exit status. */
export async function rerunAsNobody(args: readonly string[]): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), "xctl-nobody-"));
  chownSync(home, NOBODY, NOBODY);
  const program = installed(join(home, "xctl"));
  const user = ["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups"];
  try {
    const child = spawn("setpriv", [...user, process.execPath, process.argv[1] as string, ...args], {
      cwd: home,
      env: { PATH: process.env.PATH, HOME: home, TMPDIR: home, XCTL_UNDER_TEST: program },
      stdio: "inherit",
    });
    process.on("SIGINT", () => {}).on("SIGTERM", () => child.kill("SIGTERM"));
    return await new Promise((resolve, reject) => {
      child.once("error", reject).once("exit", (status) => resolve(status ?? 1));
    });
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** The package as npm installs it: a checkout builds what has changed, which nobody may not. */
function installed(folder: string): string {
  execFileSync(XCTL, ["--version"], { stdio: "ignore" });
  const root = join(import.meta.dirname, "..");
  for (const part of ["bin", "dist", "package.json"]) cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return join(folder, "bin", "xctl");
}

export function isGoodForUser(rows: readonly Row[]): boolean {
  const played = rows.filter((row) => row.outcome !== "skipped");
  const right = played.filter((row) => row.outcome === "right");
  const silent = played.filter((row) => row.outcome !== "right" && row.blindSpots === 0);
  const share = right.length / played.length;
  console.log(
    `as an ordinary user: ${Math.round(share * 100)} % right; ${silent.length} wrong without a blind spot named`,
  );
  return share >= LEAST_SHARE_RIGHT && silent.length === 0;
}
