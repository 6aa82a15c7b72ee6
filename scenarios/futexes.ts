/** Stalls between threads, and between processes by what threads wait for: mutexes, joins, condition variables. */
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { readPids, readStat, readText } from "../src/kernel/procfs.ts";
import type { Scenario, Truth } from "./scenario.ts";
import { asleep, childOf, until, waitsIn, type Actor, type Stage } from "./stage.ts";

const FUTEX = /futex|rt_mutex/;
const HOLD_FILE = `
import fcntl, sys, time
f = open(sys.argv[1], "w")
fcntl.flock(f, fcntl.LOCK_EX)
print("ready")
time.sleep(1000)
`;

let program: Promise<string> | undefined;

/** Compiled once: a stage may be struck while others still need it. */
function compiled(): Promise<string> {
  program ??= compile();
  return program;
}

async function compile(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "xctl-futexes-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, "futexes");
  await promisify(execFile)("gcc", ["-O1", "-pthread", "-o", path, join(import.meta.dirname, "futexes.c")]);
  return path;
}

async function play(stage: Stage, ...words: string[]): Promise<Actor> {
  return stage.start(await compiled(), ...words);
}

const go = (stage: Stage) => stage.shell("touch go");

/** Until so many threads of the process wait in the kernel for a futex. */
function onFutexes(pid: number, count: number): Promise<void> {
  return until(`${count} threads of ${pid} to wait for futexes`, () => {
    const tids = readPids(`/proc/${pid}/task`);
    return tids.filter((tid) => FUTEX.test(readText(`/proc/${pid}/task/${tid}/wchan`) ?? "")).length >= count;
  });
}

function deadlock(pid: number, ...others: number[]): Truth {
  const members = [pid, ...others];
  return { ask: pid, verdict: "blocked", kind: "process.deadlock", members, alarming: true };
}

function stoppedBy(ask: number, culprit: number): Truth {
  return { ask, verdict: "blocked", kind: "process.stopped", culprit, alarming: true };
}

/** One process has a lock in shared memory and is stopped, another wants it. */
function sharedWithStopped(hold: string[], take: string[]) {
  return async (stage: Stage): Promise<Truth> => {
    const holder = await play(stage, ...hold);
    const waiter = await play(stage, ...take);
    await waitsIn(waiter.pid, FUTEX);
    stage.stop(holder.pid);
    return stoppedBy(waiter.pid, holder.pid);
  };
}

function deadlockOfThreads(part: string, threads: number) {
  return async (stage: Stage): Promise<Truth> => {
    const { pid } = await play(stage, part, "lock");
    await onFutexes(pid, threads);
    return deadlock(pid);
  };
}

const GCC = ["gcc"] as const;

