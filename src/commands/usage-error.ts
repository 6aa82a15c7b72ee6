/** What commander finds wrong with a command line, told in the reader's language. It knows no verb. */
import type { CommanderError } from "commander";
import { messageOf, XctlError } from "../lib/errors.ts";
import type { Sentences } from "../views/sentences/index.ts";

type Say = Sentences["cli"];

/** By commander's code: where in its English message the thing that is wrong stands, and how it is told. */
const TELL: Record<string, readonly [subject: RegExp, tell: (say: Say, subject: string) => string]> = {
  "commander.unknownCommand": [/'(.*)'/s, (say, name) => say.unknownCommand(name)],
  "commander.unknownOption": [/'(.*)'/s, (say, name) => say.unknownOption(name)],
  "commander.missingArgument": [/'(.*)'/s, (say, name) => say.missingArgument(name)],
  "commander.optionMissingArgument": [/'(.*)'/s, (say, flags) => say.missingValue(flags)],
  "commander.excessArguments": [/ got \d+: (.*)\.$/s, (say, given) => say.tooManyArguments(given)],
};

export function usageError(error: CommanderError, say: Say): XctlError {
  // It would show the help, because no command was given.
  if (error.code === "commander.help") return new XctlError("usage", say.noCommand, say.seeHelp);
  const [subjectPattern, tell] = TELL[error.code] ?? [];
  const subject = subjectPattern?.exec(error.message)?.[1];
  const message =
    subject === undefined || tell === undefined ? messageOf(error).replace(/^error: /, "") : tell(say, subject);
  const meant = /\(Did you mean (?:one of )?(.+)\?\)$/.exec(error.message)?.[1];
  return new XctlError("usage", message, meant === undefined ? say.seeHelp : say.didYouMean(meant));
}
