/** Reads what stands on the command line into numbers. Whatever does not fit is wrong usage, said in the reader's language. */
import { XctlError } from "../lib/errors.ts";
import type { Sentences } from "../views/sentences/index.ts";
import type { VerbOptions } from "./verb.ts";

/** Linux's PID_MAX_LIMIT. */
const MAX_PID = 4_194_304;
const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, "": 1000 };

export function readPid(text: string, say: Sentences): number {
  const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (pid < 1 || pid > MAX_PID * 1024) throw new XctlError("usage", say.cli.badPid(text), say.cli.findPid);
  return pid;
}

/** 0 lets the system choose one. */
export function readPort(text: string, say: Sentences): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65_535) throw new XctlError("usage", say.cli.badPort(text), say.cli.portRange);
  return port;
}

/** Whether names and addresses of hosts are masked too. */
export function readRedaction(level: VerbOptions[string], say: Sentences): boolean {
  if (level === undefined || level === true) return false;
  if (level === "strict") return true;
  throw new XctlError("usage", say.diag.badRedact(String(level)), "--redact strict");
}

/** `1s`, `500ms`, `2m`; a bare number is seconds. Milliseconds, within the bounds. */
export function readDuration(text: string, bounds: { minMs: number; maxMs: number }, say: Sentences): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|)$/.exec(text);
  const ms = match === null ? Number.NaN : Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? Number.NaN);
  if (!(ms >= bounds.minMs && ms <= bounds.maxMs)) {
    throw new XctlError("usage", say.cli.badDuration(text), say.cli.durationRange(bounds.minMs, bounds.maxMs));
  }
  return Math.round(ms);
}
