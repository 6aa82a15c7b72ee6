/** A real daemon on a free port, with its token in a folder of its own, and a probe that tells what the test says. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "../../src/client/client.ts";
import { startDaemon, type Daemon, type DaemonOptions } from "../../src/daemon/daemon.ts";
import type { Event } from "../../src/model/event.ts";
import type { Probe } from "../../src/probes/probe.ts";
import { tokenName } from "../../src/protocol/token-place.ts";

export const NODE = "test-host";

/** Tells what `tell` is given, and answers an inspection with what is in `closer`. */
export class TestProbe implements Probe {
  readonly name = "test";
  readonly summary = "what the test says";
  readonly closer = new Map<number, Event[]>();
  readonly inspected: number[][] = [];
  #wake: () => void = () => {};
  readonly #batches: Event[][] = [];

  supported(): true {
    return true;
  }

  async *run({ signal }: { signal: AbortSignal }): AsyncGenerator<Event[]> {
    signal.addEventListener("abort", () => this.#wake());
    while (!signal.aborted) {
      const batch = this.#batches.shift();
      if (batch === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else yield batch;
    }
  }

  async inspect(pids: readonly number[]): Promise<Event[]> {
    this.inspected.push([...pids]);
    return pids.flatMap((pid) => this.closer.get(pid) ?? []);
  }

  tell(...batch: Event[]): void {
    this.#batches.push(batch);
    this.#wake();
  }
}

export interface Stage {
  daemon: Daemon;
  client: Client;
  probe: TestProbe;
  /** What the daemon logged. */
  logged: string[];
  /** Its token's folder is `xctl` in here. */
  folder: string;
  tokenFile: string;
}

/** XDG_RUNTIME_DIR is a new folder while `use` runs; what was started in it is stopped afterwards, come what may. */
export async function withDaemon(
  use: (stage: Stage) => Promise<void>,
  options: Partial<DaemonOptions> = {},
): Promise<void> {
  await withRuntimeFolder(async (folder) => {
    const probe = new TestProbe();
    const logged: string[] = [];
    const daemon = await startDaemon({ ...defaults(logged), probes: [probe], ...options });
    const tokenFile = join(folder, "xctl", tokenName(daemon.port));
    try {
      await use({ daemon, client: new Client({ port: daemon.port }), probe, logged, folder, tokenFile });
    } finally {
      await daemon.stop();
    }
  });
}

export function defaults(logged: string[]): DaemonOptions {
  const log = (message: string): void => void logged.push(message);
  return { port: 0, host: "127.0.0.1", intervalMs: 1000, node: NODE, probes: [], log, version: "1.2.3" };
}

export async function withRuntimeFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "xctl-test-"));
  const before = process.env.XDG_RUNTIME_DIR;
  process.env.XDG_RUNTIME_DIR = folder;
  try {
    await use(folder);
  } finally {
    if (before === undefined) delete process.env.XDG_RUNTIME_DIR;
    else process.env.XDG_RUNTIME_DIR = before;
    rmSync(folder, { recursive: true, force: true });
  }
}

const PATIENCE_MS = 20_000;

/** Waits until the condition holds; fails after a time that no loaded machine needs. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const startMs = performance.now();
  while (!(await holds())) {
    if (performance.now() - startMs > PATIENCE_MS) throw new Error(`waited in vain until ${what}`);
    await delay(10);
  }
}

/** 100 waits for a pipe whose writer, 200, is stopped. */
export function stall(ts: number = Date.now()): Event[] {
  const evidence = { source: "/proc/200/stat", observed: "state T" };
  return [
    state(100, "sleeping", { comm: "reader", start_ms: ts - 60_000 }, ts),
    state(200, "stopped", { comm: "writer", start_ms: ts - 50_000, since_ms: ts - 30_000, ...evidence }, ts),
    {
      ts,
      event_type: "process.wait",
      entity_id: "pipe:7",
      pid: 100,
      value: "pipe.read",
      attrs: { since_ms: ts - 20_000 },
    },
    { ts, event_type: "resource.held", entity_id: "pipe:7", pid: 200, value: "writer" },
  ];
}

export function state(pid: number, value: string, attrs: Event["attrs"] = {}, ts: number = Date.now()): Event {
  return { ts, event_type: "process.state", entity_id: `pid-${pid}`, pid, value, attrs };
}
