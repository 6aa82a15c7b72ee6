/** `xctl emit`: events on standard input go to the daemon. */
import { emitStream } from "../client/emit.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import { daemonOf } from "./answers.ts";
import type { RunVerb } from "./verb.ts";

/** A bad line stops nothing; 1 only where none was good: then it is no probe that was piped in. */
export const run: RunVerb = async (_argument, options, terminal) => {
  const daemon = daemonOf(options, terminal);
  // Told now, not when the first line comes: a probe may be silent for long.
  await daemon.call("ping", {});
  const summary = await emitStream(process.stdin, daemon);
  const refused = Object.entries(summary.rejected);
  for (const [reason, count] of refused) {
    terminal.err(`[xctl] ${sentencesOf(terminal.style.lang).cli.refusedBecause(count, reason)}`);
  }
  return refused.length > 0 && summary.accepted === 0 ? 1 : 0;
};
