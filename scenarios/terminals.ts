/** Programs on a terminal: background jobs that touch it, output that is stopped or not taken, prompts at rest. */
import { readFileSync } from "node:fs";
import type { Scenario } from "./scenario.ts";
import { asleep, childOf, until, waitsIn, type Stage } from "./stage.ts";

/**
 * A person at an interactive shell on a pseudo-terminal: types each argument as a line, and reads what is shown, or
 * leaves it (`deaf`). Prints the pid of the shell.
 */
const PERSON = `
import os, pty, select, sys, time
pid, master = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
def look(seconds):
    end = time.time() + seconds
    while time.time() < end:
        if select.select([master], [], [], 0.05)[0]: os.read(master, 65536)
look(0.5)
deaf = sys.argv[1] == "deaf"
for line in sys.argv[2:]:
    os.write(master, line.encode().decode("unicode_escape").encode())
    if not (deaf and line is sys.argv[-1]): look(0.7)
print(pid)
if deaf: time.sleep(1000)
while True:
    try: os.read(master, 65536)
    except OSError: time.sleep(1000)
`;

async function terminal(
  stage: Stage,
  kind: "reads" | "deaf",
  ...lines: string[]
): Promise<{ shell: number; person: number }> {
  const person = await stage.python(PERSON, kind, ...lines);
  return { shell: Number(person.lines[0]), person: person.pid };
}

export const terminals: readonly Scenario[] = [
  {
    name: "background job that reads from its terminal",
    async setUp(stage) {
      const { shell } = await terminal(stage, "reads", "cat &\\n");
      const job = await childOf(shell, "cat");
      await asleep(job, "T");
      return { ask: job, verdict: "stopped", kind: "process.stopped", culprit: job, alarming: true };
    },
  },
  {
    name: "background job that writes to a terminal which forbids it",
    async setUp(stage) {
      const { shell } = await terminal(stage, "reads", "stty tostop\\n", "yes &\\n");
      const job = await childOf(shell, "yes");
      await asleep(job, "T");
      return { ask: job, verdict: "stopped", kind: "process.stopped", culprit: job, alarming: true };
    },
  },
  {
    name: "job stopped by Ctrl-Z",
    async setUp(stage) {
      const { shell } = await terminal(stage, "reads", "sleep 1000\\n", "\\x1a");
      const job = await childOf(shell, "sleep");
      await asleep(job, "T");
      return { ask: job, verdict: "stopped", kind: "process.stopped", culprit: job, alarming: true };
    },
  },
  {
    name: "reader of a background job that wants its terminal",
    async setUp(stage) {
      const { shell } = await terminal(stage, "reads", "mkfifo f; cat > f &\\n", "cat f &\\n");
      const writer = await childOf(shell, "cat");
      await asleep(writer, "T");
      const children = readFileSync(`/proc/${shell}/task/${shell}/children`, "utf8").trim().split(" ").map(Number);
      const reader = children.find((pid) => pid !== writer) as number;
      await waitsIn(reader, /pipe/);
      return { ask: reader, verdict: "blocked", kind: "process.stopped", culprit: writer, alarming: true };
    },
  },
  {
    name: "output of a terminal stopped by Ctrl-S",
    async setUp(stage) {
      const { shell } = await terminal(stage, "reads", "yes\\n", "\\x13");
      const writer = await childOf(shell, "yes");
      await waitsIn(writer, /tty|wait_woken/);
      return { ask: writer, verdict: "blocked", kind: "input.terminal", alarming: false };
    },
  },
  {
    name: "terminal whose emulator is stopped",
    async setUp(stage) {
      const { shell, person } = await terminal(stage, "reads", "yes\\n");
      const writer = await childOf(shell, "yes");
      stage.stop(person);
      await waitsIn(writer, /tty|wait_woken/);
      return { ask: writer, verdict: "blocked", kind: "process.stopped", culprit: person, alarming: true };
    },
  },
  {
    name: "terminal whose emulator sleeps instead of showing the output",
    async setUp(stage) {
      const { shell, person } = await terminal(stage, "deaf", "yes\\n");
      const writer = await childOf(shell, "yes");
      await waitsIn(writer, /tty|wait_woken/);
      return { ask: writer, verdict: "blocked", kind: "process.sleeping", culprit: person, alarming: false };
    },
  },
  {
    name: "interactive shell at its prompt",
    async setUp(stage) {
      const { shell } = await terminal(stage, "reads");
      await asleep(shell);
      return { ask: shell, verdict: "idle", kind: "input.terminal", alarming: false };
    },
  },
  {
    name: "shell waiting for a pager that waits for a key",
    needs: ["less"],
    async setUp(stage) {
      const { shell } = await terminal(stage, "reads", "seq 1000 > f; less f\\n");
      const pager = await childOf(shell, "less");
      await asleep(pager);
      return { ask: shell, verdict: ["blocked", "idle"], kind: "input.terminal", alarming: false };
    },
  },
  {
    name: "editor open on a terminal",
    needs: ["vim"],
    async setUp(stage) {
      const { shell } = await terminal(stage, "reads", "exec vim -u NONE f\\n");
      await until("vim to be there", () => readFileSync(`/proc/${shell}/comm`, "utf8").startsWith("vim"));
      await asleep(shell);
      return { ask: shell, verdict: "idle", kind: "input.terminal", alarming: false };
    },
  },
  {
    name: "program that asks for a password",
    async setUp(stage) {
      const { shell } = await terminal(stage, "reads", "python3 -c 'import getpass; getpass.getpass()'\\n");
      const asker = await childOf(shell, "python3");
      await asleep(asker);
      return { ask: asker, verdict: "idle", kind: "input.terminal", alarming: false };
    },
  },
];
