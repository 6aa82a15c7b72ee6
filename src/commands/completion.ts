/** `xctl completion SHELL`: a script for the shell, made from the list of verbs. Pids are completed from /proc by the shell. */
import { XctlError } from "../lib/errors.ts";
import { sentencesOf, type Sentences } from "../views/sentences/index.ts";
import { SHELLS, VERBS } from "./index.ts";
import type { RunVerb, Verb, VerbOption } from "./verb.ts";

export const run: RunVerb = async (shell, _options, terminal) => {
  const say = sentencesOf(terminal.style.lang);
  const write = SCRIPTS[shell as keyof typeof SCRIPTS];
  if (write === undefined) throw new XctlError("usage", say.cli.badShell(String(shell)), SHELLS.join(", "));
  terminal.out(write(say));
  return 0;
};

const SCRIPTS: Record<(typeof SHELLS)[number], (say: Sentences) => string> = { bash, zsh, fish };

const COMMON: readonly VerbOption[] = [
  { flags: "--help", help: "help" },
  { flags: "--no-color", help: "no_color" },
];

function bash(): string {
  const cases = VERBS.map((verb) => {
    const flags = optionsOf(verb).map(longFlag).join(" ");
    const values = optionsOf(verb).flatMap((option) => bashValues(option));
    const argument =
      verb.argument === undefined ? "" : `\n      [[ $cur == -* ]] || { ${bashArgument(verb)}; return; }`;
    return `    ${verb.name})
      case $prev in
${values.join("\n")}
      esac${argument}
      COMPREPLY=($(compgen -W "${flags}" -- "$cur")) ;;`;
  });
  return `# bash completion for xctl: eval "$(xctl completion bash)"
_xctl() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${verbNames()} --help --version" -- "$cur"))
    return
  fi
  case \${COMP_WORDS[1]} in
${cases.join("\n")}
  esac
}
complete -o filenames -F _xctl xctl
`;
}

function bashValues(option: VerbOption): string[] {
  if (!takesValue(option)) return [];
  const reply =
    option.values === "files"
      ? `COMPREPLY=($(compgen -f -- "$cur"))`
      : option.values === undefined
        ? "COMPREPLY=()"
        : `COMPREPLY=($(compgen -W "${option.values.join(" ")}" -- "$cur"))`;
  return [`        ${longFlag(option)}) ${reply}; return ;;`];
}

function bashArgument(verb: Verb): string {
  const words = verb.argumentValues?.join(" ") ?? "$(cd /proc 2>/dev/null && printf '%s ' [1-9]*)";
  return `COMPREPLY=($(compgen -W "${words}" -- "$cur"))`;
}

function zsh(say: Sentences): string {
  const cases = VERBS.map((verb) => {
    const specs = optionsOf(verb).map((option) => `        ${zshOption(option, say)}`);
    if (verb.argument !== undefined) {
      const words = verb.argumentValues === undefined ? "_pids" : `(${verb.argumentValues.join(" ")})`;
      specs.push(`        '1:${verb.argument.replaceAll(/[<>[\]]/g, "")}:${words}'`);
    }
    return `    ${verb.name})\n      _arguments \\\n${specs.join(" \\\n")} ;;`;
  });
  const names = VERBS.map((verb) => `    ${zshQuoted(`${verb.name}:${helpOf(verb, say)}`)}`);
  return `#compdef xctl
# zsh completion for xctl: eval "$(xctl completion zsh)"
_xctl() {
  local -a verbs=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command verbs
    return
  fi
  local verb=$words[2]
  shift words
  (( CURRENT-- ))
  case $verb in
${cases.join("\n")}
  esac
}
compdef _xctl xctl
`;
}

function zshOption(option: VerbOption, say: Sentences): string {
  const text = sentenceOf(option, say).replaceAll(/[[\]:]/g, (character) => `\\${character}`);
  const repeat = option.repeatable === true ? "*" : "";
  const value = !takesValue(option)
    ? ""
    : option.values === "files"
      ? ":file:_files"
      : `:value:${option.values === undefined ? " " : `(${option.values.join(" ")})`}`;
  return zshQuoted(`${repeat}${longFlag(option)}[${text}]${value}`);
}

function zshQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function fish(say: Sentences): string {
  const lines = VERBS.flatMap((verb) => {
    const inVerb = `__fish_seen_subcommand_from ${verb.name}`;
    const argument = verb.argumentValues?.join(" ") ?? "(__fish_complete_pids)";
    return [
      `complete -c xctl -f -n __fish_use_subcommand -a ${verb.name} -d ${fishQuoted(helpOf(verb, say))}`,
      ...optionsOf(verb).map((option) => {
        const values = Array.isArray(option.values) ? ` -a ${fishQuoted(option.values.join(" "))}` : "";
        const takes = !takesValue(option) ? "" : option.values === "files" ? " -r -F" : ` -x${values}`;
        const name = longFlag(option).slice(2);
        return `complete -c xctl -n '${inVerb}' -l ${name}${takes} -d ${fishQuoted(sentenceOf(option, say))}`;
      }),
      ...(verb.argument === undefined ? [] : [`complete -c xctl -f -n '${inVerb}' -a ${fishQuoted(argument)}`]),
    ];
  });
  return `# fish completion for xctl: xctl completion fish | source\ncomplete -c xctl -f\n${lines.join("\n")}\n`;
}

function fishQuoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}

function optionsOf(verb: Verb): readonly VerbOption[] {
  return [...verb.options, ...COMMON];
}

function longFlag(option: VerbOption): string {
  return option.flags.split(" ", 1)[0] as string;
}

function takesValue(option: VerbOption): boolean {
  return option.flags.includes("<");
}

function sentenceOf(option: VerbOption, say: Sentences): string {
  return say.help.options[option.help as keyof typeof say.help.options];
}

function helpOf(verb: Verb, say: Sentences): string {
  return say.help.commands[verb.name as keyof typeof say.help.commands];
}

function verbNames(): string {
  return VERBS.map((verb) => verb.name).join(" ");
}
