/** The daemon's log: one line each on standard error, `[xctl] …`, control characters removed. Results never go here. */
import { printable } from "./text.ts";

export type Log = (message: string) => void;

export const log: Log = (message) => {
  process.stderr.write(`[xctl] ${printable(message)}\n`);
};
