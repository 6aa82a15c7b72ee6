/** The signals' names and numbers, signal(7), and which of them are not meant to end a process. */
import { constants } from "node:os";

export interface Signal {
  /** Without `SIG`; a real-time signal's is its number. */
  name: string;
  number: number;
  /** Whether its default action ends a process. */
  ends: boolean;
}

const LAST_SIGNAL = 64;
const HARMLESS = new Set(["CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "WINCH"]);

/** `KILL`, `sigterm` or `15`; undefined where there is no such signal. Equal signals are the same object. */
export function parseSignal(text: string): Signal | undefined {
  if (/^\d{1,2}$/.test(text)) return byNumber.get(Number(text));
  const number = numbers[`SIG${text.toUpperCase().replace(/^SIG/, "")}`];
  return number === undefined ? undefined : byNumber.get(number);
}

const numbers: Readonly<Record<string, number>> = constants.signals;
const byNumber = new Map<number, Signal>();
for (let number = 1; number <= LAST_SIGNAL; number++) {
  const name =
    Object.keys(numbers)
      .find((key) => numbers[key] === number)
      ?.slice("SIG".length) ?? String(number);
  byNumber.set(number, { name, number, ends: !HARMLESS.has(name) });
}

export const KILL = byNumber.get(constants.signals.SIGKILL) as Signal;
export const TERM = byNumber.get(constants.signals.SIGTERM) as Signal;
export const STOP = byNumber.get(constants.signals.SIGSTOP) as Signal;
export const CONT = byNumber.get(constants.signals.SIGCONT) as Signal;
