/** Where a command's output goes, and what the reader of it can see: width, colour, language. */
import { harmlessJson } from "../lib/text.ts";
import { languageOf } from "../views/language.ts";
import type { Style } from "../views/style.ts";

/** Of a terminal that does not say. */
const DEFAULT_WIDTH = 100;
/** In a pipe nothing is cut: whoever reads it searches it. */
const PIPE_WIDTH = 1000;

export interface Terminal {
  style: Style;
  env: NodeJS.ProcessEnv;
  /** Results: standard output. */
  out(text: string): void;
  /** Everything else: standard error. */
  err(text: string): void;
}

export function openTerminal(env: NodeJS.ProcessEnv, options: { color: boolean }): Terminal {
  const { stdout, stderr } = process;
  const columns = Number(env.COLUMNS);
  const onTerminal = stdout.isTTY === true;
  return {
    env,
    style: {
      color: options.color && onTerminal && !env.NO_COLOR && env.TERM !== "dumb",
      width: columns > 0 ? columns : onTerminal ? stdout.columns || DEFAULT_WIDTH : PIPE_WIDTH,
      lang: languageOf(env),
      unicode: !/^(?:C|POSIX)$/.test(env.LC_ALL || env.LC_CTYPE || env.LANG || "C.UTF-8"),
    },
    out: (text) => void stdout.write(endsLine(text)),
    err: (text) => void stderr.write(endsLine(text)),
  };
}

/** One document on one line. */
export function printJson(terminal: Terminal, document: unknown): void {
  terminal.out(harmlessJson(JSON.stringify(document)));
}

function endsLine(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}
