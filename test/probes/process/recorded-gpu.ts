/**
 * Processes recorded on an H100 with driver 580, made to stand in a proc folder again: what stood in /proc of them, and
 * of their memory the stacks of their threads. How they were made: scenarios in CUDA that block, hang or idle.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readPulse } from "../../../src/kernel/pulse.ts";
import { Tracker, type TrackedProcess } from "../../../src/probes/process/tracker.ts";
import { lookAt } from "../../../src/probes/process/look.ts";
import { readStat, readTids } from "../../../src/kernel/procfs.ts";
import type { Fact, WaitFact } from "../../../src/probes/process/fact.ts";
import { Tables, View } from "../../../src/probes/process/view.ts";

export interface RecordedTask {
  comm: string;
  stat: string;
  syscall: string;
  wchan: string;
  stack: string;
  schedstat: string;
}

export interface RecordedProcess {
  pid: number;
  stat: string;
  status: string;
  fds: Record<string, string>;
  tasks: Record<string, RecordedTask>;
  maps: string;
  memory: { at: string; bytes: string }[];
}

export interface DriverLock {
  state: string;
  wchan: string;
  syscall: string;
  stack: string;
}

const FOLDER = new URL("../../fixtures/proc-gpu/h100-580/", import.meta.url);
const NOW_MS = 1_000_000;

export function recorded(name: string): RecordedProcess {
  return JSON.parse(readFileSync(fileURLToPath(new URL(`${name}.json`, FOLDER)), "utf8")) as RecordedProcess;
}

export function driverLocks(): Record<string, DriverLock> {
  return JSON.parse(readFileSync(fileURLToPath(new URL("driver-locks.json", FOLDER)), "utf8"));
}

export class RecordedMachine {
  readonly proc: string;
  /** Whether the memory of processes can be read. */
  seesMemory = true;
  readonly #root = mkdtempSync(join(tmpdir(), "xctl-recorded-gpu-"));
  readonly #processes = new Map<number, RecordedProcess>();

  constructor() {
    this.proc = join(this.#root, "proc");
    mkdirSync(this.proc);
  }

  remove(): void {
    rmSync(this.#root, { recursive: true });
  }

  /** As the driver shows it. */
  addGpu(pci: string, minor: number, excluded = "No"): void {
    const text = `Model: \t\t NVIDIA H100 80GB HBM3\nBus Location: \t ${pci}\nDevice Minor: \t ${minor}\nGPU Excluded:\t ${excluded}\n`;
    this.put(`driver/nvidia/gpus/${pci}/information`, text);
  }

  put(path: string, text: string): void {
    mkdirSync(join(this.proc, path, ".."), { recursive: true });
    writeFileSync(join(this.proc, path), text);
  }

  add(process: RecordedProcess): void {
    const { pid, tasks, fds } = process;
    this.#processes.set(pid, process);
    this.put(`${pid}/status`, process.status);
    for (const [tid, task] of Object.entries(tasks)) {
      for (const folder of Number(tid) === pid ? [`${pid}`, `${pid}/task/${tid}`] : [`${pid}/task/${tid}`]) {
        for (const name of ["comm", "stat", "syscall", "wchan", "stack", "schedstat"] as const) {
          this.put(`${folder}/${name}`, task[name]);
        }
      }
    }
    mkdirSync(join(this.proc, `${pid}/fd`));
    for (const [fd, target] of Object.entries(fds)) {
      symlinkSync(target, join(this.proc, `${pid}/fd/${fd}`));
      this.put(`${pid}/fdinfo/${fd}`, `pos:\t0\nflags:\t02000002\nmnt_id:\t15\nino:\t${fd}\n`);
    }
  }

  /** What the closer look says of a thread that has waited so long. */
  async look(pid: number, tid = pid, waitedMs = 5000): Promise<Fact[]> {
    const switches = readPulse(this.proc, pid, tid)?.switches ?? 0;
    const state = readStat(this.proc, pid, tid)?.state ?? "S";
    const process = this.#tracked(pid);
    const ranMs = NOW_MS - waitedMs;
    return lookAt(
      process,
      {
        tid,
        state,
        switches,
        ranMs,
        switchesPerS: undefined,
        sinceUnknown: false,
        lookedMs: undefined,
        namesOthers: false,
      },
      this.#view(),
    );
  }

  /** The one wait of that thread. */
  async wait(pid: number, tid = pid, waitedMs = 5000): Promise<WaitFact> {
    const facts = await this.look(pid, tid, waitedMs);
    const waits = facts.filter((fact) => fact.type === "wait");
    if (waits.length !== 1) throw new Error(`${waits.length} waits of ${pid}/${tid}`);
    return waits[0] as WaitFact;
  }

  #view(): View {
    const memory = (pid: number, address: bigint, length: number) =>
      Promise.resolve(this.#memory(pid, address, length));
    const maps = (pid: number) => Promise.resolve(this.seesMemory ? this.#processes.get(pid)?.maps : undefined);
    const readers = { memory, maps, unixIn: noSockets, linksIn: nothing, driver: fileText, now: () => NOW_MS };
    return new View(new Tables(this.proc, readers, new Map()), 0);
  }

  #memory(pid: number, address: bigint, length: number): Buffer | undefined {
    if (!this.seesMemory) return undefined;
    for (const { at, bytes } of this.#processes.get(pid)?.memory ?? []) {
      const data = Buffer.from(bytes, "base64");
      const from = Number(address - BigInt(at));
      if (from >= 0 && from + length <= data.length) return data.subarray(from, from + length);
    }
    return undefined;
  }

  #tracked(pid: number): TrackedProcess {
    const stat = readStat(this.proc, pid);
    if (stat === undefined) throw new Error(`no process ${pid}`);
    const tasks = readTids(this.proc, pid).map((tid) => ({ tid, state: "S", switches: 1 }));
    const tracker = new Tracker();
    const { ppid, comm, startTicks } = stat;
    const sample = { pid, startTicks, startMs: 0, ppid, pgrp: pid, comm, kthread: false, ttyNr: 0, threads: tasks.length, image: "", state: "S", tasks, atMs: 0 }; // prettier-ignore
    tracker.observe(sample);
    return tracker.processes.get(pid) as TrackedProcess;
  }
}

const noSockets = () => Promise.resolve("none");
const nothing = () => Promise.resolve(undefined);

function fileText(path: string): Promise<string | undefined> {
  try {
    return Promise.resolve(readFileSync(path, "utf8"));
  } catch {
    return nothing();
  }
}
