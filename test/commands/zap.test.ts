import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { test } from "node:test";
import { EXIT_CODES } from "../../src/lib/errors.ts";
import type { ZapDocument } from "../../src/model/documents.ts";
import { readStat } from "../../src/kernel/procfs.ts";
import { onLinux, Tree, until } from "../act/processes.ts";

/** `xctl zap` in a process of its own. */
function commandLine(pid: string | number, options: readonly string[]): string[] {
  const script = `
    import { runCommandLine } from "${new URL("../../src/cli.ts", import.meta.url)}";
    process.exitCode = await runCommandLine(process.argv.slice(1));`;
  return [process.execPath, "--input-type=module", "-e", script, "--", "zap", ...options, "--", String(pid)];
}

interface Result {
  status: number | null;
  stdout: string;
  stderr: string;
}

function run(pid: string | number, options: readonly string[] = [], lang = "en"): Promise<Result> {
  return execute(commandLine(pid, options), lang).result;
}

/** Not spawnSync: this process must go on reaping the children that are ended. */
function execute([program, ...args]: string[], lang = "en"): { child: ChildProcess; result: Promise<Result> } {
  const child = spawn(program as string, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, XCTL_LANG: lang, NO_COLOR: "1" },
  });
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"] as const) {
    child[name].on("data", (chunk: Buffer) => (output[name] += chunk.toString()));
  }
  child.once("error", reject);
  child.once("close", (status) => resolve({ status, ...output }));
  return { child, result: promise };
}

test("--json prints the tree that ended, and the status is 0", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("sleep 300 & setsid sleep 301 & sleep 302; :").started(3);
  const ended = [...tree.living()].map(({ pid, comm }) => ({ pid, comm }));

  const { status, stdout } = await run(tree.pid, ["--json"]);
  assert.equal(status, 0);
  const document: ZapDocument = JSON.parse(stdout);
  document.ended.sort((a, b) => a.pid - b.pid);
  assert.deepEqual(document, { signal: "KILL", dry_run: false, ended, survived: [] });
  assert.deepEqual(tree.pids(), []);
});

test("who survived is told with the reason, and the status is 1", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("trap '' TERM; echo ready; exec sleep 300").says("ready");
  await tree.started(1);
  const { status, stdout } = await run(tree.pid, ["--signal", "SIGTERM", "--json"]);
  assert.equal(status, 1);
  assert.deepEqual(JSON.parse(stdout), {
    signal: "TERM",
    dry_run: false,
    ended: [],
    survived: [{ pid: tree.pid, comm: "sleep", state: "sleeping", why: "ignores TERM" }],
  });
});

test("text output, in both languages", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("exec sleep 300").started(1);
  const dry = await run(tree.pid, ["--dry-run"]);
  assert.equal(dry.stdout, `Would end 1 process (KILL); nothing was signalled:\n  sleep (${tree.pid})\n`);
  const stop = await run(tree.pid, ["--signal", "stop"], "zh");
  assert.deepEqual(stop, { status: 0, stdout: `已向 1 个进程发送 STOP：\n  sleep (${tree.pid})\n`, stderr: "" });
  assert.equal(readStat("/proc", tree.pid)?.state, "T");
  const ended = await run(tree.pid, ["--signal=TERM", "--grace=500ms"]);
  assert.deepEqual(ended, { status: 0, stdout: `Ended 1 process (TERM):\n  sleep (${tree.pid})\n`, stderr: "" });
});

