/** What a program says on standard error → the log: whole lines, harmless, shortened, and not more than a few a second. */
import type { Readable } from "node:stream";
import { LineReader } from "../lib/lines.ts";
import type { Log } from "../lib/log.ts";
import { printable } from "../lib/text.ts";

const MAX_LINE_BYTES = 16 * 1024;
const MAX_SHOWN_CHARACTERS = 500;
const MAX_LINES_PER_SECOND = 20;
const SECOND_MS = 1_000;

/** Always reads on, so that no program blocks on its complaints. Returns a look at the last line that was said. */
export function followStderr(stderr: Readable, log: Log): () => string {
  let last = "";
  let shown = 0;
  let hidden = 0;
  let second: NodeJS.Timeout | undefined;
  const endSecond = (): void => {
    second = undefined;
    shown = 0;
    if (hidden > 0) log(`… ${hidden} more lines`);
    hidden = 0;
  };
  const say = (line: string): void => {
    last = line;
    second ??= setTimeout(endSecond, SECOND_MS);
    if (shown++ < MAX_LINES_PER_SECOND) log(line);
    else hidden++;
  };
  const sayAll = (lines: readonly string[]): void => {
    for (const line of lines) say(printable(line.slice(0, MAX_SHOWN_CHARACTERS)));
  };
  const reader = new LineReader(MAX_LINE_BYTES, (fault) =>
    say(fault === "too_long" ? "(a line that is too long to show)" : "(a line that is not UTF-8)"),
  );
  stderr.on("data", (chunk: Buffer) => sayAll(reader.push(chunk)));
  stderr.on("error", () => {});
  stderr.once("close", () => {
    sayAll(reader.end());
    clearTimeout(second);
    endSecond();
  });
  return () => last;
}
