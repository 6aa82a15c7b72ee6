/** What `npm run scenarios` is told on its command line. */
import { parseArgs } from "node:util";

export interface Options {
  asUser: boolean;
  /** How often each is played, without a second try. */
  runs: number | undefined;
  /** So long the healthy jobs are asked about. */
  soakS: number | undefined;
  /** The scenarios whose names hold one of these; all where there are none. */
  names: string[];
}

/** A complaint where they are not understood. */
export function optionsIn(args: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { user: { type: "boolean" }, runs: { type: "string" }, soak: { type: "string" } },
    });
    if (Object.keys(values).length > 1) return "--user, --runs and --soak go alone";
    return {
      asUser: values.user === true,
      runs: countIn("--runs", values.runs),
      soakS: countIn("--soak", values.soak),
      names: positionals,
    };
  } catch (error) {
    return (error as Error).message;
  }
}

function countIn(option: string, text: string | undefined): number | undefined {
  if (text === undefined || /^[1-9]\d{0,5}$/.test(text)) return text === undefined ? undefined : Number(text);
  throw new Error(`${option} wants a number, not ${text}`);
}
