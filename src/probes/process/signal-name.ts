/** A signal's name by its number, the same on every architecture that Node runs on under Linux. */
import { constants } from "node:os";

// Of two names for one (SIGABRT and SIGIOT) the usual one comes first, and is set last.
const NAMES = new Map(
  Object.entries(constants.signals)
    .toReversed()
    .map(([name, number]) => [number as number, name]),
);

/** `SIGSTOP`; `signal 40` for one without a name of its own. */
export function signalName(number: number): string {
  return NAMES.get(number) ?? `signal ${number}`;
}
