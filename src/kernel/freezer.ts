/**
 * Which cgroups are frozen, who is in them, and which control file thaws them, by either version of the freezer.
 * Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst, cgroup-v2.rst ("cgroup.freeze").
 */
import { readdirSync, statSync } from "node:fs";
import { cgroupFor, cgroupMounts, lineage, readCgroupStats, readCgroupValue, type Cgroup } from "./cgroup-files.ts";
import { processOf, readText } from "./procfs.ts";

export interface Freeze {
  version: 1 | 2;
  /** False: it was ordered, but not all of its tasks stand still yet; one that hangs in the kernel keeps it so. */
  complete: boolean;
  /** The control file that holds it frozen: its own, or that of a cgroup above, which freezes all below. */
  control: string;
  /** What that file, or the one that reports the state, said. */
  source: string;
  observed: string;
}

export interface FrozenCgroup extends Freeze {
  pids: number[];
}

/** Cgroups that one scan looks at; a machine with more is scanned as far as that goes. */
const MAX_CGROUPS = 8192;
const PROCS_BYTES = 1 << 20;
/** A folder without others in it has its own name and its `.`; stat(2), fs/kernfs/inode.c. */
const LINKS_OF_A_LEAF = 2;

/**
 * Every frozen cgroup that has processes. A walk over all cgroups and not over the processes: a file for each cgroup
 * is read, and who has moved into a frozen one is found too. `pause` is asked between two cgroups.
 */
export async function findFrozen(proc: string, pause: () => Promise<void> | undefined): Promise<FrozenCgroup[]> {
  const found: FrozenCgroup[] = [];
  const queue: { cgroup: Cgroup; above: Freeze | undefined }[] = freezerRoots(proc).map((cgroup) => ({
    cgroup,
    above: undefined,
  }));
  for (const { cgroup, above } of queue) {
    const due = pause();
    if (due !== undefined) await due;
    const freeze = freezeOf(cgroup, above);
    if (freeze !== undefined) {
      const pids = members(proc, cgroup);
      if (pids.length > 0) found.push({ ...freeze, pids });
    }
    for (const name of children(cgroup.folder)) {
      if (queue.length >= MAX_CGROUPS) break;
      const path = `${cgroup.path === "/" ? "" : cgroup.path}/${name}`;
      queue.push({ cgroup: { ...cgroup, path, folder: `${cgroup.folder}/${name}` }, above: freeze });
    }
  }
  return found;
}

/** The path of the process's cgroup where that is frozen, or ordered to be: not even SIGKILL ends it there in v1. */
export function frozenCgroup(proc: string, pid: number): string | undefined {
  for (const version of [1, 2] as const) {
    const cgroup = cgroupFor(proc, pid, "freezer", version);
    if (cgroup === undefined) continue;
    let freeze: Freeze | undefined;
    for (const each of lineage(proc, cgroup).toReversed()) freeze = freezeOf(each, freeze);
    if (freeze !== undefined) return cgroup.path;
  }
  return undefined;
}

/** `above`: how the cgroup above it is frozen. The outermost freeze is the one to name: others only take effect in it. */
function freezeOf(cgroup: Cgroup, above: Freeze | undefined): Freeze | undefined {
  return cgroup.version === 1 ? freezeOfV1(cgroup, above) : freezeOfV2(cgroup, above);
}

/** freezer.state is what its own and the freezes above it amount to. */
function freezeOfV1(cgroup: Cgroup, above: Freeze | undefined): Freeze | undefined {
  const state = readCgroupValue(cgroup, "freezer.state");
  if (state !== "FROZEN" && state !== "FREEZING") return undefined;
  const control = above?.control ?? `${cgroup.folder}/freezer.state`;
  return {
    version: 1,
    complete: state === "FROZEN",
    control,
    source: `${cgroup.folder}/freezer.state`,
    observed: above === undefined ? state : `${state}, because ${control} is`,
  };
}

/** cgroup.freeze is what was ordered for itself, `frozen` in cgroup.events what its and all orders above amount to. */
function freezeOfV2(cgroup: Cgroup, above: Freeze | undefined): Freeze | undefined {
  if (above === undefined && readCgroupValue(cgroup, "cgroup.freeze") !== "1") return undefined;
  const complete = readCgroupStats(cgroup, "cgroup.events")?.get("frozen") === 1;
  const control = above?.control ?? `${cgroup.folder}/cgroup.freeze`;
  return {
    version: 2,
    complete,
    control,
    source: `${cgroup.folder}/cgroup.events`,
    observed: `frozen ${complete ? 1 : 0}, because 1 stands in ${control}`,
  };
}

function freezerRoots(proc: string): Cgroup[] {
  const roots = new Map<string, Cgroup>();
  for (const { version, controllers, root, mountPoint } of cgroupMounts(proc)) {
    if (version === 1 && !controllers.includes("freezer")) continue;
    // The same hierarchy may be mounted in several places.
    const key = `${version} ${root}`;
    if (!roots.has(key)) roots.set(key, { version, path: root, folder: mountPoint });
  }
  return [...roots.values()];
}

function members(proc: string, { folder }: Cgroup): number[] {
  const procs = numbersIn(readText(`${folder}/cgroup.procs`, PROCS_BYTES));
  if (procs !== undefined) return procs;
  // A threaded cgroup of v2 does not list processes.
  const threads = numbersIn(readText(`${folder}/cgroup.threads`, PROCS_BYTES)) ?? [];
  return [...new Set(threads.map((tid) => processOf(proc, tid)))];
}

/** 0 stands for a process of another pid namespace. */
function numbersIn(text: string | undefined): number[] | undefined {
  return text
    ?.split("\n")
    .map(Number)
    .filter((number) => Number.isInteger(number) && number > 0);
}

function children(folder: string): string[] {
  try {
    if (statSync(folder).nlink === LINKS_OF_A_LEAF) return [];
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []));
  } catch {
    return [];
  }
}
