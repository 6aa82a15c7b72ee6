/** The processes that a command is about, as far as it names them by number. */
import { commandsIn } from "./commands.ts";

export function pidsIn(line: string): number[] {
  const pids = new Set<number>();
  for (const { words, writesTo } of commandsIn(line)) {
    const [name = "", ...rest] = words;
    for (const path of [...words, ...writesTo]) {
      for (const [, pid] of path.matchAll(/\/proc\/(\d+)(?:\/task\/\d+)?(?=\/|$)/g)) pids.add(Number(pid));
    }
    for (const text of namedBy(name, rest)) {
      for (const part of text.split(",")) if (/^-?\d+$/.test(part)) pids.add(Math.abs(Number(part)));
    }
  }
  return [...pids];
}

/** Every number is a pid. */
const ALL: ReadonlySet<string> = new Set([
  "gcore",
  "gstack",
  "jcmd",
  "jmap",
  "jstack",
  "pmap",
  "pstack",
  "pstree",
  "pwdx",
  "reptyr",
  "wait",
]);
/** The last number is, before it may stand a priority, a mask or a program. */
const LAST: ReadonlySet<string> = new Set(["chrt", "gdb", "taskset"]);
/** What follows these options is. */
const PID_OPTION = /^(?:-p|-P|--pid|--pids|--parent|--target|--attach)$/;
const TAKES_PID_OPTION: ReadonlySet<string> = new Set(
  `gdb htop ionice iotop lsof ltrace nsenter perf pgrep pidstat pkill prlimit ps py-spy renice rbspy strace timeout top`.split(
    " ",
  ),
);

function namedBy(name: string, words: readonly string[]): string[] {
  if (name === "kill") return words.filter((word, place) => !isSignal(word, place, words));
  if (name === "xctl") return words.slice(1);
  if (ALL.has(name)) return [...words];
  const found = LAST.has(name) ? words.filter((word) => /^\d+$/.test(word)).slice(-1) : [];
  if (!TAKES_PID_OPTION.has(name)) return found;
  for (const [place, word] of words.entries()) {
    const joined = /^(?:-[pPt]|--(?:pid|target|parent|attach)=)(\d[\d,]*)$/.exec(word)?.[1];
    if (joined !== undefined) found.push(joined);
    if (PID_OPTION.test(word) || (word === "-t" && name === "nsenter")) {
      // renice and ps take several.
      for (let at = place + 1; /^\d[\d,]*$/.test(words[at] ?? ""); at++) found.push(words[at] as string);
    }
  }
  return found;
}

/** `-9` and `-s 9` are signals; after them, or behind `--`, `-9` is a process group. */
function isSignal(word: string, place: number, words: readonly string[]): boolean {
  if (place === 0) return word.startsWith("-");
  return /^(?:-s|-n|--signal)$/.test(words[place - 1] ?? "");
}
