/** `xctl ps`: the processes that do something or wait for something. */
import { psDocument, psText } from "../views/ps.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import type { Replay } from "../client/replay.ts";
import type { PsDocument } from "../model/documents.ts";
import { daemonOf, recordedCase } from "./answers.ts";
import { printJson, type Terminal } from "./terminal.ts";
import type { RunVerb, VerbOptions } from "./verb.ts";

const WATCH_MS = 1000;
/** ECMA-48: cursor home, erase to the end of the screen. */
const CLEAR = "\u001b[H\u001b[J";

export const run: RunVerb = async (_argument, options, terminal) => {
  if (options.watch === true && options.from === undefined) return watch(options, terminal);
  show(await processes(options, await recordedCase(options, terminal), terminal), options, terminal);
  return 0;
};

/** As the recording tells, else the daemon. */
export async function processes(
  options: VerbOptions,
  recorded: Replay | undefined,
  terminal: Terminal,
): Promise<PsDocument> {
  const filter = { all: options.all === true, ...(options.job === undefined ? {} : { job: String(options.job) }) };
  if (recorded === undefined) return daemonOf(options, terminal).call("ps", filter);
  const { graph, nowMs } = recorded;
  return psDocument(graph, { ...filter, nowMs });
}

function show(document: PsDocument, options: VerbOptions, terminal: Terminal): void {
  if (options.json === true) printJson(terminal, document);
  else if (document.processes.length === 0) terminal.out(sentencesOf(terminal.style.lang).cli.nothingActive);
  else terminal.out(psText(document, terminal.style));
}

/** Until interrupted; on a terminal the list stays in place. */
async function watch(options: VerbOptions, terminal: Terminal): Promise<number> {
  const inPlace = process.stdout.isTTY && options.json !== true;
  const interrupted = Promise.withResolvers<undefined>();
  process.once("SIGINT", () => interrupted.resolve(undefined)).once("SIGTERM", () => interrupted.resolve(undefined));
  for (;;) {
    const document = await processes(options, undefined, terminal);
    if (inPlace) terminal.out(CLEAR);
    show(document, options, terminal);
    const tick = Promise.withResolvers<"tick">();
    const timer = setTimeout(tick.resolve, WATCH_MS, "tick");
    if ((await Promise.race([interrupted.promise, tick.promise])) === undefined) {
      clearTimeout(timer);
      return 0;
    }
  }
}
