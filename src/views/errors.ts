/** An error as a person reads it on standard error, and as a program reads it with --json. */
import type { ErrorCode } from "../lib/errors.ts";
import { printable } from "../lib/text.ts";
import type { Lang } from "./language.ts";
import { sentencesOf, type Sentences } from "./sentences/index.ts";
import type { Style } from "./style.ts";

type Told = readonly [message: string, hint: string | undefined];

/**
 * The daemon and its client know no languages and tell their errors in English. Those that a user meets in daily life
 * are told in their own language here.
 */
const DAILY: readonly [code: ErrorCode, message: RegExp, tell: (say: Sentences["cli"], subject: string) => Told][] = [
  [
    "daemon_unreachable",
    /^cannot reach the daemon \(port (\d{1,5})\)$/,
    (say, port) => [say.daemonUnreachable(Number(port)), say.startDaemon],
  ],
  ["no_such_process", /^no process (\d{1,10})$/, (say, pid) => [say.noSuchProcess(Number(pid)), say.listAll]],
  ["failed", /^no job (.+)$/s, (say, job) => [say.noSuchJob(printable(job)), say.listJobs]],
];

/** A line for what happened and one for the next step; never wrapped, so that a script finds them. */
export function errorText(code: ErrorCode, message: string, hint: string | undefined, style: Style): string {
  const say = sentencesOf(style.lang).cli;
  const [what, next] = inOwnLanguage(code, message, hint, say);
  const lines = [say.error(printable(what))];
  if (next !== undefined && next !== "") lines.push(printable(next));
  return lines.map((line) => `[xctl] ${line}`).join("\n");
}

export function errorDocument(code: ErrorCode, message: string, hint: string | undefined, lang: Lang) {
  const [what, next] = inOwnLanguage(code, message, hint, sentencesOf(lang).cli);
  return { error: { code, message: what, hint: next ?? null } };
}

function inOwnLanguage(code: ErrorCode, message: string, hint: string | undefined, say: Sentences["cli"]): Told {
  for (const [ofCode, pattern, tell] of DAILY) {
    const subject = ofCode === code ? pattern.exec(message)?.[1] : undefined;
    if (subject !== undefined) return tell(say, subject);
  }
  return [message, hint];
}
