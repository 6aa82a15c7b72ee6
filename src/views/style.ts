/** How an answer is drawn: colours, signs, width, language. What is drawn stands elsewhere. */
import type { Lang } from "./language.ts";

export interface Style {
  color: boolean;
  /** Columns of the terminal; Infinity where there is none. */
  width: number;
  lang: Lang;
  /** The terminal shows more than ASCII. */
  unicode: boolean;
}

export type Ink = "bold" | "dim" | "red" | "green" | "yellow" | "cyan";

/** ECMA-48 SGR: the code that switches it on, and the one that switches it off. */
const SGR: Record<Ink, readonly [on: number, off: number]> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

export function ink(style: Style, text: string, ...inks: Ink[]): string {
  if (!style.color || text === "") return text;
  return inks.reduce((inner, name) => `\u001b[${SGR[name][0]}m${inner}\u001b[${SGR[name][1]}m`, text);
}

export interface Signs {
  root: string;
  line: string;
  branch: string;
  again: string;
  dot: string;
  more: string;
  ok: string;
  missing: string;
}

const UNICODE: Signs = { root: "▶", line: "│", branch: "└─", again: "↺", dot: "·", more: "…", ok: "✓", missing: "✗" };
const ASCII: Signs = { root: ">", line: "|", branch: "`-", again: "^", dot: "-", more: "...", ok: "+", missing: "x" };

export function signs(style: Style): Signs {
  return style.unicode ? UNICODE : ASCII;
}
