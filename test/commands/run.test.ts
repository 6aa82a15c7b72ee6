/** `xctl run` as a process: it starts what it is told to, says so, and leaves nothing behind, however it ends. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readPids, readStat, type Stat } from "../../src/kernel/procfs.ts";
import type { EventsDocument, PsDocument, StatusDocument } from "../../src/model/documents.ts";
import { onLinux, until } from "../act/processes.ts";
import { Place } from "./place.ts";

/** Starts one that ignores the signals that ask it to end, in a session of its own, and tells an event. */
const STUBBORN = `#!/bin/sh
trap '' TERM INT HUP
setsid sh -c 'trap "" TERM INT HUP; sleep 300' &
echo '{"ts":1,"event_type":"compute.util","entity_id":"gpu-07","value":"1"}'
sleep 300
`;

/** On a machine that does more than one thing at a time, the two seconds of the contract may become longer. */
const SOON_MS = 4_000;

for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
  test(`${signal} ends it soon, with all that it started`, { skip: onLinux }, async (t) => {
    const place = new Place(t);
    const daemon = await place.daemon("--probe", place.file("stubborn", STUBBORN, 0o755), "--probe", "auto");
    const family = await grown(daemon.pid);
    assert.deepEqual(readdirSync(join(place.folder, "xctl")), [`${daemon.port}.token`]);
    const startMs = performance.now();
    daemon.child.kill(signal);
    const { status, stdout } = await daemon.ended;
    assert.ok(performance.now() - startMs < SOON_MS);
    assert.deepEqual([status, stdout], [0, ""]);
    await until("nothing is left", () => !family.some(lives));
    assert.deepEqual(readdirSync(join(place.folder, "xctl")), []);
    assert.equal((await daemon.ask("ps")).status, 4);
  });
}

test(
  "SIGKILL leaves no probe, helper or guardian behind, and the next daemon does not mind",
  { skip: onLinux },
  async (t) => {
    const place = new Place(t);
    const daemon = await place.daemon("--probe", place.file("stubborn", STUBBORN, 0o755), "--probe", "auto");
    const family = await grown(daemon.pid);
    daemon.child.kill("SIGKILL");
    await daemon.ended;
    await until("nothing is left", () => !family.some(lives));
    const next = await place.daemon("--probe", "dummy", "--port", String(daemon.port));
    assert.equal((await next.ask("status")).status, 0);
  },
);

test("a second daemon on the port is refused and told how to ask the first, which lives on", async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon("--probe", "dummy");
  const second = await place.run(["run", "--probe", "dummy", "--port", String(daemon.port)]);
  assert.equal(second.status, 1);
  assert.equal(
    second.stderr,
    `[xctl] error: another xctl daemon has port ${daemon.port}\n` +
      `[xctl] ask that one: xctl status --port ${daemon.port}; or choose another port: xctl run --port ${daemon.port + 1}\n`,
  );
  assert.equal((await daemon.ask("ps")).status, 0);
});

test("several probes at once: built-in ones and programs of every kind", { skip: onLinux }, async (t) => {
  const place = new Place(t);
  const programs = [
    place.file("a.py", `import time\nprint('${event("a.py")}')\ntime.sleep(300)\n`),
    place.file("b.js", `console.log('${event("b.js")}'); setInterval(() => {}, 1000);\n`),
    place.file("c.ts", `const text: string = '${event("c.ts")}';\nconsole.log(text); setInterval(() => {}, 1000);\n`),
    place.file("d", `#!/bin/sh\necho '${event("d")}'\nexec sleep 300\n`, 0o755),
  ];
  const daemon = await place.daemon(...[...programs, "dummy", "auto"].flatMap((name) => ["--probe", name]));
  const told = async (): Promise<string[]> => {
    const { events } = await daemon.document<EventsDocument>("events", "--type", "storage.iops");
    // The built-in probes tell of disks and file systems by the same type.
    return events.flatMap(({ entity_id }) => (/^[a-d](?:\.\w+)?$/.test(entity_id) ? [entity_id] : [])).toSorted();
  };
  for (let tries = 0; (await told()).length < programs.length && tries < 100; tries++);
  assert.deepEqual(await told(), ["a.py", "b.js", "c.ts", "d"]);
  const { probes } = await daemon.document<StatusDocument>("status");
  const names = probes.map(({ name }) => name);
  assert.deepEqual(names.slice(0, 6), [...programs, "dummy", "process"]);
  for (const builtIn of ["network", "storage"]) assert.ok(names.includes(builtIn), builtIn);
  assert.deepEqual(
    probes.filter(({ state }) => state !== "running"),
    [],
  );
});

test("what was recorded answers as the daemon did", async (t) => {
  const place = new Place(t);
  const file = join(place.folder, "case.jsonl");
  const daemon = await place.daemon("--probe", "dummy", "--record", file, "--node", "here");
  const { processes } = await daemon.document<PsDocument>("ps", "--job", "dummy-job");
  daemon.child.kill("SIGTERM");
  await daemon.ended;
  assert.equal(statSync(file).mode & 0o777, process.platform === "win32" ? 0o666 : 0o600);
  assert.ok(readFileSync(file, "utf8").endsWith("\n"));
  const { status, stdout } = await place.run(["ps", "--job", "dummy-job", "--from", file, "--json"]);
  assert.equal(status, 0);
  const replayed = (JSON.parse(stdout) as PsDocument).processes;
  assert.equal(processes.length, 4);
  assert.deepEqual(known(replayed), known(processes));
});

test("it lives on when nobody reads its log any more", { skip: onLinux }, async (t) => {
  const place = new Place(t);
  const text = "#!/bin/sh\nwhile :; do echo oops >&2; sleep 0.02; done\n";
  const daemon = await place.daemon(
    "--probe",
    place.file("noisy", text, 0o755),
    "--probe",
    "dummy",
    "--interval",
    "50ms",
  );
  await until("it logs", () => daemon.said.stderr.includes("oops"));
  daemon.child.stderr?.destroy();
  const eventsNow = async (): Promise<number> => (await daemon.document<StatusDocument>("status")).events.applied;
  const beforehand = await eventsNow();
  for (let tries = 0; (await eventsNow()) < beforehand + 100 && tries < 100; tries++);
  assert.ok((await eventsNow()) >= beforehand + 100);
});

function event(entity: string): string {
  return `{"ts":1,"event_type":"storage.iops","entity_id":"${entity}","value":"1"}`;
}

function known(rows: PsDocument["processes"]): object[] {
  return rows.map(({ node, pid, comm, rank }) => ({ node, pid, comm, rank }));
}

/** The daemon and all its descendants, once the stubborn program's sleepers and the helpers are there. */
async function grown(pid: number): Promise<Stat[]> {
  let family: Stat[] = [];
  await until("all are started", () => {
    family = descendants(pid);
    return family.filter(({ comm }) => comm === "sleep").length === 2;
  });
  return family;
}

function descendants(pid: number): Stat[] {
  const stats = readPids("/proc").flatMap((each) => readStat("/proc", each) ?? []);
  const family = stats.filter((stat) => stat.pid === pid);
  for (const parent of family) family.push(...stats.filter(({ ppid }) => ppid === parent.pid));
  return family;
}

function lives({ pid, startTicks }: Stat): boolean {
  const stat = readStat("/proc", pid);
  return stat !== undefined && stat.startTicks === startTicks && stat.state !== "Z" && stat.state !== "X";
}
