/** The same on Windows, where a tree is a matter of taskkill: it ends the process and all that it started. */
import { execFile } from "node:child_process";
import { ZapRefused } from "./refusal.ts";

/** taskkill's exit status where there is no such process. */
const NOT_FOUND = 128;
const DEADLINE_MS = 10_000;

/** `/F` by force, `/T` with the tree. */
export function taskkillArguments(pid: number): string[] {
  return ["/F", "/T", "/PID", String(pid)];
}

/** Resolves once the tree is ended. Throws ZapRefused. */
export async function taskkill(pid: number): Promise<void> {
  if (pid === process.pid) throw new ZapRefused("self", pid);
  if (pid === process.ppid) throw new ZapRefused("ancestor", pid);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  execFile("taskkill", taskkillArguments(pid), { timeout: DEADLINE_MS, windowsHide: true }, (error) => {
    if (error === null) resolve();
    else reject(new ZapRefused(error.code === NOT_FOUND ? "no_such_process" : "denied", pid, "", String(pid)));
  });
  await promise;
}
