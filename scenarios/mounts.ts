/** File systems of a scenario's own: served by a process (FUSE), or ext4 in a file. Nothing of the machine's is touched. */
import { execFileSync } from "node:child_process";
import { mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Scenario } from "./scenario.ts";
import type { Actor, Stage } from "./stage.ts";

const SERVER = join(import.meta.dirname, "fuse-server.py");

/** What the server does with a read or write; fuse-server.py. */
export type Behaviour = readonly ["answer" | "never"] | readonly ["slow" | "lock" | "pages", string];

/**
 * A FUSE mount in a mount namespace of its own, which goes with the last process in it. When the stage is struck the
 * server is killed, which ends every request to it.
 */
export class FuseMount {
  readonly server: number;
  readonly mountPoint: string;
  /** The only file in it. */
  readonly file: string;
  readonly #stage: Stage;

  static async create(stage: Stage, behaviour: Behaviour, sizeBytes = 1 << 20): Promise<FuseMount> {
    const mountPoint = join(stage.folder, "fuse");
    mkdirSync(mountPoint, { recursive: true });
    const own = ["--mount", "--propagation", "private"];
    const serve = ["python3", "-u", SERVER, mountPoint, String(sizeBytes), ...behaviour];
    const { pid } = await stage.start("unshare", ...own, ...serve);
    stage.defer(() => process.kill(pid, "SIGKILL"));
    return new FuseMount(stage, pid, mountPoint);
  }

  private constructor(stage: Stage, server: number, mountPoint: string) {
    this.#stage = stage;
    this.server = server;
    this.mountPoint = mountPoint;
    this.file = join(mountPoint, "file");
  }

  /** Starts a program that sees the mount. */
  start(command: string, ...args: string[]): Promise<Actor> {
    return this.#stage.start("nsenter", `--target=${this.server}`, "--mount", "--", command, ...args);
  }

  python(source: string, ...args: string[]): Promise<Actor> {
    return this.start("python3", "-u", "-c", source, this.file, ...args);
  }

  /** Runs one to its end. */
  run(command: string, ...args: string[]): void {
    execFileSync("nsenter", [`--target=${this.server}`, "--mount", "--", command, ...args], { stdio: "pipe" });
  }
}

/** Without work in the background, and with data written before what refers to it. */
const MKFS = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
const OPTIONS = "loop,noatime,dioread_lock";

/** ext4 in a sparse file, on a loop device that goes with the mount. Returns the mount point. */
export function mountImage(stage: Stage, sizeBytes = 32 << 20): string {
  const image = join(stage.folder, "image");
  const mountPoint = join(stage.folder, "disk");
  mkdirSync(mountPoint);
  writeFileSync(image, "");
  truncateSync(image, sizeBytes);
  execFileSync("mkfs.ext4", [...MKFS, image], { stdio: "pipe" });
  execFileSync("mount", ["-o", OPTIONS, image, mountPoint], { stdio: "pipe" });
  stage.defer(() => execFileSync("umount", ["--lazy", mountPoint]));
  return mountPoint;
}

/** The same in the file that a FUSE mount serves, seen where that is seen. */
export function mountServedImage(stage: Stage, fuse: FuseMount): string {
  const mountPoint = join(stage.folder, "disk");
  mkdirSync(mountPoint);
  fuse.run("mkfs.ext4", ...MKFS, fuse.file);
  fuse.run("mount", "-o", OPTIONS, fuse.file, mountPoint);
  return mountPoint;
}

/** `major:minor` of what is mounted there. */
export function deviceAt(mountPoint: string): string {
  return execFileSync("findmnt", ["--noheadings", "--output", "MAJ:MIN", mountPoint], { encoding: "utf8" }).trim();
}

/** Scenarios that have the same needs. */
export function needing(needs: NonNullable<Scenario["needs"]>, scenarios: readonly Scenario[]): Scenario[] {
  return scenarios.map(({ name, setUp }) => ({ name, needs, setUp }));
}
