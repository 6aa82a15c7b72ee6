/**
 * Where a process's cgroups lie in the file system, and what their files say, whichever way the hierarchies are
 * mounted: v1, v2, or v2 beside v1 controllers. cgroups(7), Documentation/admin-guide/cgroup-v2.rst.
 *
 * Mount points are looked for below the folder that `proc` is in: `/`, or a recorded tree, or a host's root in a
 * container (`/host/proc`).
 */
import { parseCgroup } from "./cgroup.ts";
import { parseMountinfo } from "./mounts.ts";
import { readText } from "./procfs.ts";

export interface CgroupMount {
  version: 1 | 2;
  /** v1: those of the hierarchy. v2: none, it has all that no v1 hierarchy took. */
  controllers: readonly string[];
  /** The cgroup that is seen at the mount point: not `/` in a container without a cgroup namespace of its own. */
  root: string;
  mountPoint: string;
}

/** One cgroup of one hierarchy. */
export interface Cgroup {
  version: 1 | 2;
  /** As /proc/PID/cgroup names it: `/system.slice/nginx.service`. */
  path: string;
  /** Where its files lie. */
  folder: string;
}

/** Hierarchies are mounted at boot and stay. */
const MOUNTS_AGE_MS = 10_000;
/** A machine with thousands of containers has as many mounts. */
const MOUNTINFO_BYTES = 4 << 20;

const known = new Map<string, { mounts: readonly CgroupMount[]; readMs: number }>();

/** Every mounted hierarchy; the first mount of each is the one that the others use. */
export function cgroupMounts(proc: string): readonly CgroupMount[] {
  const nowMs = performance.now();
  const last = known.get(proc);
  if (last !== undefined && nowMs - last.readMs < MOUNTS_AGE_MS) return last.mounts;
  const mounts = parseCgroupMounts(readText(`${proc}/self/mountinfo`, MOUNTINFO_BYTES) ?? "", rootOf(proc));
  known.set(proc, { mounts, readMs: nowMs });
  return mounts;
}

/** `under` is put before each mount point. */
export function parseCgroupMounts(mountinfo: string, under = ""): CgroupMount[] {
  return parseMountinfo(mountinfo).flatMap(({ type, root, mountPoint, options }) => {
    if (type !== "cgroup" && type !== "cgroup2") return [];
    const version = type === "cgroup2" ? 2 : 1;
    const controllers = version === 2 ? [] : options.split(",").filter((option) => option !== "rw" && option !== "ro");
    return [{ version, controllers, root, mountPoint: under + mountPoint }];
  });
}

/**
 * The cgroup of the process that a controller acts on: of the v1 hierarchy that has the controller, else of v2.
 * `version` asks for one of them only. Undefined where the process is gone, or its cgroup is not to be seen from here.
 */
export function cgroupFor(proc: string, pid: number, controller: string, version?: 1 | 2): Cgroup | undefined {
  const memberships = parseCgroup(readText(`${proc}/${pid}/cgroup`) ?? "");
  const mounts = cgroupMounts(proc);
  if (version !== 2) {
    const path = memberships.find(({ controllers }) => controllers.includes(controller))?.path;
    const mount = mounts.find((candidate) => candidate.controllers.includes(controller));
    if (path !== undefined && mount !== undefined) return cgroupAt(mount, path);
  }
  if (version === 1) return undefined;
  const path = memberships.find(({ hierarchy }) => hierarchy === 0)?.path;
  const mount = mounts.find((candidate) => candidate.version === 2);
  return path === undefined || mount === undefined ? undefined : cgroupAt(mount, path);
}

/** Itself and every cgroup above it that can be seen, the nearest first: a limit or a freeze of any of them counts. */
export function lineage(proc: string, cgroup: Cgroup): Cgroup[] {
  const mount = cgroupMounts(proc).find(
    ({ version, mountPoint, root }) =>
      version === cgroup.version && cgroup.folder === mountPoint + suffixOf(cgroup.path, root),
  );
  const cgroups: Cgroup[] = [];
  for (let path = cgroup.path; ; path = path.slice(0, path.lastIndexOf("/")) || "/") {
    const at = mount === undefined ? undefined : cgroupAt(mount, path);
    if (at === undefined) return cgroups;
    cgroups.push(at);
    if (path === "/") return cgroups;
  }
}

/** What one of a cgroup's files says, without the newline; undefined where it has no such file, as the root has few. */
export function readCgroupValue(cgroup: Cgroup, name: string): string | undefined {
  return readText(`${cgroup.folder}/${name}`)?.trim();
}

/** A file of lines `key number`, as cpu.stat, memory.events, cgroup.events, memory.oom_control. */
export function readCgroupStats(cgroup: Cgroup, name: string): ReadonlyMap<string, number> | undefined {
  const text = readCgroupValue(cgroup, name);
  return text === undefined ? undefined : parseFlatKeyed(text);
}

/** "Flat keyed" in cgroup-v2.rst. */
export function parseFlatKeyed(text: string): Map<string, number> {
  const stats = new Map<string, number>();
  for (const line of text.split("\n")) {
    const match = /^(\S+) (\d+)$/.exec(line);
    if (match !== null) stats.set(match[1] as string, Number(match[2]));
  }
  return stats;
}

function cgroupAt({ version, root, mountPoint }: CgroupMount, path: string): Cgroup | undefined {
  const suffix = suffixOf(path, root);
  return suffix === undefined ? undefined : { version, path, folder: mountPoint + suffix };
}

/** What of a path lies below the mount's root; undefined where it lies elsewhere (`/../x` from another namespace). */
function suffixOf(path: string, root: string): string | undefined {
  if (path.split("/").includes("..")) return undefined;
  if (root === "/") return path === "/" ? "" : path;
  return path === root || path.startsWith(`${root}/`) ? path.slice(root.length) : undefined;
}

function rootOf(proc: string): string {
  return proc.endsWith("/proc") ? proc.slice(0, -"/proc".length) : "";
}
