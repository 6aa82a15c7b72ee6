/** A cgroup of a scenario's own, in whichever hierarchy has its controller; gone, with all in it, when the stage is struck. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { cgroupMounts } from "../src/kernel/cgroup-files.ts";
import type { Stage } from "./stage.ts";

/** v1 controllers, and the v2 hierarchy. */
const HIERARCHIES = ["freezer", "cpu", "memory", "blkio", "cgroup2"] as const;
export type Hierarchy = (typeof HIERARCHIES)[number];

const REMOVAL_TIMEOUT_MS = 3000;
const ROOT = "xctl-scenario";

export function isHierarchy(name: string): name is Hierarchy {
  return (HIERARCHIES as readonly string[]).includes(name);
}

export function mountOf(hierarchy: Hierarchy): string | undefined {
  const isWanted = ({ version, controllers }: { version: number; controllers: readonly string[] }) =>
    hierarchy === "cgroup2" ? version === 2 : controllers.includes(hierarchy);
  return cgroupMounts("/proc").find(isWanted)?.mountPoint;
}

let count = 0;

export class ControlGroup {
  readonly folder: string;

  static create(stage: Stage, hierarchy: Hierarchy): ControlGroup {
    const mount = mountOf(hierarchy);
    if (mount === undefined) throw new Error(`no ${hierarchy} hierarchy is mounted`);
    const group = new ControlGroup(join(mount, `${ROOT}-${process.pid}-${++count}`));
    stage.defer(() => remove(group.folder));
    return group;
  }

  private constructor(folder: string) {
    this.folder = folder;
    mkdirSync(folder);
  }

  /** A cgroup within it. */
  child(name: string): ControlGroup {
    return new ControlGroup(join(this.folder, name));
  }

  get name(): string {
    return basename(this.folder);
  }

  add(pid: number): void {
    this.set("cgroup.procs", pid);
  }

  set(file: string, value: string | number): void {
    writeFileSync(join(this.folder, file), String(value));
  }

  has(file: string): boolean {
    return existsSync(join(this.folder, file));
  }

  get(file: string): string {
    return readFileSync(join(this.folder, file), "utf8").trim();
  }
}

/** Who is in it is let go and killed first: no frozen process dies, and no cgroup with a process can be removed. */
function remove(folder: string): void {
  const undo = { "freezer.state": "THAWED", "cgroup.freeze": "0", "memory.oom_control": "0" };
  for (const [file, value] of Object.entries(undo)) {
    if (existsSync(join(folder, file))) writeFileSync(join(folder, file), value);
  }
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) remove(join(folder, entry.name));
  }
  const deadlineMs = performance.now() + REMOVAL_TIMEOUT_MS;
  for (;;) {
    for (const line of readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n")) kill(Number(line));
    try {
      return rmdirSync(folder);
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}

function kill(pid: number): void {
  if (!(pid > 0)) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
