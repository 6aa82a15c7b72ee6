/** Stalls on pipes: the other end is stopped, asleep, deadlocked, or at rest. */
import type { Scenario } from "./scenario.ts";
import { asleep, childOf } from "./stage.ts";

export const pipes: readonly Scenario[] = [
  {
    name: "pipeline whose reader is stopped",
    async setUp(stage) {
      const shell = await stage.shell("yes | sleep 1000");
      const writer = await childOf(shell.pid, "yes");
      const reader = await childOf(shell.pid, "sleep");
      stage.stop(reader);
      await asleep(writer);
      return { ask: writer, verdict: "blocked", kind: "process.stopped", culprit: reader, alarming: true };
    },
  },
  {
    name: "reader of a pipe whose writer is stopped",
    async setUp(stage) {
      const shell = await stage.shell("sleep 1000 | cat");
      const writer = await childOf(shell.pid, "sleep");
      const reader = await childOf(shell.pid, "cat");
      stage.stop(writer);
      await asleep(reader);
      return { ask: reader, verdict: "blocked", kind: "process.stopped", culprit: writer, alarming: true };
    },
  },
  {
    name: "three stages, the last one stopped",
    async setUp(stage) {
      const shell = await stage.shell("yes | cat | sleep 1000");
      const writer = await childOf(shell.pid, "yes");
      const last = await childOf(shell.pid, "sleep");
      stage.stop(last);
      await asleep(writer);
      return { ask: writer, verdict: "blocked", kind: "process.stopped", culprit: last, alarming: true };
    },
  },
  {
    name: "two processes, each reading what the other should write first",
    async setUp(stage) {
      const parent = await stage.python(`
import os
a, b = os.pipe(), os.pipe()
if os.fork() == 0:
    os.close(a[0]); os.close(b[1])
    os.read(b[0], 1)
else:
    os.close(b[0]); os.close(a[1])
    print("ready")
    os.read(a[0], 1)
`);
      const child = await childOf(parent.pid, "python3");
      await asleep(parent.pid);
      await asleep(child);
      const members = [parent.pid, child];
      return { ask: parent.pid, verdict: "blocked", kind: "process.deadlock", members, alarming: true };
    },
  },
  {
    name: "reader that kept its own write end",
    async setUp(stage) {
      const { pid } = await stage.python(`import os; r, w = os.pipe(); print("ready"); os.read(r, 1)`);
      await asleep(pid);
      return { ask: pid, verdict: "blocked", kind: "process.deadlock", members: [pid], alarming: true };
    },
  },
  {
    name: "reader of a writer that sleeps of its own will",
    async setUp(stage) {
      const shell = await stage.shell("sleep 1000 | cat");
      const writer = await childOf(shell.pid, "sleep");
      const reader = await childOf(shell.pid, "cat");
      await asleep(reader);
      return { ask: reader, verdict: "blocked", kind: "process.sleeping", culprit: writer, alarming: false };
    },
  },
];
