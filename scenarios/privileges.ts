/** Processes of several users, and such as do not let themselves be looked at. */
import type { Scenario } from "./scenario.ts";
import { asleep, childOf, waitsIn } from "./stage.ts";

const AS_NOBODY = ["--reuid", "65534", "--regid", "65534", "--clear-groups"] as const;

/** Not dumpable: its own user, without root, may see neither its open files nor its system call; prctl(2). */
const HIDE = `
import ctypes, os, sys, time
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
`;

export const privileges: readonly Scenario[] = [
  {
    name: "process of another user, behind a stopped one of root",
    needs: ["root", "setpriv"],
    async setUp(stage) {
      const source = `exec 3> >(exec setpriv ${AS_NOBODY.join(" ")} cat > /dev/null); exec sleep 1000`;
      const { pid } = await stage.shell(source);
      const reader = await childOf(pid, "cat");
      await asleep(reader);
      stage.stop(pid);
      return { ask: reader, verdict: "blocked", kind: "process.stopped", culprit: pid, alarming: true };
    },
  },
  {
    name: "lock of another user's process",
    needs: ["root", "setpriv"],
    async setUp(stage) {
      await stage.shell("touch lock; chmod 666 lock; chmod 755 .");
      const held = await stage.start(
        "setpriv",
        ...AS_NOBODY,
        "flock",
        "lock",
        "sh",
        "-c",
        "echo ready; exec sleep 1000",
      );
      const waiter = await stage.shell("exec flock lock true");
      await waitsIn(waiter.pid, /lock/);
      // flock(1) has the lock, and waits for its command, which has it as well.
      const command = await childOf(held.pid, "sleep");
      return { ask: waiter.pid, verdict: "blocked", kind: "process.sleeping", culprit: command, alarming: true };
    },
  },
  {
    name: "reader of a stopped writer that does not let itself be looked at",
    async setUp(stage) {
      const { pid } = await stage.python(`${HIDE}
r, w = os.pipe()
if os.fork() == 0:
    os.close(w)
    os.dup2(r, 0)
    os.execvp("cat", ["cat"])
os.close(r)
print("ready")
time.sleep(1000)
`);
      const reader = await childOf(pid, "cat");
      await asleep(reader);
      stage.stop(pid);
      return { ask: reader, verdict: "blocked", kind: "process.stopped", culprit: pid, alarming: true };
    },
  },
  {
    name: "sleeper that does not let itself be looked at",
    async setUp(stage) {
      const { pid } = await stage.python(`${HIDE}print("ready")\ntime.sleep(1000)`);
      await asleep(pid);
      return { ask: pid, verdict: ["idle", "unknown"], kind: ["process.sleeping", "unknown"], alarming: false };
    },
  },
  {
    name: "shell waiting for a stopped child that does not let itself be looked at",
    async setUp(stage) {
      const shell = await stage.python(`
import os, time
child = os.fork()
if child == 0:
    import ctypes
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    time.sleep(1000)
print("ready")
os.wait()
`);
      const child = await childOf(shell.pid, "python3");
      await asleep(child);
      stage.stop(child);
      return { ask: shell.pid, verdict: "blocked", kind: "process.stopped", culprit: child, alarming: true };
    },
  },
];
