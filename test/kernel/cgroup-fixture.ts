/** The recorded and composed machines with cgroups of test/fixtures/cgroup, by where their proc lies. */
import { fileURLToPath } from "node:url";

export const ID = "3f4e8b2a9c1d5e6f7a8b9c0d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b7c8d9e0f";

export function cgroupMachine(name: "v1" | "v2-only" | "hybrid"): { proc: string; cgroups: string } {
  const root = fileURLToPath(new URL(`../fixtures/cgroup/${name}`, import.meta.url));
  return { proc: `${root}/proc`, cgroups: `${root}/sys/fs/cgroup` };
}
