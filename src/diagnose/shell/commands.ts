/**
 * A line of shell as the commands in it, so that it can be judged. Nothing is run or expanded. Where the grammar goes
 * beyond this reading, more commands are found than would run, never fewer.
 */
export interface SimpleCommand {
  /** Without what only runs it: assignments, sudo, nice, timeout, … The first is the program's name without its folder. */
  words: string[];
  /** Files that redirections write to. */
  writesTo: string[];
}

export function commandsIn(line: string): SimpleCommand[] {
  return parse(line, 0);
}

/** Of `sh -c "sh -c '…'"`. */
const MAX_DEPTH = 4;

function parse(line: string, depth: number): SimpleCommand[] {
  const commands: SimpleCommand[] = [];
  let words: string[] = [];
  let writesTo: string[] = [];
  const end = (): void => {
    if (words.length > 0 || writesTo.length > 0) commands.push(...unwrapped(words, writesTo, depth));
    words = [];
    writesTo = [];
  };
  for (const { kind, text } of tokens(line)) {
    if (kind === "end") end();
    else if (kind === "inner") commands.push(...(depth < MAX_DEPTH ? parse(text, depth + 1) : []));
    else if (kind === "target") writesTo.push(text);
    else words.push(text);
  }
  end();
  return commands;
}

interface Token {
  kind: "word" | "target" | "end" | "inner";
  text: string;
}

/** A command's end; a redirection to a file; a substitution; or a part of a word: quoted, escaped or bare. */
const TOKEN =
  /(?<end>[;\n(){}]|\|\|?&?|&&|&(?!>))|(?<redirect>(?:&|\d)?>>?[|&]?\s*)|(?<input>\d?<+-?\s*)|(?<blank>\s+|(?<![^\s])#[^\n]*)|(?<inner>\$\((?:[^()]|\([^()]*\))*\)|`[^`]*`)|'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\.)*)"|\\(?<escaped>[\s\S])|(?<bare>[^\s;|&<>(){}'"\\`$]+|[\s\S])/g;

function* tokens(line: string): Generator<Token> {
  let word: string | undefined;
  let kind: "word" | "target" = "word";
  for (const { groups = {} } of line.matchAll(TOKEN)) {
    const { end, redirect, input, blank, inner, single, double, escaped, bare } = groups;
    const isBreak = [end, redirect, input, blank].some((part) => part !== undefined);
    if (isBreak) {
      if (word !== undefined) yield { kind, text: word };
      if (word !== undefined || end !== undefined) kind = "word";
      word = undefined;
      if (end !== undefined) yield { kind: "end", text: "" };
      if (redirect !== undefined) kind = "target";
      continue;
    }
    if (inner !== undefined) yield { kind: "inner", text: inner.replace(/^\$\(|^`|[)`]$/g, "") };
    for (const [, substituted, ticked] of (double ?? "").matchAll(/\$\(([^)]*)\)|`([^`]*)`/g)) {
      yield { kind: "inner", text: substituted ?? ticked ?? "" };
    }
    word = (word ?? "") + (inner ?? single ?? double?.replace(/\\(.)/g, "$1") ?? escaped ?? bare ?? "");
  }
  if (word !== undefined) yield { kind, text: word };
}

const NO_OPTION = /^$/;

/** What runs the rest of its words, and which of its options take a value. */
const RUNNERS: Readonly<Record<string, RegExp>> = {
  sudo: /^-[CDghpRrTtUu]$/,
  doas: /^-[Cu]$/,
  env: /^-[CSu]$/,
  nice: /^-n$/,
  ionice: /^-[cn]$/,
  timeout: /^-[ks]$/,
  xargs: /^-[aEdIiLnPs]$/,
  watch: /^-n$/,
  stdbuf: /^-[eio]$/,
  nohup: NO_OPTION,
  setsid: NO_OPTION,
  time: NO_OPTION,
  exec: /^-a$/,
  command: NO_OPTION,
  builtin: NO_OPTION,
};
const KEYWORDS: ReadonlySet<string> = new Set(["if", "then", "elif", "else", "while", "until", "do", "!"]);
const SHELLS: ReadonlySet<string> = new Set(["sh", "bash", "dash", "zsh", "ksh", "eval"]);

function unwrapped(words: readonly string[], writesTo: string[], depth: number): SimpleCommand[] {
  let rest = words.slice();
  for (;;) {
    while (/^\w+=/.test(rest[0] ?? "")) rest.shift();
    const name = (rest[0] ?? "").replace(/^.*\//, "");
    const takesValue = KEYWORDS.has(name) ? NO_OPTION : Object.hasOwn(RUNNERS, name) ? RUNNERS[name] : undefined;
    if (takesValue === undefined) break;
    const inner = afterOptions(rest.slice(1), takesValue);
    if (name === "timeout") inner.shift();
    // As in `ionice -p 14` or a bare `env`: it is the program itself.
    if (inner.length === 0 || rest.some((word) => /^(-p|--pid)/.test(word) && name === "ionice")) break;
    rest = inner;
  }
  const own: SimpleCommand = { words: [(rest[0] ?? "").replace(/^.*\//, ""), ...rest.slice(1)], writesTo };
  const script = scriptOf(own.words);
  return script === undefined || depth >= MAX_DEPTH ? [own] : [...parse(script, depth + 1), { words: [], writesTo }];
}

function afterOptions(words: string[], takesValue: RegExp): string[] {
  let at = 0;
  while (words[at]?.startsWith("-") === true && words[at] !== "--") at += takesValue.test(words[at] as string) ? 2 : 1;
  return words.slice(words[at] === "--" ? at + 1 : at);
}

/** `sh -c SCRIPT` and `eval SCRIPT`. */
function scriptOf([name = "", ...rest]: readonly string[]): string | undefined {
  if (!SHELLS.has(name)) return undefined;
  if (name === "eval") return rest.join(" ");
  const option = rest.findIndex((word) => /^-\w*c$/.test(word));
  return option < 0 ? undefined : rest[option + 1];
}
