/** Where an answer comes from: the running daemon, or a recorded log (`--from`), folded here and asked the same way. */
import { Client } from "../client/client.ts";
import type { Replay } from "../client/replay.ts";
import { XctlError } from "../lib/errors.ts";
import { sentencesOf } from "../views/sentences/index.ts";
import type { Terminal } from "./terminal.ts";
import { readPort } from "./values.ts";
import type { VerbOptions } from "./verb.ts";

/** A client of the daemon on `--port`. */
export function daemonOf(options: VerbOptions, terminal: Terminal): Client {
  return new Client({ port: readPort(String(options.port), sentencesOf(terminal.style.lang)) });
}

/** The recorded case that `--from` names; undefined where it is not given. */
export async function recordedCase(options: VerbOptions, terminal: Terminal): Promise<Replay | undefined> {
  if (options.from === undefined) return undefined;
  const { replay } = await import("../client/replay.ts");
  const recorded = await replay(String(options.from));
  if (recorded.refused > 0)
    terminal.err(`[xctl] ${sentencesOf(terminal.style.lang).cli.refusedLines(recorded.refused)}`);
  return recorded;
}

/** The process `pid` of a recorded case, or the error that it is not in it. */
export function recordedProcess(recorded: Replay, pid: number, terminal: Terminal) {
  const process = recorded.graph.processOnAnyHost(pid);
  const say = sentencesOf(terminal.style.lang).cli;
  if (process === undefined) throw new XctlError("no_such_process", say.noSuchProcess(pid), say.listAll);
  return process;
}
