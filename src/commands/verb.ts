/** What a verb of the command line is. Help, parsing and completion all come from this one value. */
import type { Terminal } from "./terminal.ts";

export interface VerbOption {
  /** As commander takes them: `--port <port>`. */
  flags: string;
  /** Its sentence in the catalogue's `help.options`. */
  help: string;
  default?: string;
  /** May be given several times. */
  repeatable?: boolean;
  /** Shell completion offers these, or file names. */
  values?: readonly string[] | "files";
}

export interface Verb {
  /** Also its sentence's key in the catalogue's `help.commands`. */
  name: string;
  /** `[pid]`, `<pid>` or `<shell>`. */
  argument?: string;
  argumentValues?: readonly string[];
  options: readonly VerbOption[];
  /** The verb's own file, loaded when it is called: no verb pays for another one's imports. */
  load(): Promise<{ run: RunVerb }>;
}

/** The options as commander reads them, by their long name in camel case. */
export type VerbOptions = Record<string, string | boolean | string[] | undefined>;

/** Returns the exit status; throws XctlError for what a user can mend. */
export type RunVerb = (argument: string | undefined, options: VerbOptions, terminal: Terminal) => Promise<number>;