test("a name cannot write to the terminal", { skip: onLinux }, async () => {
  await using tree = await Tree.bash(
    `printf '\\033[31mred' > /proc/$$/comm; echo ready; read -r _ < <(sleep 300)`,
  ).says("ready");
  const { stdout } = await run(tree.pid, ["--dry-run"]);
  assert.match(stdout, /^ {2}\?\[31mred \(/m);
  assert.ok(!stdout.includes("\u001b"));
});

test("refusals and wrong usage have their exit status, message and next step", { skip: onLinux }, async () => {
  const { usage, no_such_process, not_permitted } = EXIT_CODES;
  for (const [pid, options, status, message] of [
    ["1", [], not_permitted, /\(1\) is the system's first process\n\[xctl\] .+/],
    [process.pid, [], not_permitted, /^\[xctl\] error: xctl runs under .*\n\[xctl\] .+/],
    ["2147483646", [], no_such_process, /^\[xctl\] error: no such process: 2147483646\n\[xctl\] .+/],
    ["0", [], usage, /not a process id: 0\n/],
    ["-1", [], usage, /not a process id: -1\n/],
    ["1e3", [], usage, /not a process id/],
    ["\u001b[2J", [], usage, /not a process id: \?\[2J\n/],
    ["2147483646", ["--signal", "NONE"], usage, /no such signal: NONE\n\[xctl\] .+/],
    ["2147483646", ["--grace", "soon"], usage, /not a duration.*: soon\n\[xctl\] .+/],
    ["2147483646", ["--grace=-5s"], usage, /not a duration/],
    ["2147483646", ["--grace", "25h"], usage, /not a duration/],
  ] as const) {
    const result = await run(pid, ["--dry-run", ...options]);
    assert.equal(result.status, status, `${pid} ${options}: ${result.stderr}`);
    assert.match(result.stderr, message);
    assert.equal(result.stdout, "");
  }
});

test("a refusal is a JSON document too, and speaks Chinese", { skip: onLinux }, async () => {
  const { status, stdout } = await run(1, ["--json", "--dry-run"], "zh");
  assert.equal(status, EXIT_CODES.not_permitted);
  const { error } = JSON.parse(stdout);
  assert.deepEqual(Object.keys(error), ["code", "message", "hint"]);
  assert.equal(error.code, "not_permitted");
  assert.match(error.message, /系统的第一个进程/);
});

test("Ctrl-C during the grace ends the wait and leaves nothing stopped", { skip: onLinux }, async () => {
  await using tree = await Tree.bash(
    "trap 'echo handled' TERM; exec 2>&-; echo ready; while :; do sleep 0.05; done",
  ).says("ready");
  const zap = execute(commandLine(tree.pid, ["--grace", "1h"]));
  await tree.says("handled");
  zap.child.kill("SIGINT");
  const { status, stderr } = await zap.result;
  assert.equal(status, EXIT_CODES.failed);
  assert.match(stderr, /interrupted/);
  await until("goes on", () => readStat("/proc", tree.pid)?.state === "S");
});

/** Runs it on a terminal, types the answer at the question, prints what was shown, exits with its status. */
const TERMINAL = `
import os, pty, sys
answer, command = sys.argv[1], sys.argv[2:]
pid, fd = pty.fork()
if pid == 0:
    os.execv(command[0], command)
shown, asked = b"", False
while True:
    try: chunk = os.read(fd, 4096)
    except OSError: break
    if not chunk: break
    shown += chunk
    if not asked and b"[y/N]" in shown:
        asked = True
        os.write(fd, answer.encode())
sys.stdout.buffer.write(shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))`;

function onTerminal(answer: string, pid: number, options: readonly string[] = []): Promise<Result> {
  return execute(["python3", "-c", TERMINAL, answer, ...commandLine(pid, options)]).result;
}

test("on a terminal it shows a tree of several and asks", { skip: onLinux }, async () => {
  await using tree = await Tree.bash("sleep 300 & sleep 301; :").started(2);
  const before = tree.pids();
  const [root, first, second] = before;
  for (const answer of ["\r", "n\r", "\u0003", "\u0004"]) {
    const declined = await onTerminal(answer, tree.pid);
    assert.equal(declined.status, EXIT_CODES.failed, JSON.stringify(answer));
    assert.ok(
      declined.stdout.startsWith(`bash (${root})\r\n├─ sleep (${first})\r\n└─ sleep (${second})\r\n`),
      declined.stdout,
    );
    assert.match(declined.stdout, /nothing was signalled/);
    assert.deepEqual(tree.pids(), before);
    assert.ok(tree.living().every(({ state }) => state === "S"));
  }

  const confirmed = await onTerminal("y\r", tree.pid);
  assert.equal(confirmed.status, 0);
  assert.match(confirmed.stdout, /Ended 3 processes \(KILL\):/);
  assert.deepEqual(tree.pids(), []);
});

test("on a terminal nothing is asked with --yes, nor about a single process", { skip: onLinux }, async () => {
  for (const [script, options, count] of [
    ["sleep 300 & sleep 301; :", ["--yes"], 2],
    ["exec sleep 300", [], 1],
  ] as const) {
    await using tree = await Tree.bash(script).started(count);
    const shown = await onTerminal("", tree.pid, options);
    assert.equal(shown.status, 0);
    assert.ok(!shown.stdout.includes("[y/N]"));
    assert.deepEqual(tree.pids(), []);
  }
});
