/** The command line: verbs to a commander program, its errors to messages and exit statuses. Verbs do the work. */
import { Command, CommanderError, Option, type HelpConfiguration } from "commander";
import { VERBS } from "./commands/index.ts";
import { openTerminal, printJson, type Terminal } from "./commands/terminal.ts";
import { usageError } from "./commands/usage-error.ts";
import type { Verb, VerbOption, VerbOptions } from "./commands/verb.ts";
import { EXIT_CODES, fileErrorText, messageOf, XctlError } from "./lib/errors.ts";
import { VERSION } from "./version.ts";
import { errorDocument, errorText } from "./views/errors.ts";
import { sentencesOf, type Sentences } from "./views/sentences/index.ts";
import { displayWidth, wrap } from "./views/width.ts";

/** Runs what the arguments ask for; returns the exit status. Never throws. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const terminal = openTerminal(process.env, { color: !args.includes("--no-color") });
  watchOutput(terminal);
  tellDefects(args, terminal);
  const outcome: { status: number } = { status: 0 };
  try {
    await program(terminal, outcome).parseAsync([...args], { from: "user" });
    return outcome.status;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0;
    return report(asXctlError(error, sentencesOf(terminal.style.lang)), args, terminal);
  }
}

/** Whoever reads our output may go at any time (`xctl ps | head -1`): that is no failure of ours. A full disk is one. */
function watchOutput(terminal: Terminal): void {
  const say = sentencesOf(terminal.style.lang).cli;
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    process.exit(report(new XctlError("failed", say.cannotWrite(fileErrorText(error))), [], terminal));
  });
  // The daemon lives on when nobody reads its log any more.
  process.stderr.on("error", () => {});
}

/** What nobody caught ends the program in a few words, not in a stack trace. */
function tellDefects(args: readonly string[], terminal: Terminal): void {
  process.on("uncaughtException", (error) => {
    process.exit(report(asXctlError(error, sentencesOf(terminal.style.lang)), args, terminal));
  });
}

function program(terminal: Terminal, outcome: { status: number }): Command {
  const say = sentencesOf(terminal.style.lang);
  const root = new Command("xctl")
    .description(say.help.program)
    .version(VERSION, "-V, --version", say.help.options.version)
    .option("--no-color", say.help.options.no_color)
    .helpOption("-h, --help", say.help.options.help)
    .helpCommand(false)
    .exitOverride()
    .configureHelp(helpOf(say))
    .configureOutput({ writeOut: terminal.out, writeErr: () => {}, getOutHelpWidth: () => terminal.style.width });
  for (const verb of VERBS) root.addCommand(command(verb, root, terminal, say, outcome));
  return root;
}

/** Commander's layout, with the titles in the reader's language, and lines that break where that language may. */
function helpOf(say: Sentences): HelpConfiguration {
  return {
    minWidthToWrap: 20,
    displayWidth,
    boxWrap: (text, width) => wrap(text, width).join("\n"),
    styleTitle: (title) => say.help.titles[title as keyof typeof say.help.titles] ?? title,
    optionDescription: ({ description, defaultValue }) =>
      defaultValue === undefined || typeof defaultValue === "boolean"
        ? description
        : `${description}${say.help.defaultValue(String(defaultValue))}`,
  };
}

function command(verb: Verb, root: Command, terminal: Terminal, say: Sentences, outcome: { status: number }): Command {
  const one = new Command(verb.name)
    .copyInheritedSettings(root)
    .description(say.help.commands[verb.name as keyof typeof say.help.commands])
    .helpOption("-h, --help", say.help.options.help)
    .version(VERSION, "-V, --version", say.help.options.version)
    .option("--no-color", say.help.options.no_color)
    .allowExcessArguments(false);
  if (verb.argument !== undefined) one.argument(verb.argument, say.help.arguments[verb.name as "why"]);
  for (const option of verb.options) one.addOption(commanderOption(option, say));
  return one.action(async (...given: unknown[]) => {
    // Commander hands over the arguments, the options, and the command itself.
    const argument = verb.argument === undefined ? undefined : (given[0] as string | undefined);
    const options = given[verb.argument === undefined ? 0 : 1] as VerbOptions;
    const { run } = await verb.load();
    outcome.status = await run(argument, options, terminal);
  });
}

function commanderOption(option: VerbOption, say: Sentences): Option {
  const made = new Option(option.flags, say.help.options[option.help as keyof typeof say.help.options]);
  if (option.repeatable === true) {
    made.argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
  }
  return option.default === undefined ? made : made.default(option.default);
}

function asXctlError(error: unknown, say: Sentences): XctlError {
  if (error instanceof XctlError) return error;
  if (error instanceof CommanderError) return usageError(error, say.cli);
  return new XctlError("failed", messageOf(error), say.cli.defect);
}

function report(error: XctlError, args: readonly string[], terminal: Terminal): number {
  if (args.includes("--json"))
    printJson(terminal, errorDocument(error.code, error.message, error.hint, terminal.style.lang));
  terminal.err(errorText(error.code, error.message, error.hint, terminal.style));
  return EXIT_CODES[error.code];
}
