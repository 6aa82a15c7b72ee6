/**
 * Whether the dynamic loader would find NVML, or another library, without loading it: ld.so(8). A look at names only,
 * so it is no promise that the library works.
 */
import { existsSync } from "node:fs";
import { NVML_LIBRARY } from "../../kernel/nvml.ts";
import { readText } from "../../kernel/procfs.ts";

/** The loader's own folders, as Linux distributions build it. */
const FOLDERS = [
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/lib",
  ...["x86_64-linux-gnu", "aarch64-linux-gnu"].flatMap((triplet) => [`/lib/${triplet}`, `/usr/lib/${triplet}`]),
];
const CACHE_BYTES = 1 << 24;

export function findLibrary(
  env: NodeJS.ProcessEnv = process.env,
  cache = "/etc/ld.so.cache",
  library = NVML_LIBRARY,
): string | undefined {
  if (process.platform !== "linux") return undefined;
  const given = (env.LD_LIBRARY_PATH ?? "").split(/[:;]/).filter((folder) => folder !== "");
  const found = [...given, ...FOLDERS].map((folder) => `${folder}/${library}`).find((path) => existsSync(path));
  // Names and paths stand in it one after the other, each ended by a NUL.
  const path = new RegExp(`\\0(/[^\\0]*/${RegExp.escape(library)})\\0`).exec(readText(cache, CACHE_BYTES) ?? "")?.[1];
  return found ?? (path !== undefined && existsSync(path) ? path : undefined);
}
