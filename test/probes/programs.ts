/** What tests of programs as probes share: a folder of real programs, a host that collects, and a look at who lives. */
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { readStat } from "../../src/kernel/procfs.ts";
import type { Event } from "../../src/model/event.ts";
import { ProbeHost, type HostOptions } from "../../src/probes/host.ts";

export const linuxOnly = { skip: process.platform === "linux" ? false : "needs /proc" };

export const LINE = '{"ts":1,"event_type":"compute.util","entity_id":"gpu-00","value":"1"}';

/** Writes programs into a folder that goes with the test. */
export function programs(t: TestContext): (name: string, text: string, mode?: number) => string {
  const folder = mkdtempSync(join(tmpdir(), "xctl-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return (name, text, mode = 0o755) => {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
}

/** A host whose events and log lines are kept; it is stopped when the test ends. */
export function collectingHost(t: TestContext, options: Partial<HostOptions> = {}) {
  const events: Event[] = [];
  const logged: string[] = [];
  const host = new ProbeHost({
    sink: (batch) => void events.push(...batch),
    log: (message) => void logged.push(message),
    interval: 100,
    now: Date.now,
    ...options,
  });
  t.after(() => host.stop());
  return { host, events, logged };
}

/** Waits until it holds; fails with what it was waiting for. */
export async function until(what: string, holds: () => boolean, deadlineMs = 30_000): Promise<void> {
  const deadline = performance.now() + deadlineMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await delay(20);
  }
}

export function lives(pid: number): boolean {
  const state = readStat("/proc", pid)?.state;
  return state !== undefined && state !== "Z" && state !== "X";
}

/** Every living process with this text in its environment. */
export function carriers(text: string): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && lives(pid) && environOf(pid).includes(text));
}

/** The pids that a program has written into a file, one a line. */
export function pidsIn(path: string): number[] {
  try {
    return readFileSync(path, "utf8").trim().split("\n").map(Number).filter(Boolean);
  } catch {
    return [];
  }
}

function environOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1");
  } catch {
    return "";
  }
}
