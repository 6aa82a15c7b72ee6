/** Which cgroup a process is in, and what that tells about its container, service or batch job. cgroups(7). */
import { readText } from "./procfs.ts";

export interface CgroupMembership {
  /** 0 is the unified hierarchy of cgroup v2. */
  hierarchy: number;
  /** v1 controllers, `name=systemd` for a named hierarchy; empty for v2. */
  controllers: string[];
  /** As seen from our own cgroup namespace. */
  path: string;
}

/** `4:memory:/a/b` a line. A path may hold colons. */
export function parseCgroup(text: string): CgroupMembership[] {
  return text.split("\n").flatMap((line) => {
    const match = /^(\d+):([^:]*):(\/.*)$/.exec(line);
    if (match === null) return [];
    const [, hierarchy, controllers, path] = match as unknown as [string, string, string, string];
    return [{ hierarchy: Number(hierarchy), controllers: controllers.split(",").filter(Boolean), path }];
  });
}

/**
 * The path that says most: one that names a container or job; or the unified one, unless it is the root and a v1
 * hierarchy says more. On a hybrid machine, container managers use v1 alone. Undefined where the process is gone or the
 * kernel has no cgroups.
 */
export function cgroupOf(proc: string, pid: number): string | undefined {
  const memberships = parseCgroup(readText(`${proc}/${pid}/cgroup`) ?? "");
  const contained = memberships.find(({ path }) => isContained(path));
  if (contained !== undefined) return contained.path;
  const unified = memberships.find(({ hierarchy }) => hierarchy === 0)?.path;
  if (unified !== undefined && unified !== "/") return unified;
  const deepest = memberships.reduce((best, { path }) => (depth(path) > depth(best) ? path : best), "/");
  return memberships.length === 0 ? undefined : deepest;
}

function isContained(path: string): boolean {
  const owner = containerOf(path);
  return owner !== undefined && !owner.startsWith("unit:");
}

function depth(path: string): number {
  return path === "/" ? 0 : path.split("/").length;
}

// In the order in which they say most: a container inside a job inside a service is the container.
const OWNERS: readonly (readonly [kind: string, pattern: RegExp])[] = [
  // /docker/<64 hex>, docker-<id>.scope, cri-containerd-<id>.scope, crio-<id>.scope, libpod-<id>.scope, /kubepods/…/<id>
  // but not their monitors: libpod-conmon-<id>.scope.
  ["container", /(?:^|[/:]|(?<!conmon)-)([0-9a-f]{64})(?:\.scope)?(?=\/|$)/],
  ["lxc", /\/lxc(?:\.payload)?[./]([^/]+)/],
  ["pod", /pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12})/],
  ["slurm", /\/job_(\d+)(?=\/|$)/],
  ["unit", /\/([^/]+\.service)(?=\/|$)/],
  ["unit", /\/([^/]+\.scope)(?=\/|$)/],
];

/** `container:<first 12 digits of its id>`, `lxc:web`, `pod:<uid>`, `slurm:42`, `unit:nginx.service`; undefined for a bare process. */
export function containerOf(path: string): string | undefined {
  for (const [kind, pattern] of OWNERS) {
    // The innermost match: user@1000.service/app.slice/app-x.service is app-x.
    const name = [...path.matchAll(new RegExp(pattern, "g"))].at(-1)?.[1];
    if (name !== undefined) return `${kind}:${kind === "container" ? name.slice(0, 12) : name}`;
  }
  return undefined;
}
