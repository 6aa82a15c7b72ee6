/** The secret that a request must carry: new at each start, in a file that only the daemon's own user can read. */
import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, type Stats } from "node:fs";
import { dirname, join } from "node:path";
import { messageOf, XctlError } from "../lib/errors.ts";
import { surroundings, tokenFolders, tokenName, type Surroundings } from "../protocol/token-place.ts";

const GROUP_AND_OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

export function newToken(): string {
  return randomBytes(32).toString("base64url");
}

/** A folder that is there, ours and nobody else's to write to. Throws XctlError where there is none. */
export function tokenFolder(around: Surroundings = surroundings()): string {
  const folders = tokenFolders(around);
  const folder = folders.find((candidate) => isOurs(dirname(candidate), around.uid));
  if (folder === undefined) {
    throw new XctlError("failed", `no folder for the daemon's token: tried ${folders.join(", ")}`, SET_RUNTIME_DIR);
  }
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw unusable(folder, messageOf(error));
  }
  const stats = lstatSync(folder);
  if (!stats.isDirectory()) throw unusable(folder, stats.isSymbolicLink() ? "is a symbolic link" : "is not a folder");
  if (around.uid !== undefined && stats.uid !== around.uid) throw unusable(folder, `belongs to user ${stats.uid}`);
  if (around.uid !== undefined && (stats.mode & GROUP_AND_OTHERS_WRITE) !== 0) {
    throw unusable(folder, "may be written to by others");
  }
  return folder;
}

/** Puts the token where clients look for it; whoever reads meanwhile sees the old file or the whole new one. */
export function writeToken(folder: string, port: number, token: string): void {
  const file = join(folder, tokenName(port));
  const unfinished = `${file}.${process.pid}`;
  try {
    rmSync(unfinished, { force: true });
    writeFileSync(unfinished, `${token}\n`, { mode: 0o600, flag: "wx" });
    renameSync(unfinished, file);
  } catch (error) {
    rmSync(unfinished, { force: true });
    throw unusable(folder, messageOf(error));
  }
}

/** Unless another daemon has put its own there since. */
export function removeToken(folder: string, port: number, token: string): void {
  const file = join(folder, tokenName(port));
  try {
    if (readFileSync(file, "utf8").trim() === token) rmSync(file);
  } catch {
    // Somebody has removed it, or the folder: nothing is left to do.
  }
}

const SET_RUNTIME_DIR = "set XDG_RUNTIME_DIR to a folder of your own: export XDG_RUNTIME_DIR=$(mktemp -d)";

function unusable(folder: string, why: string): XctlError {
  return new XctlError("failed", `the daemon's token cannot be kept in ${folder}: ${why}`, SET_RUNTIME_DIR);
}

/** Whether nobody else could put another folder in the place of one of ours in there. */
function isOurs(folder: string, uid: number | undefined): boolean {
  let stats: Stats | undefined;
  try {
    stats = statSync(folder, { throwIfNoEntry: false });
  } catch {
    return false;
  }
  if (stats?.isDirectory() !== true) return false;
  return uid === undefined || stats.uid === uid || (stats.mode & STICKY) !== 0;
}