export const futexes: readonly Scenario[] = [
  {
    name: "mutex whose owner, a thread of the same process, sleeps",
    needs: GCC,
    async setUp(stage) {
      const { pid } = await play(stage, "owner-sleeps");
      await waitsIn(pid, FUTEX);
      return { ask: pid, verdict: "blocked", kind: "process.sleeping", culprit: pid, alarming: true };
    },
  },
  {
    name: "mutex whose owner waits for a file lock of a stopped process",
    needs: GCC,
    async setUp(stage) {
      const holder = await stage.python(HOLD_FILE, "lock");
      const { pid } = await play(stage, "owner-locks-file", "lock");
      await waitsIn(pid, FUTEX);
      stage.stop(holder.pid);
      return stoppedBy(pid, holder.pid);
    },
  },
  {
    name: "two threads with two mutexes, in opposite order",
    needs: GCC,
    setUp: deadlockOfThreads("two-of-two", 3),
  },
  {
    name: "two threads with two mutexes, while the main one sleeps",
    needs: GCC,
    setUp: deadlockOfThreads("two-of-two-at-rest", 2),
  },
  { name: "circle of three threads", needs: GCC, setUp: deadlockOfThreads("circle-of-three", 3) },
  { name: "mutex locked again by its owner", needs: GCC, setUp: deadlockOfThreads("relock", 1) },
  {
    name: "two threads with a mutex and a file lock, in opposite order",
    needs: GCC,
    setUp: deadlockOfThreads("mutex-and-file", 2),
  },
  {
    name: "two threads with a mutex and a file lock, while the main one sleeps",
    needs: GCC,
    setUp: deadlockOfThreads("mutex-and-file-at-rest", 1),
  },
  {
    name: "two processes with a shared mutex and a file lock, in opposite order",
    needs: GCC,
    async setUp(stage) {
      const one = await play(stage, "hold-and-lock-file", "memory", "lock");
      const two = await play(stage, "lock-file-and-take", "memory", "lock");
      await go(stage);
      await waitsIn(one.pid, /lock/);
      await waitsIn(two.pid, FUTEX);
      return deadlock(one.pid, two.pid);
    },
  },
  {
    name: "two processes with two shared mutexes, in opposite order",
    needs: GCC,
    async setUp(stage) {
      const one = await play(stage, "hold-and-take", "memory", "plain", "other");
      const two = await play(stage, "hold-and-take", "memory", "other", "plain");
      await go(stage);
      await waitsIn(one.pid, FUTEX);
      await waitsIn(two.pid, FUTEX);
      return deadlock(one.pid, two.pid);
    },
  },
  {
    name: "shared mutex whose owner is stopped",
    needs: GCC,
    setUp: sharedWithStopped(["hold", "memory", "plain"], ["take", "memory", "plain"]),
  },
  {
    name: "robust shared mutex whose owner is stopped",
    needs: GCC,
    setUp: sharedWithStopped(["hold", "memory", "robust"], ["take", "memory", "robust"]),
  },
  {
    name: "shared mutex with priority inheritance whose owner is stopped",
    needs: GCC,
    setUp: sharedWithStopped(["hold", "memory", "inheriting"], ["take", "memory", "inheriting"]),
  },
  {
    name: "shared read-write lock whose writer is stopped",
    needs: GCC,
    setUp: sharedWithStopped(["write", "memory"], ["read", "memory"]),
  },
  {
    name: "shared mutex whose owner is stopped in another pid namespace",
    needs: ["gcc", "root", "unshare"],
    async setUp(stage) {
      const outer = await stage.start("unshare", "-p", "-f", "--kill-child", await compiled(), "hold", "m", "plain");
      const holder = await childOf(outer.pid, "futexes");
      const waiter = await play(stage, "take", "m", "plain");
      await waitsIn(waiter.pid, FUTEX);
      stage.stop(holder);
      return stoppedBy(waiter.pid, holder);
    },
  },
  {
    name: "shared mutex whose owner was killed",
    needs: GCC,
    async setUp(stage) {
      const holder = await play(stage, "hold", "memory", "plain");
      process.kill(holder.pid, "SIGKILL");
      await until("the owner to be gone", () => readStat("/proc", holder.pid) === undefined);
      const { pid } = await play(stage, "take", "memory", "plain");
      await waitsIn(pid, FUTEX);
      return { ask: pid, verdict: "blocked", kind: "lock.orphaned", alarming: true };
    },
  },
  {
    name: "mutex that another thread held while the process was forked",
    needs: GCC,
    async setUp(stage) {
      const { pid } = await play(stage, "fork-while-held");
      const child = await childOf(pid, "futexes");
      await waitsIn(child, FUTEX);
      return { ask: child, verdict: "blocked", kind: "lock.orphaned", alarming: true };
    },
  },
  {
    name: "join of a thread that reads from a stopped process",
    needs: GCC,
    async setUp(stage) {
      const shell = await stage.shell(`sleep 1000 | ${await compiled()} join-reader`);
      const waiter = await childOf(shell.pid, "futexes");
      const writer = await childOf(shell.pid, "sleep");
      await waitsIn(waiter, FUTEX);
      stage.stop(writer);
      return stoppedBy(waiter, writer);
    },
  },
  {
    name: "process whose main thread has ended, another waits for a lock of a stopped process",
    needs: GCC,
    async setUp(stage) {
      const holder = await stage.python(HOLD_FILE, "lock");
      const { pid } = await play(stage, "main-has-ended", "lock");
      await asleep(pid, "Z");
      stage.stop(holder.pid);
      return stoppedBy(pid, holder.pid);
    },
  },
  {
    name: "Python program that joins a thread which reads from a stopped server",
    async setUp(stage) {
      const server = await stage.python(`
import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])
c, _ = s.accept()
time.sleep(1000)
`);
      const { pid } = await stage.python(
        `
import socket, sys, threading
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
t = threading.Thread(target=lambda: c.recv(1))
t.start()
print("ready")
t.join()
`,
        server.lines[0] as string,
      );
      await waitsIn(pid, FUTEX);
      stage.stop(server.pid);
      return stoppedBy(pid, server.pid);
    },
  },
  {
    name: "robust mutex whose owner was killed: the next one has it",
    needs: GCC,
    async setUp(stage) {
      const holder = await play(stage, "hold", "memory", "robust");
      const { pid } = await play(stage, "take", "memory", "robust");
      await waitsIn(pid, FUTEX);
      process.kill(holder.pid, "SIGKILL");
      await waitsIn(pid, /nanosleep/);
      return { ask: pid, verdict: "idle", kind: "process.sleeping", culprit: pid, alarming: false };
    },
  },
  {
    name: "threads that all wait for a condition",
    needs: GCC,
    async setUp(stage) {
      const { pid } = await play(stage, "pool");
      await onFutexes(pid, 4);
      return { ask: pid, verdict: "unknown", kind: "unknown", alarming: false };
    },
  },
  {
    name: "server at rest: one thread accepts, the others wait for work",
    needs: GCC,
    async setUp(stage) {
      const { pid } = await play(stage, "server-pool");
      await onFutexes(pid, 4);
      return { ask: pid, verdict: "idle", kind: "process.idle", culprit: pid, alarming: false };
    },
  },
  {
    name: "server at rest: its threads take turns to accept",
    needs: GCC,
    async setUp(stage) {
      const { pid } = await play(stage, "turns");
      await onFutexes(pid, 2);
      return { ask: pid, verdict: "idle", kind: "process.idle", culprit: pid, alarming: false };
    },
  },
  {
    name: "Python pool at rest",
    async setUp(stage) {
      const { pid } = await stage.python(`
import concurrent.futures, signal
pool = concurrent.futures.ThreadPoolExecutor(4)
list(pool.map(abs, range(100)))
print("ready")
signal.pause()
`);
      await onFutexes(pid, 1);
      return { ask: pid, verdict: "idle", kind: "process.idle", culprit: pid, alarming: false };
    },
  },
];
