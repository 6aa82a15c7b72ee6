import assert from "node:assert/strict";
import { test } from "node:test";
import { readStat } from "../../src/kernel/procfs.ts";
import { KILL, parseSignal, TERM, type Signal } from "../../src/act/signals.ts";
import { zap, type ZapOptions, type ZapOutcome } from "../../src/act/zap.ts";
import { onLinux, Tree, until } from "./processes.ts";

const options: ZapOptions = { signal: KILL, graceMs: 0, dryRun: false };
const pidsOf = (outcome: ZapOutcome) => outcome.ended.map(({ pid }) => pid).sort((a, b) => a - b);
const signal = (name: string) => parseSignal(name) as Signal;

test("zap ends the whole tree, children in sessions of their own too", { skip: onLinux }, async () => {
  await using tree = await Tree.bash(
    `sleep 300 & setsid sleep 301 & bash -c 'setsid bash -c "sleep 302 & sleep 303; :" & sleep 304; :' & sleep 305; :`,
  ).started(6);
  const before = tree.pids();
  assert.equal(before.length, 9);

  const outcome = await zap({ pid: tree.pid }, options);
  assert.deepEqual(
    pidsOf(outcome),
    before.toSorted((a, b) => a - b),
  );
  assert.deepEqual(outcome.survived, []);
  assert.equal(outcome.ended[0]?.pid, tree.pid);
  assert.deepEqual(tree.pids(), []);
});

test("an orphan of a session that the tree leads belongs to the tree", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("(sleep 300 &); exec 2>&-; set -m; (sleep 301 &); sleep 302; :").started(3);
  const orphans = [tree.find("sleep 300"), tree.find("sleep 301")];
  await until("orphaned", () => orphans.every((pid) => readStat("/proc", pid)?.ppid !== tree.pid));

  await zap({ pid: tree.pid }, options);
  assert.deepEqual(tree.pids(), []);
});

test("an orphan of a job that the target leads belongs to the tree", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("set -m; bash -c '(sleep 300 &); exec sleep 301' & sleep 302; :").started(3);
  const spared = [tree.pid, tree.find("sleep 302")];

  await zap({ pid: tree.find("sleep 301") }, options);
  assert.deepEqual(tree.pids(), spared);
});

test("the rest of a pipeline that the target leads is left alone", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("set -m; sleep 300 | (sleep 301 & sleep 302; :) & sleep 303; :").started(4);
  const target = tree.find("sleep 300");
  const others = tree.pids().filter((pid) => pid !== target);

  const outcome = await zap({ pid: target }, options);
  assert.deepEqual(pidsOf(outcome), [target]);
  assert.deepEqual(tree.pids(), others);
});

test("nothing forks away while it is ended", { skip: onLinux }, async () => {
  // Each grandchild loses its parent at once. Bounded: at most 400 of them, gone after a minute.
  await using tree = Tree.python(`
import os, time
for _ in range(400):
    if os.fork() == 0:
        if os.fork() == 0:
            time.sleep(60)
        os._exit(0)
    os.wait()
    time.sleep(0.001)
time.sleep(60)`);
  await until("it forks", () => tree.pids().length > 30);

  const outcome = await zap({ pid: tree.pid }, options);
  assert.deepEqual(outcome.survived, []);
  assert.deepEqual(tree.pids(), []);
});

test("nobody can answer another's death: all are stopped before the first is killed", { skip: onLinux }, async () => {
  // PR_SET_PDEATHSIG (1) wakes each child at its parent's death; it then escapes into a session nobody saw being made.
  await using tree = Tree.python(`
import ctypes, os, signal, time
def escape(*_):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0: time.sleep(60)
    os._exit(0)
signal.signal(signal.SIGUSR1, escape)
for _ in range(250):
    if os.fork() == 0:
        ctypes.CDLL(None).prctl(1, signal.SIGUSR1)
        while True: time.sleep(60)
print("ready", flush=True)
time.sleep(60)`);
  await tree.says("ready");
  await until("all armed", () => tree.living().filter(({ state }) => state === "S").length === 251);

  const outcome = await zap({ pid: tree.pid }, options);
  assert.equal(outcome.ended.length, 251);
  assert.deepEqual(tree.pids(), []);
});

test("who forks and exits faster than it can be read is caught by its process group", { skip: onLinux }, async () => {
  for (const jobControl of ["", "set -m;"]) {
    // Bounded: it ends by itself after 60,000 forks.
    await using tree = await Tree.bash(`${jobControl} python3 -c '
import os
for i in range(60000):
    if i == 100: print("hopping", flush=True)
    if os.fork() > 0: os._exit(0)' & sleep 300; :`).says("hopping");

    const outcome = await zap({ pid: tree.pid }, options);
    assert.deepEqual(outcome.survived, []);
    assert.deepEqual(tree.pids(), []);
  }
});

test("a stopped process ends too, by a signal that it must handle first", { skip: onLinux }, async () => {
  for (const name of ["KILL", "TERM"]) {
    await using tree = await Tree.bash(`trap 'echo handled; exit' TERM; sleep 300 & echo ready; wait`).says("ready");
    process.kill(tree.pid, "SIGSTOP");
    await until("stopped", () => readStat("/proc", tree.pid)?.state === "T");

    const outcome = await zap({ pid: tree.pid }, { ...options, signal: signal(name) });
    assert.deepEqual(outcome.survived, []);
    assert.deepEqual(tree.pids(), []);
    await until("output ends", () => tree.child.stdout?.readableEnded === true);
    assert.equal(tree.output.includes("handled"), name === "TERM");
  }
});

