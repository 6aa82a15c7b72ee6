/** How a process ended, in words. The evidence is the process probe's, which reads it off the kernel's tracepoints. */
import { printable } from "../lib/text.ts";
import type { ProcessNode } from "../model/nodes.ts";
import type { Sentences } from "./sentences/index.ts";

/** Null where it has not ended, or nobody saw how. */
export function endedText({ exited, stateEvidence }: ProcessNode, say: Sentences): string | null {
  if (!exited || stateEvidence === undefined) return null;
  const { observed } = stateEvidence;
  const status = /^exited with status (\d+)$/.exec(observed)?.[1];
  if (status !== undefined) return say.ended.status(Number(status));
  const [, signal, by] = /^killed by (\S+)(?: from (.+))?$/.exec(observed) ?? [];
  if (signal === undefined) return printable(observed);
  return say.ended.signal(printable(signal), by === undefined ? null : senderName(by, say));
}

/** A program's name with its pid, unless it is one of those that have none. */
function senderName(by: string, say: Sentences): string {
  if (by === "the OOM killer") return say.ended.oomKiller;
  if (by === "the kernel") return say.ended.kernel;
  return by === "itself" ? say.ended.itself : printable(by);
}
