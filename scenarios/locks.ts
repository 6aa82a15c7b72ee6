/** Stalls on file locks: flock and POSIX, their holders asleep, stopped, or waiting themselves. */
import type { Scenario } from "./scenario.ts";
import { childOf, waitsIn } from "./stage.ts";

const HOLD = `
import fcntl, sys, time
f = open(sys.argv[1], "w")
getattr(fcntl, sys.argv[2])(f, fcntl.LOCK_EX)
print("ready")
time.sleep(1000)
`;

const TAKE_TWO = `
import fcntl, os, sys, time
first, second = open(sys.argv[1], "a"), open(sys.argv[2], "a")
fcntl.flock(first, fcntl.LOCK_EX)
print("ready")
while not os.path.exists("go"):
    time.sleep(0.02)
fcntl.flock(second, fcntl.LOCK_EX)
`;

const WANT = `
import fcntl, sys
f = open(sys.argv[1], "a")
print("ready")
getattr(fcntl, sys.argv[2])(f, fcntl.LOCK_EX)
`;

const SHARE = `
import fcntl, sys, time
f = open(sys.argv[1], "a")
fcntl.flock(f, fcntl.LOCK_SH)
print("ready")
time.sleep(1000)
`;

/** Takes bytes of a file, or waits for them; then sleeps. */
const RANGE = `
import fcntl, sys, time
f = open(sys.argv[1], "a")
print("ready")
fcntl.lockf(f, fcntl.LOCK_EX, int(sys.argv[3]), int(sys.argv[2]))
time.sleep(1000)
`;

const OFD = `
import fcntl, os, struct, sys, time
f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
F_OFD_SETLKW = 38
print("ready")
fcntl.fcntl(f, F_OFD_SETLKW, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, int(sys.argv[2]), int(sys.argv[3]), 0))
time.sleep(1000)
`;

/** Opens a file that a child of its own has a lease on, again and again. */
const LEASE = `
import fcntl, os, signal, sys, time
signal.signal(signal.SIGIO, signal.SIG_IGN)
while True:
    told, tell = os.pipe()
    holder = os.fork()
    if holder == 0:
        f = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
        fcntl.fcntl(f, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        os.write(tell, b"x")
        time.sleep(1000)
    os.read(told, 1)
    print(holder)
    open(sys.argv[1], "a").close()
    os.kill(holder, signal.SIGKILL)
    os.wait()
`;

const CHURN = `
import fcntl, sys, time
f = open(sys.argv[1], "a")
print("ready")
while True:
    fcntl.flock(f, fcntl.LOCK_EX)
    time.sleep(0.05)
    fcntl.flock(f, fcntl.LOCK_UN)
    time.sleep(0.01)
`;

const LOCK_WAIT = /lock|setlk/;

