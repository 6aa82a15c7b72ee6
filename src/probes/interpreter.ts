/**
 * A program's path → the command that starts it, or an error that says which thing is missing.
 * Nothing is started here. The error comes before any program runs, and again where one cannot be restarted.
 */
import { accessSync, closeSync, constants, openSync, readSync, statSync } from "node:fs";
import { delimiter, extname, join, resolve } from "node:path";
import { XctlError } from "../lib/errors.ts";

export interface Command {
  file: string;
  args: string[];
  /** What the language needs so that a line arrives when it is printed. */
  env: Record<string, string>;
}

/** Throws XctlError: no such file, a folder, no interpreter, no run bit. */
export function checkProgram(path: string): Command {
  const file = resolve(path);
  requireFile(path, file);
  switch (extname(file).toLowerCase()) {
    case ".py":
      requireAccess(path, file, constants.R_OK);
      // Python keeps 8 KiB of output back when it prints to a pipe: minutes of a slow probe's lines.
      return { file: findPython(path), args: [file], env: { PYTHONUNBUFFERED: "1" } };
    case ".js":
    case ".mjs":
    case ".ts":
    case ".mts":
      requireAccess(path, file, constants.R_OK);
      return { file: process.execPath, args: [file], env: {} };
    default:
      requireAccess(path, file, constants.X_OK);
      requireShebang(path, file);
      return { file, args: [], env: {} };
  }
}

/** Whether a word on the command line names a file rather than a built-in probe. */
export function looksLikeFile(nameOrPath: string): boolean {
  return /[/\\]/.test(nameOrPath) || statSync(nameOrPath, { throwIfNoEntry: false }) !== undefined;
}

function requireFile(path: string, file: string): void {
  let stats;
  try {
    stats = statSync(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EACCES") throw new XctlError("failed", `${path}: may not be read`);
    throw new XctlError("failed", `${path}: no such file`);
  }
  if (stats.isDirectory()) throw new XctlError("failed", `${path}: is a folder, not a program`);
  if (!stats.isFile()) throw new XctlError("failed", `${path}: is not a regular file`);
}

function requireAccess(path: string, file: string, mode: number): void {
  try {
    accessSync(file, mode);
  } catch {
    if (mode === constants.R_OK) throw new XctlError("failed", `${path}: may not be read`, `chmod +r ${path}`);
    throw new XctlError("failed", `${path}: has no run bit`, `chmod +x ${path}`);
  }
}

function findPython(path: string): string {
  const name = process.platform === "win32" ? "python" : "python3";
  const found = findOnPath(name);
  if (found !== undefined) return found;
  throw new XctlError(
    "failed",
    `${path}: no interpreter: ${name} was not found`,
    `install Python 3, or put ${name} on PATH`,
  );
}

function findOnPath(name: string): string | undefined {
  const suffix = process.platform === "win32" ? ".exe" : "";
  return (process.env.PATH ?? "")
    .split(delimiter)
    .map((folder) => join(folder, name + suffix))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** execve(2) says "no such file" of a script whose interpreter is missing, which sends people looking for the script. */
function requireShebang(path: string, file: string): void {
  if (process.platform === "win32") return;
  const line = /^#![ \t]*([^\n]+)/.exec(readStart(file))?.[1];
  if (line === undefined) return;
  if (line.endsWith("\r")) {
    const hint = `sed -i 's/\\r$//' ${path}`;
    throw new XctlError("failed", `${path}: no interpreter: its #! line has a Windows line end`, hint);
  }
  const [interpreter = "", ...words] = line.trim().split(/[ \t]+/);
  if (!isExecutable(interpreter)) throw noInterpreter(path, interpreter);
  if (!interpreter.endsWith("/env")) return;
  const name = words.find((word) => !word.startsWith("-") && !word.includes("="));
  if (name !== undefined && findOnPath(name) === undefined && !isExecutable(name)) throw noInterpreter(path, name);
}

function noInterpreter(path: string, name: string): XctlError {
  return new XctlError("failed", `${path}: no interpreter: its #! line names ${name}, which was not found`);
}

/** As much of it as the kernel looks at: BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h. Empty where it may not be read. */
function readStart(file: string): string {
  const buffer = Buffer.alloc(256);
  let fd: number;
  try {
    fd = openSync(file, "r");
  } catch {
    return "";
  }
  try {
    return buffer.toString("latin1", 0, readSync(fd, buffer));
  } finally {
    closeSync(fd);
  }
}
