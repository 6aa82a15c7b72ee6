/** A terminal: it waits for somebody to type, or, where it writes, for whoever shows what is written there. */
import { readStat } from "../../../kernel/procfs.ts";
import { terminalName, TERMINAL } from "../terminal-name.ts";
import type { BlockedTask } from "../blocked-task.ts";
import type { Fact } from "../fact.ts";
import type { View } from "../view.ts";
import { mastersOf } from "./pty-master.ts";
import { waitFact, type WaitResolver } from "./resolver.ts";

export const terminalWait: WaitResolver = {
  kind: "tty",
  matches: ({ file }) => file !== undefined && TERMINAL.test(file.target),
  resolve(task, view) {
    const { verb, target } = task.file as NonNullable<BlockedTask["file"]>;
    const opened = TERMINAL.exec(target)?.[1] as string;
    // /dev/tty is whichever terminal controls the process; tty(4).
    const controlling = opened === "tty" ? terminalName(readStat(view.proc, task.pid)?.ttyNr ?? 0) : undefined;
    const name = controlling ?? opened;
    const label = controlling === undefined ? target : `/dev/${controlling}`;
    if (verb === "write") return writing(task, name, label, view);
    return [waitFact(task, "tty.read", `tty:${name}`, { label })];
  },
};

/**
 * What is written to a pseudo-terminal goes to the buffer of its master, and blocks where that is full. Where whoever
 * has the master is about to read, it is not: then the output is stopped, by Ctrl-S or tcflow(3); n_tty_write.
 */
async function writing(task: BlockedTask, name: string, label: string, view: View): Promise<Fact[]> {
  // Not the id of the terminal that others read from: they do not wait for the same.
  const entity = `tty-output:${name}`;
  const masters = await mastersOf(task.pid, name, entity, view);
  if (masters.reading !== undefined) {
    const { evidence } = masters.reading;
    return [waitFact(task, "tty.write", entity, { label, cause: "input.terminal", certainty: "derived", evidence })];
  }
  const nobody = masters.facts.length === 0 ? { holder: "hidden" as const, blind: masters.blind } : {};
  return [waitFact(task, "tty.write", entity, { label, ...nobody }), ...masters.facts];
}
