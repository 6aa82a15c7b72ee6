/** Processes that are halted, and parents that wait for such a child. */
import type { Scenario } from "./scenario.ts";
import { asleep, childOf, until, waitsIn } from "./stage.ts";
import { readStat, readStatus } from "../src/kernel/procfs.ts";

/** PTRACE_SEIZE does not stop the tracee, nor end a system call of its. */
const SEIZE = `
import ctypes, os, sys
PTRACE_SEIZE, WALL = 0x4206, 0x40000000
assert ctypes.CDLL(None).ptrace(PTRACE_SEIZE, int(sys.argv[1]), 0, 0) == 0
print("ready")
os.waitpid(-1, WALL)
`;

export const states: readonly Scenario[] = [
  {
    name: "stopped process",
    async setUp(stage) {
      const { pid } = await stage.shell("exec sleep 1000");
      stage.stop(pid);
      return { ask: pid, verdict: "stopped", kind: "process.stopped", culprit: pid, alarming: true };
    },
  },
  {
    name: "shell waiting for a stopped child",
    async setUp(stage) {
      const shell = await stage.shell("sleep 1000; true");
      const child = await childOf(shell.pid, "sleep");
      stage.stop(child);
      await asleep(shell.pid);
      return { ask: shell.pid, verdict: "blocked", kind: "process.stopped", culprit: child, alarming: true };
    },
  },
  {
    name: "shell waiting for timeout, whose command is stopped",
    needs: ["timeout"],
    async setUp(stage) {
      const shell = await stage.shell("timeout 1000 sleep 1000; true");
      const command = await childOf(shell.pid, "sleep");
      stage.stop(command);
      await waitsIn(await childOf(shell.pid, "timeout"), /sigsuspend/);
      return { ask: shell.pid, verdict: "blocked", kind: "process.stopped", culprit: command, alarming: true };
    },
  },
  {
    name: "tracer waiting for a process that sleeps and is no child of it",
    needs: ["root"],
    async setUp(stage) {
      const { pid } = await stage.shell("exec sleep 1000");
      await asleep(pid);
      const tracer = await stage.python(SEIZE, String(pid));
      await waitsIn(tracer.pid, /do_wait/);
      return { ask: tracer.pid, verdict: "blocked", kind: "process.sleeping", culprit: pid, alarming: false };
    },
  },
  {
    name: "vfork parent whose child is stopped before exec",
    needs: ["gcc"],
    async setUp(stage) {
      const parent = await stage.shell(`
printf '#include <unistd.h>\\nint main(void){ if (vfork() == 0) { for (;;) pause(); } return 0; }' > v.c
gcc -o vforker v.c && exec ./vforker`);
      const child = await childOf(parent.pid, "vforker");
      await asleep(child);
      stage.stop(child);
      await asleep(parent.pid, "D");
      return { ask: parent.pid, verdict: "blocked", kind: "process.stopped", culprit: child, alarming: true };
    },
  },
  {
    name: "process held by a debugger",
    needs: ["gdb"],
    async setUp(stage) {
      const { pid } = await stage.shell("exec sleep 1000");
      const debuggerOf = await stage.shell(`exec gdb -q -nx -p ${pid} -ex 'shell sleep 1000'`);
      await until(`pid ${pid} to be traced`, () => readStat("/proc", pid)?.state === "t");
      return { ask: pid, verdict: "stopped", kind: "process.traced", culprit: debuggerOf.pid, alarming: true };
    },
  },
  {
    name: "zombie that its parent does not reap",
    async setUp(stage) {
      const parent = await stage.python(`
import os, time
if os.fork() == 0: os._exit(0)
print("ready")
time.sleep(1000)
`);
      const zombie = await childOf(parent.pid, "python3");
      await asleep(zombie, "Z");
      return { ask: zombie, verdict: "exited", kind: "process.zombie", culprit: parent.pid, alarming: false };
    },
  },
  {
    name: "zombie whose parent is stopped",
    async setUp(stage) {
      const parent = await stage.python(`
import os, time
if os.fork() == 0: time.sleep(0.5); os._exit(0)
print("ready")
os.wait()
time.sleep(1000)
`);
      stage.stop(parent.pid);
      const zombie = await childOf(parent.pid, "python3");
      await asleep(zombie, "Z");
      return { ask: zombie, verdict: "exited", kind: "process.stopped", culprit: parent.pid, alarming: false };
    },
  },
  {
    name: "zombie whose parent hangs in a lock of a stopped process",
    async setUp(stage) {
      const holder = await stage.python(
        `import fcntl, time\nf = open("lock", "w"); fcntl.flock(f, fcntl.LOCK_EX)\nprint("ready"); time.sleep(1000)`,
      );
      const parent = await stage.python(`
import fcntl, os
f = open("lock", "a")
if os.fork() == 0: os._exit(0)
print("ready")
fcntl.flock(f, fcntl.LOCK_EX)
`);
      const zombie = await childOf(parent.pid, "python3");
      await asleep(zombie, "Z");
      await asleep(parent.pid);
      stage.stop(holder.pid);
      return { ask: zombie, verdict: "exited", kind: "process.stopped", culprit: holder.pid, alarming: false };
    },
  },
  {
    name: "zombie of a traced process, kept by its stopped tracer",
    needs: ["strace"],
    async setUp(stage) {
      const shell = await stage.shell("sleep 1000; true");
      const child = await childOf(shell.pid, "sleep");
      const tracer = await stage.shell(`exec strace -o /dev/null -p ${child}`);
      await until("strace to attach", () => readStatus("/proc", child)?.tracerPid === tracer.pid);
      stage.stop(tracer.pid);
      await asleep(tracer.pid, "T");
      process.kill(child, "SIGKILL");
      await asleep(child, "Zt");
      const kind = ["process.stopped", "process.traced", "process.zombie"] as const;
      return { ask: child, verdict: ["exited", "stopped"], kind, culprit: tracer.pid, alarming: true };
    },
  },
  {
    name: "parent that waits for one of its two children, and the other one is stopped",
    async setUp(stage) {
      const parent = await stage.python(`
import os, time
a = os.fork()
if a == 0: time.sleep(1000)
b = os.fork()
if b == 0: time.sleep(1000)
print(a); print(b)
os.waitpid(a, 0)
`);
      await until("two children", () => parent.lines.length === 2);
      const [awaited, other] = parent.lines.map(Number) as [number, number];
      await asleep(parent.pid);
      stage.stop(other);
      return { ask: parent.pid, verdict: "blocked", kind: "process.sleeping", culprit: awaited, alarming: false };
    },
  },
  {
    name: "parent that waits for a process group, its only member stopped",
    async setUp(stage) {
      const parent = await stage.python(`
import os, time
a = os.fork()
if a == 0: os.setpgid(0, 0); time.sleep(1000)
if os.fork() == 0: time.sleep(1000)
os.setpgid(a, a)
print(a)
os.waitpid(-a, 0)
`);
      const member = Number(parent.lines[0]);
      await asleep(parent.pid);
      stage.stop(member);
      return { ask: parent.pid, verdict: "blocked", kind: "process.stopped", culprit: member, alarming: true };
    },
  },
  {
    name: "poll on the pidfd of a stopped process that is no child",
    async setUp(stage) {
      const target = await stage.shell("exec sleep 1000");
      const waiter = await stage.python(
        `import os, select, sys\np = select.poll(); p.register(os.pidfd_open(int(sys.argv[1])), select.POLLIN)\nprint("ready"); p.poll()`,
        String(target.pid),
      );
      await asleep(waiter.pid);
      stage.stop(target.pid);
      return { ask: waiter.pid, verdict: "blocked", kind: "process.stopped", culprit: target.pid, alarming: true };
    },
  },
  {
    name: "waitid on the pidfd of a stopped child",
    async setUp(stage) {
      const waiter = await stage.python(`
import os, time
a = os.fork()
if a == 0: time.sleep(1000)
if os.fork() == 0: time.sleep(1000)
print(a)
os.waitid(os.P_PIDFD, os.pidfd_open(a), os.WEXITED)
`);
      const child = Number(waiter.lines[0]);
      await asleep(waiter.pid);
      stage.stop(child);
      return { ask: waiter.pid, verdict: "blocked", kind: "process.stopped", culprit: child, alarming: true };
    },
  },
  {
    name: "subreaper that waits for an orphan it was given",
    async setUp(stage) {
      const reaper = await stage.python(`
import ctypes, os, time
PR_SET_CHILD_SUBREAPER = 36
ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
a = os.fork()
if a == 0:
    b = os.fork()
    if b == 0: time.sleep(1000)
    print(b)
    os._exit(0)
os.waitpid(a, 0)
os.wait()
`);
      const orphan = Number(reaper.lines[0]);
      await until("the orphan to be adopted", () => readStat("/proc", orphan)?.ppid === reaper.pid);
      await asleep(reaper.pid);
      stage.stop(orphan);
      return { ask: reaper.pid, verdict: "blocked", kind: "process.stopped", culprit: orphan, alarming: true };
    },
  },
  {
    name: "timeout(1) around a stopped command",
    needs: ["timeout"],
    async setUp(stage) {
      const limit = await stage.shell("exec timeout 1000 sleep 999");
      const command = await childOf(limit.pid, "sleep");
      await asleep(limit.pid);
      stage.stop(command);
      return { ask: limit.pid, verdict: "blocked", kind: "process.stopped", culprit: command, alarming: true };
    },
  },
  {
    name: "script that looks for a file again and again",
    async setUp(stage) {
      const { pid } = await stage.python(`
import os, time
print("ready")
while not os.path.exists("never"): time.sleep(0.1)
`);
      return { ask: pid, verdict: ["idle", "running"], kind: ["process.sleeping", "process.busy"], alarming: false };
    },
  },
  {
    name: "shell that looks for a file again and again",
    async setUp(stage) {
      const { pid } = await stage.shell("while ! test -e never; do sleep 0.1; done");
      const kind = ["process.sleeping", "process.busy", "unknown"] as const;
      return { ask: pid, verdict: ["idle", "running", "blocked", "unknown"], kind, alarming: false };
    },
  },
  {
    name: "process that waits for a signal with a time limit",
    async setUp(stage) {
      const { pid } = await stage.python(
        `import signal\nprint("ready")\nsignal.pthread_sigmask(0, {10}); signal.sigtimedwait({10}, 1000)`,
      );
      await asleep(pid);
      return { ask: pid, verdict: "idle", kind: ["process.idle", "process.sleeping"], culprit: pid, alarming: false };
    },
  },
];
