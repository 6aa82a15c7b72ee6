/** What a signal cannot end, made with the kernel's own means: each needs root and undoes what it set up. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readPids, readStat } from "../../src/kernel/procfs.ts";
import { KILL, TERM } from "../../src/act/signals.ts";
import { zap, type ZapOptions } from "../../src/act/zap.ts";
import { asRoot, onLinux, Tree, until } from "./processes.ts";

const options: ZapOptions = { signal: KILL, graceMs: 0, dryRun: false, deadlineMs: 200 };
const skip = onLinux || asRoot;

/** A cgroup of its own below the first of these folders that allows it. */
function makeCgroup(folders: string[], needed: string): { path: string; [Symbol.dispose](): void } | undefined {
  for (const folder of folders) {
    const path = `${folder}/xctl-test-${process.pid}`;
    try {
      mkdirSync(path);
    } catch {
      continue;
    }
    if (existsSync(`${path}/${needed}`)) return { path, [Symbol.dispose]: () => rmdirSync(path) };
    rmdirSync(path);
  }
  return undefined;
}

test("a process in a frozen cgroup (v1) survives until it is thawed", { skip }, async (t) => {
  using cgroup = makeCgroup(["/sys/fs/cgroup/freezer"], "freezer.state");
  if (cgroup === undefined) return t.skip("no cgroup v1 freezer that can be written to");
  await using tree = await Tree.bash("sleep 300; :").started(1);
  const sleeper = tree.find("sleep 300");
  writeFileSync(`${cgroup.path}/cgroup.procs`, String(sleeper));
  writeFileSync(`${cgroup.path}/freezer.state`, "FROZEN");
  try {
    const outcome = await zap({ pid: tree.pid }, options);
    assert.deepEqual(
      outcome.ended.map(({ pid }) => pid),
      [tree.pid],
    );
    assert.deepEqual(
      outcome.survived.map(({ member, state, kind }) => [member.pid, state, kind]),
      [[sleeper, "frozen", "frozen"]],
    );
    assert.match(outcome.survived[0]?.detail ?? "", /xctl-test-\d+$/);
  } finally {
    writeFileSync(`${cgroup.path}/freezer.state`, "THAWED");
  }
  await until("gone", () => readStat("/proc", sleeper) === undefined);
});

test("a process in a frozen cgroup (v2) dies of KILL, but handles no other signal", { skip }, async (t) => {
  using cgroup = makeCgroup(["/sys/fs/cgroup", "/sys/fs/cgroup/unified"], "cgroup.freeze");
  if (cgroup === undefined) return t.skip("no cgroup v2 tree that can be written to");
  await using tree = await Tree.bash("trap 'exit' TERM; sleep 300 & echo ready; wait").says("ready");
  writeFileSync(`${cgroup.path}/cgroup.procs`, String(tree.pid));
  writeFileSync(`${cgroup.path}/cgroup.freeze`, "1");
  const outcome = await zap({ pid: tree.pid }, { ...options, signal: TERM });
  assert.deepEqual(
    outcome.survived.map(({ member, kind }) => [member.pid, kind]),
    [[tree.pid, "frozen"]],
  );

  assert.deepEqual((await zap({ pid: tree.pid }, { ...options, deadlineMs: 20_000 })).survived, []);
  await until("reaped", () => readStat("/proc", tree.pid) === undefined);
});

function asShell(command: string, folder: string): void {
  execFileSync("sh", ["-c", command, folder]);
}

test("an uninterruptible process survives, and the answer says in what", { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "xctl-zap-"));
  const mounted = spawnSync("sh", [
    "-ec",
    `truncate -s 16M "$0/image"; mkfs.ext4 -q "$0/image"; mkdir "$0/mnt"; mount -o loop "$0/image" "$0/mnt"`,
    folder,
  ]);
  if (mounted.status !== 0) {
    rmSync(folder, { recursive: true });
    return t.skip(`no loop mount here: ${mounted.stderr.toString().trim()}`);
  }
  try {
    asShell(`fsfreeze -f "$0/mnt"`, folder);
    await using tree = Tree.bash(`sleep 300 & exec dd if=/dev/zero of=${folder}/mnt/file bs=1 count=1 2>&-`);
    try {
      await until("uninterruptible", () => readStat("/proc", tree.pid)?.state === "D");
      await until("its child to be sleep", () =>
        readPids("/proc").some((pid) => {
          const stat = readStat("/proc", pid);
          return stat?.ppid === tree.pid && stat.comm === "sleep";
        }),
      );
      const outcome = await zap({ pid: tree.pid }, options);
      assert.deepEqual(
        outcome.ended.map(({ comm }) => comm),
        ["sleep"],
      );
      assert.deepEqual(
        outcome.survived.map(({ member, state, kind }) => [member.pid, state, kind]),
        [[tree.pid, "blocked", "uninterruptible"]],
      );
      assert.match(outcome.survived[0]?.detail ?? "", /^[a-z_]\w+/);
    } finally {
      asShell(`fsfreeze -u "$0/mnt"`, folder);
    }
    await until("gone", () => readStat("/proc", tree.pid) === undefined);
  } finally {
    asShell(`umount "$0/mnt"`, folder);
    rmSync(folder, { recursive: true });
  }
});

test("another user's process is refused, and one within the tree survives", { skip }, async (t) => {
  const act = new URL("../../src/act/", import.meta.url);
  const script = `
    import { zap } from "${act}zap.ts";
    import { KILL } from "${act}signals.ts";
    const done = await zap({ pid: Number(process.argv[1]) }, { signal: KILL, graceMs: 0, dryRun: false })
      .catch((error) => ({ refused: error.kind }));
    console.log(JSON.stringify(done));`;
  const asNobody = (pid: number) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", script, String(pid)], { uid: 65_534, gid: 65_534 });
  await using tree = await Tree.python(`
import os, time
if os.fork() > 0:
    if os.fork() > 0:
        os.setresuid(65534, 65534, 65534)
        print("ready", flush=True)
time.sleep(300)`).says("ready");
  await using foreign = await Tree.bash("sleep 300; :").started(1);

  const refused = asNobody(foreign.pid);
  if (refused.status !== 0) return t.skip(`nobody cannot run this: ${refused.stderr.toString().trim().split("\n")[0]}`);
  assert.deepEqual(JSON.parse(refused.stdout.toString()), { refused: "denied" });
  assert.deepEqual(
    foreign.living().map(({ state }) => state),
    ["S", "S"],
  );

  const outcome = JSON.parse(asNobody(tree.pid).stdout.toString());
  assert.deepEqual(
    outcome.ended.map(({ pid }: { pid: number }) => pid),
    [tree.pid],
  );
  assert.deepEqual(
    outcome.survived.map(({ kind, detail }: Record<string, string>) => [kind, detail]),
    [
      ["denied", "0"],
      ["denied", "0"],
    ],
  );
  assert.deepEqual(
    tree.living().map(({ state }) => state),
    ["S", "S"],
  );
});
