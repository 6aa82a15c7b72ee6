/** Stalls that a cgroup makes: frozen, out of its CPU quota, starved by others, its memory full. */
import { ControlGroup } from "./control-group.ts";
import type { Scenario } from "./scenario.ts";
import { asleep, childOf, until, waitsIn, type Stage } from "./stage.ts";

type Freezer = "freezer" | "cgroup2";

/** Not for ever, should nobody end it. */
const BUSY = `import signal; signal.alarm(120); print("ready")\nwhile True: pass`;

async function freeze(group: ControlGroup): Promise<void> {
  if (group.has("freezer.state")) {
    group.set("freezer.state", "FROZEN");
    await until("the cgroup to be frozen", () => group.get("freezer.state") === "FROZEN");
  } else {
    group.set("cgroup.freeze", 1);
    await until("the cgroup to be frozen", () => group.get("cgroup.events").includes("frozen 1"));
  }
}

function thaw(group: ControlGroup): void {
  if (group.has("freezer.state")) group.set("freezer.state", "THAWED");
  else group.set("cgroup.freeze", 0);
}

function frozen(
  hierarchy: Freezer,
  title: string,
  setUp: (stage: Stage, group: ControlGroup) => ReturnType<Scenario["setUp"]>,
): Scenario {
  const version = hierarchy === "cgroup2" ? "v2" : "v1";
  return {
    name: `${title}, cgroup ${version}`,
    needs: ["root", hierarchy],
    setUp: (stage) => setUp(stage, ControlGroup.create(stage, hierarchy)),
  };
}

const freezers = (["freezer", "cgroup2"] as const).flatMap((hierarchy): Scenario[] => [
  frozen(hierarchy, "frozen process", async (stage, group) => {
    const { pid } = await stage.shell("exec sleep 1000");
    group.add(pid);
    await freeze(group);
    return { ask: pid, verdict: "stopped", kind: "process.frozen", culprit: pid, alarming: true };
  }),
  frozen(hierarchy, "process that computed when its cgroup above was frozen", async (stage, group) => {
    const { pid } = await stage.python(BUSY);
    group.child("inner").add(pid);
    await freeze(group);
    return { ask: pid, verdict: "stopped", kind: "process.frozen", culprit: pid, alarming: true };
  }),
  frozen(hierarchy, "reader of a pipe whose writer is frozen", async (stage, group) => {
    const shell = await stage.shell("sleep 1000 | cat");
    const writer = await childOf(shell.pid, "sleep");
    const reader = await childOf(shell.pid, "cat");
    await asleep(reader);
    group.add(writer);
    await freeze(group);
    return { ask: reader, verdict: "blocked", kind: "process.frozen", culprit: writer, alarming: true };
  }),
  frozen(hierarchy, "writer to a pipe whose reader was frozen while it read another", async (stage, group) => {
    const shell = await stage.shell("mkfifo idle; exec 3<>idle; yes | { read -u 3 line; cat; }");
    const writer = await childOf(shell.pid, "yes");
    const reader = await childOf(shell.pid, "bash");
    await asleep(reader);
    await asleep(writer);
    group.add(reader);
    await freeze(group);
    return { ask: writer, verdict: "blocked", kind: "process.frozen", culprit: reader, alarming: true };
  }),
  frozen(
    hierarchy,
    "shell, waiting for a child, waiting for a lock, held by a frozen process",
    async (stage, group) => {
      const holder = await stage.shell("exec 3>lock; flock 3; echo locked; exec sleep 1000");
      await until("the lock to be taken", () => holder.lines.includes("locked"));
      const shell = await stage.shell("flock lock true; true");
      await waitsIn(await childOf(shell.pid, "flock"), /lock/);
      group.add(holder.pid);
      await freeze(group);
      return { ask: shell.pid, verdict: "blocked", kind: "process.frozen", culprit: holder.pid, alarming: true };
    },
  ),
  frozen(hierarchy, "reader of a writer that was thawed again", async (stage, group) => {
    const shell = await stage.shell("sleep 1000 | cat");
    const writer = await childOf(shell.pid, "sleep");
    const reader = await childOf(shell.pid, "cat");
    await asleep(reader);
    group.add(writer);
    await freeze(group);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    thaw(group);
    return { ask: reader, verdict: "blocked", kind: "process.sleeping", culprit: writer, alarming: false };
  }),
]);

/** `quotaMs` of CPU in each 100 ms. */
function limited(stage: Stage, quotaMs: number): ControlGroup {
  const group = ControlGroup.create(stage, "cpu");
  group.set("cpu.cfs_period_us", 100_000);
  group.set("cpu.cfs_quota_us", quotaMs * 1000);
  return group;
}

/**
 * A process and its child, which stay on one CPU, always the same: the child computes, and the parent does so too, after
 * all others. They are of one session, for sessions share the CPUs before their processes do: autogroups, sched(7), of
 * which this one is the least, so that other scenarios have the CPU as well.
 */
const YIELDING = `
import os, signal
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
try:
    open("/proc/self/autogroup", "w").write("10")
except OSError:
    pass
signal.alarm(120)
hog = os.fork()
if hog == 0: signal.alarm(120)
else:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    print(hog, flush=True)
while True: pass
`;

