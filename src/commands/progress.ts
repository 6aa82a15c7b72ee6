/** One line on standard error that says how far something is, and is gone when it is done. Only where that is a terminal. */
import { cut } from "../views/width.ts";
import type { Terminal } from "./terminal.ts";

/** ECMA-48: to the line's start, erase to its end. */
const CLEAR_LINE = "\r\u001b[K";
const REDRAW_MS = 200;

export interface Progress {
  /** Takes the line away. */
  end(): void;
}

export function canShowProgress({ env }: Terminal): boolean {
  return process.stderr.isTTY === true && env.TERM !== "dumb";
}

/** `line` is asked again and again, with the time since the start in milliseconds. */
export function showProgress(line: (elapsedMs: number) => string): Progress {
  const { stderr } = process;
  const startMs = performance.now();
  const draw = (): void => {
    // A line that wraps could not be taken back.
    const text = cut(`[xctl] ${line(performance.now() - startMs)}`, Math.max((stderr.columns || 80) - 1, 1), "");
    stderr.write(`${CLEAR_LINE}${text}`);
  };
  draw();
  const timer = setInterval(draw, REDRAW_MS);
  return {
    end: () => {
      clearInterval(timer);
      stderr.write(CLEAR_LINE);
    },
  };
}
