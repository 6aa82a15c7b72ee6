/** `xctl status`: the daemon's own health. */
import { statusText } from "../views/status.ts";
import { daemonOf } from "./answers.ts";
import { printJson } from "./terminal.ts";
import type { RunVerb } from "./verb.ts";

export const run: RunVerb = async (_argument, options, terminal) => {
  const status = await daemonOf(options, terminal).call("status", {});
  if (options.json === true) printJson(terminal, status);
  else terminal.out(statusText(status, terminal.style));
  return 0;
};
