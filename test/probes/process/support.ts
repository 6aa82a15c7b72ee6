/** A process probe at work on this machine, what its events amount to, and processes to look at that are surely ended. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { processProbe } from "../../../src/probes/process/index.ts";
import type { Event } from "../../../src/model/event.ts";
import type { Probe, ProbeContext } from "../../../src/probes/probe.ts";

const DEADLINE_MS = 30_000;
const AGAIN_MS = 100;

export interface SeenWait {
  entity: string;
  kind: string;
  attrs: NonNullable<Event["attrs"]>;
}

/** What a reader of the events knows: waits by process, holders by thing, states; and every event, for the history. */
class Seen {
  readonly events: Event[] = [];
  readonly states = new Map<number, Event>();
  readonly #waits = new Map<number, Map<string, SeenWait>>();
  readonly #holders = new Map<string, Map<number, string>>();

  add(events: readonly Event[]): void {
    for (const event of events) {
      this.events.push(event);
      const pid = event.pid as number;
      if (event.event_type === "process.state") this.states.set(pid, event);
      if (event.event_type === "process.wait") {
        const key = `${event.entity_id} ${event.attrs?.tid}`;
        const waits = this.#waits.get(pid) ?? new Map();
        this.#waits.set(pid, waits);
        if (event.value === "end") waits.delete(key);
        else waits.set(key, { entity: event.entity_id, kind: event.value, attrs: event.attrs });
      }
      if (event.event_type === "resource.held") {
        const holders = this.#holders.get(event.entity_id) ?? new Map();
        this.#holders.set(event.entity_id, holders);
        if (event.value === "end") holders.delete(pid);
        else holders.set(pid, event.value);
      }
    }
  }

  waits(pid: number): SeenWait[] {
    return [...(this.#waits.get(pid)?.values() ?? [])];
  }

  /** `pid:role`, sorted. */
  holders(entity: string): string[] {
    return Array.from(this.#holders.get(entity) ?? [], ([pid, role]) => `${pid}:${role}`).sort();
  }
}

export class Session {
  readonly seen = new Seen();
  readonly probe: Probe = processProbe();
  readonly folder = mkdtempSync(join(tmpdir(), "xctl-process-"));
  readonly #abort = new AbortController();
  readonly #context: ProbeContext;
  readonly #children: ChildProcess[] = [];
  readonly #running: Promise<void>;

  constructor(interval = 500) {
    this.#context = {
      signal: this.#abort.signal,
      now: () => Date.now(),
      log: () => undefined,
      interval,
      reject: () => undefined,
    };
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    for await (const events of this.probe.run(this.#context)) this.seen.add(events);
  }

  async inspect(...pids: number[]): Promise<Event[]> {
    const events = (await this.probe.inspect?.(pids, this.#context)) ?? [];
    this.seen.add(events);
    return events;
  }

  /** A process in a group of its own. */
  spawn(command: string, args: readonly string[], stdio: ("ignore" | "pipe")[] = ["ignore", "ignore", "ignore"]) {
    const child = spawn(command, args, { detached: true, stdio });
    this.#children.push(child);
    child.on("error", () => undefined);
    return child as ChildProcess & { pid: number };
  }

  python(program: string, ...args: string[]) {
    return this.spawn(pythonPath(), ["-c", program, ...args], ["pipe", "pipe", "ignore"]);
  }

  shell(program: string) {
    return this.spawn("bash", ["-c", program]);
  }

  /** The process's wait of this kind, once it has settled in it. */
  async waitOf(pid: number, kind: string): Promise<SeenWait> {
    return this.eventually(`pid ${pid} waits: ${kind}`, async () => {
      await this.inspect(pid);
      return this.seen.waits(pid).find((wait) => wait.kind === kind);
    });
  }

  async stateOf(pid: number, state: string): Promise<Event> {
    return this.eventually(`pid ${pid} is ${state}`, async () => {
      await this.inspect(pid);
      const event = this.seen.states.get(pid);
      return event?.value === state ? event : undefined;
    });
  }

  async eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
    const end = Date.now() + DEADLINE_MS;
    for (;;) {
      const found = await look();
      if (found !== undefined && found !== false) return found;
      if (Date.now() > end) throw new Error(`never seen: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  async stop(): Promise<void> {
    for (const { pid } of this.#children) {
      try {
        if (pid !== undefined) process.kill(-pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    this.#abort.abort();
    await this.#running;
    rmSync(this.folder, { recursive: true, force: true });
  }
}

let python: string | undefined;

/** The interpreter itself: what PATH has may be a shell script that looks for it, and waits for others meanwhile. */
function pythonPath(): string {
  python ??= execFileSync("python3", ["-c", "import sys; print(sys.executable)"], { encoding: "utf8" }).trim();
  return python;
}

/** The number that the child prints first. */
export async function firstNumber(child: ChildProcess): Promise<number> {
  return Number(await printed(child, (text) => text.split("\n").length > 1 && text.split("\n", 1)[0]));
}

/** So many numbers that the child, or its children, print after a name each. */
export async function namedNumbers(child: ChildProcess, count: number): Promise<Record<string, number>> {
  const numbers = await printed(child, (text) => {
    const found = [...text.matchAll(/(\w+) (\d+)\s/g)];
    return found.length >= count && found;
  });
  return Object.fromEntries((numbers ?? []).map(([, name, number]) => [name, Number(number)]));
}

async function printed<T>(child: ChildProcess, read: (text: string) => T | false): Promise<T | undefined> {
  let text = "";
  const late = setTimeout(() => child.stdout?.destroy(new Error(`printed only: ${text}`)), DEADLINE_MS);
  try {
    for await (const chunk of child.stdout ?? []) {
      text += String(chunk);
      const found = read(text);
      if (found !== false) return found;
    }
    return undefined;
  } finally {
    clearTimeout(late);
  }
}