/** A process and its child, which share one CPU. */
const SHARING = `
import os, signal
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
child = os.fork()
signal.alarm(120)
if child != 0: print("ready", flush=True)
while True: pass
`;

const quotas: readonly Scenario[] = [
  {
    name: "process out of its CPU quota",
    needs: ["root", "cpu"],
    async setUp(stage) {
      const { pid } = await stage.python(BUSY);
      limited(stage, 2).add(pid);
      return { ask: pid, verdict: "starved", kind: "cpu.throttled", culprit: pid, alarming: true };
    },
  },
  {
    name: "process whose cgroup above is out of its CPU quota",
    needs: ["root", "cpu"],
    async setUp(stage) {
      const { pid } = await stage.python(BUSY);
      limited(stage, 2).child("inner").add(pid);
      return { ask: pid, verdict: "starved", kind: "cpu.throttled", culprit: pid, alarming: true };
    },
  },
  {
    name: "reader of a writer that is out of its CPU quota",
    needs: ["root", "cpu"],
    async setUp(stage) {
      const shell = await stage.shell("{ while [ $SECONDS -lt 120 ]; do :; done; } | cat");
      const reader = await childOf(shell.pid, "cat");
      const writer = await childOf(shell.pid, "bash");
      limited(stage, 2).add(writer);
      await asleep(reader);
      return { ask: reader, verdict: "blocked", kind: "cpu.throttled", culprit: writer, alarming: true };
    },
  },
  {
    name: "thread pool that is out of its CPU quota",
    needs: ["root", "cpu"],
    async setUp(stage) {
      const { pid } = await stage.python(`
import signal, threading
signal.alarm(120)
def work():
    while True: pass
workers = [threading.Thread(target=work) for _ in range(3)]
for worker in workers: worker.start()
print("ready")
for worker in workers: worker.join()
`);
      limited(stage, 2).add(pid);
      return { ask: pid, verdict: "starved", kind: "cpu.throttled", culprit: pid, alarming: true };
    },
  },
  {
    name: "process that computes well within its CPU quota",
    needs: ["root", "cpu"],
    async setUp(stage) {
      const { pid } = await stage.python(`
import signal, time
signal.alarm(120)
print("ready")
while True:
    end = time.process_time() + 0.01
    while time.process_time() < end: pass
    time.sleep(0.05)
`);
      limited(stage, 90).add(pid);
      return {
        ask: pid,
        verdict: ["running", "idle"],
        kind: ["process.busy", "process.sleeping"],
        culprit: pid,
        alarming: false,
      };
    },
  },
];

/** Who has the CPU is not asked: others may keep the same one busy. */
const starved: readonly Scenario[] = [
  {
    name: "process that yields to another on its only CPU",
    async setUp(stage) {
      const { pid } = await stage.python(YIELDING);
      return { ask: pid, verdict: "starved", kind: "cpu.starved", alarming: true };
    },
  },
  {
    name: "parent of a child that gets no CPU",
    async setUp(stage) {
      const shell = await stage.start("bash", "-c", `echo ready; python3 -c "$0"; true`, YIELDING);
      await asleep(shell.pid);
      return { ask: shell.pid, verdict: "blocked", kind: "cpu.starved", alarming: true };
    },
  },
  {
    name: "two processes that share a CPU",
    async setUp(stage) {
      const { pid } = await stage.python(SHARING);
      return { ask: pid, verdict: "running", kind: "process.busy", culprit: pid, alarming: false };
    },
  },
];

const HUNGRY = `
import sys, time
print("ready")
while open("/proc/self/cgroup").read().find(sys.argv[1]) < 0: time.sleep(0.02)
held = []
while True: held.append(bytearray(1 << 20))
`;

/** Nobody in it is killed for want of memory, so nothing but this one process may be in it. */
function starvedOfMemory(stage: Stage): ControlGroup {
  const group = ControlGroup.create(stage, "memory");
  group.set("memory.limit_in_bytes", 32 << 20);
  group.set("memory.oom_control", 1);
  return group;
}

const memory: readonly Scenario[] = [
  {
    name: "process in a full memory cgroup whose OOM killer is off",
    needs: ["root", "memory"],
    async setUp(stage) {
      const group = starvedOfMemory(stage);
      const { pid } = await stage.python(HUNGRY, group.name);
      group.add(pid);
      await waitsIn(pid, /oom/);
      return { ask: pid, verdict: "blocked", kind: "memory.oom", culprit: pid, alarming: true };
    },
  },
  {
    name: "parent of a process in a full memory cgroup, which is full above",
    needs: ["root", "memory"],
    async setUp(stage) {
      const group = starvedOfMemory(stage);
      const inner = group.child("inner");
      inner.set("memory.oom_control", 1);
      const shell = await stage.start("bash", "-c", `echo ready; python3 -c "$0" "$1"; true`, HUNGRY, group.name);
      const child = await childOf(shell.pid, "python3");
      inner.add(child);
      await waitsIn(child, /oom/);
      return { ask: shell.pid, verdict: "blocked", kind: "memory.oom", culprit: child, alarming: true };
    },
  },
];

export const cgroups: readonly Scenario[] = [...freezers, ...quotas, ...starved, ...memory];
