/**
 * How many calls an hour and tokens a call: so that a loop in somebody's script spends no money.
 *
 * The count is a file of lines, one a call, that is only appended to: the order in it decides who was within the limit,
 * so concurrent runs need no lock. It never holds anything but times.
 */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { fileErrorText, XctlError } from "../lib/errors.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import type { Lang } from "../views/language.ts";
import { Failure } from "./failure.ts";

export interface Limits {
  callsPerHour: number;
  /** Of one call: what is sent and what may come back. */
  tokensPerCall: number;
  timeoutMs: number;
}

type Environment = Record<string, string | undefined>;

export const MAX_TOKENS_PER_CALL = 1_000_000;
export const MAX_TIMEOUT_S = 3_600;

/** Throws XctlError where a variable holds no such number. */
export function limitsOf(env: Environment, lang: Lang): Limits {
  const number = (name: string, fallback: number, from: number, to: number): number => {
    const text = env[name]?.trim();
    if (text === undefined || text === "") return fallback;
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= from && value <= to) return value;
    const say = sentencesOf(lang).diag;
    throw new XctlError("usage", say.badNumber(name, text), say.numberRange(from, to));
  };
  return {
    callsPerHour: number("XCTL_LLM_MAX_CALLS_PER_HOUR", 20, 0, 100_000),
    tokensPerCall: number("XCTL_LLM_MAX_TOKENS", 16_000, 4_000, MAX_TOKENS_PER_CALL),
    timeoutMs: 1000 * number("XCTL_LLM_TIMEOUT", 60, 1, MAX_TIMEOUT_S),
  };
}

/** The file's folder, as the XDG Base Directory Specification has it: a path that is not absolute is ignored. */
export function stateFolder(env: Environment): string {
  const { XDG_STATE_HOME: state = "", HOME: home = "" } = env;
  const base = isAbsolute(state) ? state : join(isAbsolute(home) ? home : homedir(), ".local", "state");
  return join(base, "xctl");
}

const HOUR_MS = 3_600_000;
const FILE = "llm-calls";
/** Some three thousand calls. Of a longer file only the end is read, and kept. */
const MAX_BYTES = 64 * 1024;

/** Takes one call out of this hour's. Throws Failure where none is left, or where they cannot be counted. */
export function takeCall(folder: string, callsPerHour: number, nowMs: number): void {
  try {
    const file = openCount(folder);
    try {
      // Whoever is over the limit already writes nothing: a loop makes neither its hour nor the file longer.
      const line = `${nowMs} ${process.pid}`;
      const lines = readLines(file);
      refuseBeyond(callsPerHour, [...lines, line], line, nowMs);
      writeSync(file, `${line}\n`);
      // Of those who came at once, the order of the lines says who was within the limit.
      refuseBeyond(callsPerHour, readLines(file), line, nowMs);
      if (fstatSync(file).size > MAX_BYTES) shorten(folder, [...lines, line]);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw error instanceof Failure ? error : new Failure("uncounted", [`${folder}: ${fileErrorText(error)}`]);
  }
}

/** Reads the lines in their order, as every run does, and comes to the same decision about each. */
function refuseBeyond(callsPerHour: number, lines: readonly string[], own: string, nowMs: number): void {
  const granted: number[] = [];
  for (const line of lines) {
    const atMs = Number(LINE.exec(line)?.[1]);
    if (Number.isNaN(atMs)) continue;
    const oldest = callsPerHour === 0 ? nowMs : granted.at(-callsPerHour);
    // The clock may have been set back since.
    const isRefused = oldest !== undefined && Math.abs(atMs - oldest) < HOUR_MS;
    if (!isRefused) granted.push(atMs);
    else if (line === own) {
      const minutes = Math.max(Math.ceil((oldest + HOUR_MS - nowMs) / 60_000), 1);
      throw new Failure("call_limit", [String(callsPerHour), String(minutes)]);
    }
  }
}

/** When, and by which process. Anything else in the file is not ours and is passed over. */
const LINE = /^(\d{10,15}) \d{1,10}$/;

/** Neither the file nor its folder is followed to where a link leads. */
function openCount(folder: string): number {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const found = lstatSync(folder);
  if (!found.isDirectory()) throw new Failure("uncounted", [`${folder} is not a folder`]);
  if (process.getuid !== undefined && found.uid !== process.getuid())
    throw new Failure("uncounted", [`${folder} belongs to another user`]);
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = openSync(join(folder, FILE), O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o600);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new Failure("uncounted", [`${join(folder, FILE)} is not a file`]);
}

function readLines(file: number): string[] {
  const { size } = fstatSync(file);
  const buffer = Buffer.alloc(Math.min(size, MAX_BYTES));
  const bytes = readSync(file, buffer, 0, buffer.length, size - buffer.length);
  return buffer.toString("latin1", 0, bytes).split("\n");
}

/** The newer half, put in the file's place; a run that writes to the old one meanwhile is not counted. */
function shorten(folder: string, lines: readonly string[]): void {
  const path = join(folder, FILE);
  const temporary = `${path}.${process.pid}`;
  rmSync(temporary, { force: true });
  writeFileSync(temporary, `${lines.slice(lines.length / 2).join("\n")}\n`, { flag: "wx", mode: 0o600 });
  renameSync(temporary, path);
}