export const locks: readonly Scenario[] = [
  {
    name: "shell, waiting for a child, waiting for a lock, held by a sleeper",
    async setUp(stage) {
      const holder = await stage.python(HOLD, "lock", "flock");
      const shell = await stage.shell("flock lock true; true");
      const waiter = await childOf(shell.pid, "flock");
      await waitsIn(waiter, LOCK_WAIT);
      return { ask: shell.pid, verdict: "blocked", kind: "process.sleeping", culprit: holder.pid, alarming: true };
    },
  },
  {
    name: "flock whose holder is stopped",
    async setUp(stage) {
      const holder = await stage.python(HOLD, "lock", "flock");
      const shell = await stage.shell("exec flock lock true");
      await waitsIn(shell.pid, LOCK_WAIT);
      stage.stop(holder.pid);
      return { ask: shell.pid, verdict: "blocked", kind: "process.stopped", culprit: holder.pid, alarming: true };
    },
  },
  {
    name: "POSIX lock whose holder is stopped",
    async setUp(stage) {
      const holder = await stage.python(HOLD, "lock", "lockf");
      const waiter = await stage.python(`
import fcntl
f = open("lock", "a")
print("ready")
fcntl.lockf(f, fcntl.LOCK_EX)
`);
      await waitsIn(waiter.pid, LOCK_WAIT);
      stage.stop(holder.pid);
      return { ask: waiter.pid, verdict: "blocked", kind: "process.stopped", culprit: holder.pid, alarming: true };
    },
  },
  {
    name: "two processes, each holding the lock that the other wants",
    async setUp(stage) {
      const one = await stage.python(TAKE_TWO, "a", "b");
      const two = await stage.python(TAKE_TWO, "b", "a");
      await stage.shell("touch go");
      await waitsIn(one.pid, LOCK_WAIT);
      await waitsIn(two.pid, LOCK_WAIT);
      const members = [one.pid, two.pid];
      return { ask: one.pid, verdict: "blocked", kind: "process.deadlock", members, alarming: true };
    },
  },
  {
    name: "a third process behind a deadlock of two",
    async setUp(stage) {
      const one = await stage.python(TAKE_TWO, "a", "b");
      const two = await stage.python(TAKE_TWO, "b", "a");
      await stage.shell("touch go");
      await waitsIn(one.pid, LOCK_WAIT);
      await waitsIn(two.pid, LOCK_WAIT);
      const third = await stage.shell("exec flock a true");
      await waitsIn(third.pid, LOCK_WAIT);
      const members = [one.pid, two.pid];
      return { ask: third.pid, verdict: "blocked", kind: "process.deadlock", members, alarming: true };
    },
  },
  {
    name: "flock kept by a child of one who has exited",
    async setUp(stage) {
      const shell = await stage.shell("exec 9>lock; flock 9; sleep 1000 & exec 9>&-; wait");
      const waiter = await stage.python(WANT, "lock", "flock");
      await waitsIn(waiter.pid, LOCK_WAIT);
      const keeper = await childOf(shell.pid, "sleep");
      stage.stop(keeper);
      return { ask: waiter.pid, verdict: "blocked", kind: "process.stopped", culprit: keeper, alarming: true };
    },
  },
  {
    name: "open-file-description lock whose holder is stopped",
    async setUp(stage) {
      const holder = await stage.python(OFD, "lock", "0", "0");
      const waiter = await stage.python(OFD, "lock", "0", "0");
      await waitsIn(waiter.pid, LOCK_WAIT);
      stage.stop(holder.pid);
      return { ask: waiter.pid, verdict: "blocked", kind: "process.stopped", culprit: holder.pid, alarming: true };
    },
  },
  {
    name: "byte ranges of one file: only the holder of the overlapping one is to blame",
    async setUp(stage) {
      const bystander = await stage.python(RANGE, "lock", "0", "10");
      const holder = await stage.python(RANGE, "lock", "100", "10");
      const waiter = await stage.python(RANGE, "lock", "105", "1");
      await waitsIn(waiter.pid, LOCK_WAIT);
      stage.stop(bystander.pid);
      return { ask: waiter.pid, verdict: "blocked", kind: "process.sleeping", culprit: holder.pid, alarming: true };
    },
  },
  {
    name: "queue for a lock: the holder is to blame, not the one ahead",
    async setUp(stage) {
      const holder = await stage.python(HOLD, "lock", "flock");
      const first = await stage.python(WANT, "lock", "flock");
      await waitsIn(first.pid, LOCK_WAIT);
      const second = await stage.python(WANT, "lock", "flock");
      await waitsIn(second.pid, LOCK_WAIT);
      stage.stop(first.pid);
      return { ask: second.pid, verdict: "blocked", kind: "process.sleeping", culprit: holder.pid, alarming: true };
    },
  },
  {
    name: "writer behind several shared readers, one of them stopped",
    async setUp(stage) {
      const readers = await Promise.all([1, 2, 3].map(() => stage.python(SHARE, "lock")));
      const writer = await stage.python(WANT, "lock", "flock");
      await waitsIn(writer.pid, LOCK_WAIT);
      const stopped = readers[1]?.pid as number;
      stage.stop(stopped);
      return { ask: writer.pid, verdict: "blocked", kind: "process.stopped", culprit: stopped, alarming: true };
    },
  },
  {
    name: "opening a file that somebody has a lease on and does not give back",
    async setUp(stage) {
      const opener = await stage.python(LEASE, "leased");
      await waitsIn(opener.pid, /lease/);
      return {
        ask: opener.pid,
        verdict: "blocked",
        kind: "process.sleeping",
        // The kernel takes a lease away after 45 s, and then another one holds it.
        get culprit() {
          return Number(opener.lines.at(-1));
        },
        alarming: true,
      };
    },
  },
  {
    name: "lock that changes hands all the time",
    async setUp(stage) {
      await stage.python(CHURN, "lock");
      const other = await stage.python(CHURN, "lock");
      return { ask: other.pid, verdict: ["blocked", "idle", "running", "unknown"], kind: [], alarming: false };
    },
  },
];
