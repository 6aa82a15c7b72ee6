/** Nothing a program started is left behind, however the daemon or the program ends. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { readPids, readStat } from "../../src/kernel/procfs.ts";
import { subprocessProbe } from "../../src/probes/subprocess.ts";
import { carriers, collectingHost, LINE, linuxOnly, lives, pidsIn, programs, until } from "./programs.ts";

const source = (file: string) => new URL(`../../src/probes/${file}`, import.meta.url).href;
const guardianFile = fileURLToPath(source("guardian.ts"));

/**
 * Writes its pid and those of all that it starts: a child, one in a session of its own, and an orphan of one that
 * left; each lasts longer than any test.
 */
const family = (pids: string, last: string) => `#!/bin/sh
echo $$ >> '${pids}'
sleep 1000 & echo $! >> '${pids}'
setsid sleep 1000 & echo $! >> '${pids}'
setsid sh -c 'setsid sleep 1000 & echo $! >> ${pids}' &
wait $!
echo '${LINE}'
${last}
`;
const MEMBERS = 4;

/** A daemon of the host alone, with these programs; everything it starts carries `token`, even if nobody ended it. */
function daemon(t: TestContext, paths: readonly string[]): { child: ChildProcess; token: string } {
  const token = randomUUID();
  const script = `
    import { ProbeHost } from ${JSON.stringify(source("host.ts"))};
    import { subprocessProbe } from ${JSON.stringify(source("subprocess.ts"))};
    const host = new ProbeHost({ sink() { console.log("events"); }, log: console.error, interval: 1000, now: Date.now });
    host.start(${JSON.stringify(paths)}.map(subprocessProbe));
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    env: { ...process.env, XCTL_TEST_TOKEN: token },
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => carriers(token).forEach((pid) => process.kill(pid, "SIGKILL")));
  return { child, token };
}

function childrenOf(pid: number): number[] {
  return readPids("/proc").filter((candidate) => readStat("/proc", candidate)?.ppid === pid);
}

function guardianOf(daemonPid: number, programPids: readonly number[]): number {
  const [guardian, ...more] = childrenOf(daemonPid).filter((pid) => lives(pid) && !programPids.includes(pid));
  assert.ok(guardian !== undefined && more.length === 0, "one guardian");
  return guardian;
}

test("a daemon killed by SIGKILL leaves nothing behind, nor does its guardian stay", linuxOnly, async (t) => {
  const write = programs(t);
  const pids = write("pids", "");
  const deaf = write("deaf.sh", family(pids, `trap '' TERM HUP INT PIPE; while :; do sleep 1; done`));
  const plain = write("plain.sh", family(pids, "exec sleep 1000"));
  const { child, token } = daemon(t, [deaf, plain]);
  await until("both families", () => pidsIn(pids).length === 2 * MEMBERS);
  const members = pidsIn(pids);
  const guardian = guardianOf(child.pid as number, members);
  assert.ok(members.every(lives));
  // Signals that a terminal or an init would send to everyone.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.kill(guardian, signal);
  child.kill("SIGKILL");
  await until("all to be gone", () => ![...members, guardian].some(lives));
  assert.deepEqual(carriers(token), []);
});

test("a daemon killed at any moment of a start leaves nothing behind", linuxOnly, async (t) => {
  const write = programs(t);
  const path = write("p.sh", "#!/bin/sh\ntrap '' TERM HUP INT PIPE\nwhile :; do sleep 1; done\n");
  let started = 0;
  for (let afterMs = 0; afterMs <= 200; afterMs += 10) {
    const { child, token } = daemon(t, [path]);
    await until("the program or its gate", () => carriers(token).some((pid) => pid !== child.pid));
    await delay(afterMs % 100);
    started++;
    child.kill("SIGKILL");
    await until("all to be gone", () => carriers(token).length === 0);
  }
  assert.equal(started, 21);
});

test("stop ends all that a program started", linuxOnly, async (t) => {
  const write = programs(t);
  const pids = write("pids", "");
  const { host, events } = collectingHost(t);
  host.start([subprocessProbe(write("family.sh", family(pids, "exec sleep 1000")))]);
  await until("the family", () => events.length > 0);
  const members = pidsIn(pids);
  assert.equal(members.length, MEMBERS);
  assert.ok(members.every(lives));
  await host.stop();
  assert.deepEqual(members.filter(lives), []);
});

test("a program that dies takes all that it started with it", linuxOnly, async (t) => {
  const write = programs(t);
  const pids = write("pids", "");
  const { host, events } = collectingHost(t);
  // The children hold its standard output open: its end must be seen nevertheless.
  host.start([subprocessProbe(write("family.sh", family(pids, "exit 4")))]);
  await until("its death", () => host.status()[0]?.state === "waiting");
  const members = pidsIn(pids).slice(0, MEMBERS);
  assert.equal(members.length, MEMBERS);
  assert.equal(host.status()[0]?.last_error, "ended with status 4");
  assert.equal(events.length, 1);
  assert.deepEqual(members.filter(lives), []);
});

test("a program may clean up when it is told to end", linuxOnly, async (t) => {
  const write = programs(t);
  const said = write("said", "");
  const script = `#!/bin/sh\ntrap 'sleep 0.2; echo 1 > "${said}"; exit' TERM\necho '${LINE}'\nsleep 1000 & wait\n`;
  const { host, events } = collectingHost(t);
  host.start([subprocessProbe(write("tidy.sh", script))]);
  await until("its start", () => events.length > 0);
  await host.stop();
  assert.deepEqual(pidsIn(said), [1]);
});

test("a guardian that was killed is replaced", linuxOnly, async (t) => {
  const write = programs(t);
  const pids = write("pids", "");
  const { child } = daemon(t, [write("family.sh", family(pids, "exec sleep 1000"))]);
  await until("the family", () => pidsIn(pids).length === MEMBERS);
  const members = pidsIn(pids);
  const first = guardianOf(child.pid as number, members);
  await delay(1_200);
  process.kill(first, "SIGKILL");
  let second = 0;
  await until("another guardian", () => {
    second = childrenOf(child.pid as number).find((pid) => pid !== first && lives(pid) && !members.includes(pid)) ?? 0;
    return second > 0;
  });
  await delay(500);
  child.kill("SIGKILL");
  await until("all to be gone", () => ![...members, second].some(lives));
});

test("the guardian harms nobody who merely has a program's number", linuxOnly, async (t) => {
  const stranger = spawn("sleep", ["1000"], { detached: true, stdio: "ignore" });
  t.after(() => stranger.kill("SIGKILL"));
  const pid = stranger.pid as number;
  const startTicks = readStat("/proc", pid)?.startTicks as number;
  const tell = async (lines: string): Promise<void> => {
    const guardian = spawn(process.execPath, [guardianFile], { env: {}, stdio: ["pipe", "ignore", "inherit"] });
    t.after(() => guardian.kill("SIGKILL"));
    guardian.stdin.end(lines);
    await until("the guardian to end", () => guardian.exitCode !== null);
    assert.equal(guardian.exitCode, 0);
  };
  await tell(`+${pid} ${startTicks - 1} ${randomUUID()}\n`);
  await tell(`+0 0 x\n+1 0 x\n+-1 0 x\n+x 0 x\n\n-${pid} 0\nnonsense\n`);
  assert.ok(lives(pid));
  await tell(`+${pid} ${startTicks} ${randomUUID()}\n`);
  await until("the one that was meant to be gone", () => !lives(pid));
});