test("what ignores the first signal is killed after the grace", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("trap '' TERM; sleep 300 & echo ready; wait").says("ready");
  await tree.started(1);
  const outcome = await zap({ pid: tree.pid }, { ...options, signal: TERM, graceMs: 200 });
  assert.equal(outcome.ended.length, 2);
  assert.deepEqual(tree.pids(), []);
});

test("with a grace, KILL is preceded by TERM, and who ends by it is not kept waiting", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("trap 'echo bye; exit' TERM; sleep 300 & echo ready; wait").says("ready");
  const outcome = await zap({ pid: tree.pid }, { ...options, graceMs: 3_600_000 });
  assert.deepEqual(outcome.survived, []);
  await tree.says("bye");
});

test("who survives a signal is named with what it does about it", { skip: onLinux }, async () => {
  const habits = {
    ignores: "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    handles: "signal.signal(signal.SIGTERM, lambda *_: None)",
    blocks: "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])",
  };
  for (const [kind, habit] of Object.entries(habits)) {
    await using tree = await Tree.python(
      `import signal, time\n${habit}\nprint("ready", flush=True)\nwhile True: time.sleep(1)`,
    ).says("ready");
    const outcome = await zap({ pid: tree.pid }, { ...options, signal: TERM, deadlineMs: 100 });
    assert.deepEqual(outcome.ended, []);
    assert.deepEqual(
      outcome.survived.map(({ member, state, ...why }) => [member.pid, state, why]),
      [[tree.pid, "sleeping", { kind, detail: "TERM" }]],
    );
  }
});

test("a dry run lists the same and touches nothing", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("sleep 300 & setsid sleep 301 & sleep 302; :").started(3);
  const stopped = tree.find("sleep 301");
  process.kill(stopped, "SIGSTOP");
  const isSettled = ({ pid, state }: { pid: number; state: string }) => state === (pid === stopped ? "T" : "S");
  await until("one is stopped, and the others sleep", () => tree.living().every(isSettled));

  const outcome = await zap({ pid: tree.pid }, { ...options, dryRun: true });
  assert.deepEqual(
    pidsOf(outcome),
    tree.pids().toSorted((a, b) => a - b),
  );
  assert.equal(outcome.ended.length, 4);
  assert.equal(tree.living().length, 4);
  assert.ok(tree.living().every(isSettled));
});

test("STOP and CONT reach the tree and do nothing else", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("sleep 300 & setsid sleep 301 & sleep 302; :").started(3);
  for (const [name, state] of [
    ["STOP", "T"],
    ["CONT", "S"],
  ] as const) {
    const outcome = await zap({ pid: tree.pid }, { ...options, signal: signal(name) });
    assert.deepEqual(
      outcome.survived.map(({ kind }) => kind),
      Array(4).fill("not_ending"),
    );
    assert.deepEqual(outcome.ended, []);
    await until(`all ${state}`, () => tree.living().every((stat) => stat.state === state));
    assert.equal(tree.living().length, 4);
  }
});

test("an interruption leaves the tree running", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("sleep 300 & sleep 301; :").started(2);
  await assert.rejects(zap({ pid: tree.pid }, { ...options, abort: AbortSignal.abort() }), { name: "AbortError" });
  await until("all run", () => tree.living().every(({ state }) => state === "S"));
  assert.equal(tree.living().length, 3);
});

test("a dead target is not ended again, and who does not reap it is named", { skip: onLinux }, async () => {
  await using tree = await Tree.python(`
import os, time
child = os.fork()
if child == 0: os._exit(0)
print(child, "forked", flush=True)
time.sleep(300)`).says("forked");
  const zombie = Number.parseInt(tree.output, 10);
  await until("dead", () => readStat("/proc", zombie)?.state === "Z");

  const outcome = await zap({ pid: zombie }, options);
  assert.deepEqual([outcome.ended, outcome.survived], [[], []]);
  assert.equal(outcome.unreaped?.member.pid, zombie);
  assert.deepEqual(outcome.unreaped?.parent, { pid: tree.pid, comm: "python3" });
  assert.deepEqual(tree.pids(), [tree.pid]);

  assert.deepEqual(pidsOf(await zap({ pid: tree.pid }, options)), [tree.pid]);
});

test("a process whose main thread is done is alive and ends", { skip: onLinux }, async () => {
  await using tree = await Tree.python(`
import ctypes, threading, time
def work():
    print("ready", flush=True)
    time.sleep(300)
threading.Thread(target=work).start()
ctypes.CDLL(None).pthread_exit(None)`).says("ready");
  await until("main thread gone", () => readStat("/proc", tree.pid)?.state === "Z");

  const outcome = await zap({ pid: tree.pid }, options);
  assert.deepEqual(pidsOf(outcome), [tree.pid]);
  await until("gone", () => readStat("/proc", tree.pid) === undefined);
});
