/** What the commands' output is to whoever reads it: a pipe that closes, a full disk, a narrow terminal, one with colours. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { test } from "node:test";
import { displayWidth } from "../../src/views/width.ts";
import { onLinux } from "../act/processes.ts";
import { stall, state } from "../daemon/harness.ts";
import { Place } from "./place.ts";

const CROWD = 5_000;
const ESCAPE = "\u001b";

test("a reader that goes away is no failure", { skip: onLinux }, async (t) => {
  const place = new Place(t);
  // More than a pipe holds, so that the rest of the output meets a closed one.
  const crowd = Array.from({ length: CROWD }, (_, place_) =>
    state(place_ + 1, "running", { comm: "x".repeat(50) }, 1000),
  );
  const log = place.log(...crowd);
  for (const command of [`ps --all --from ${log}`, `ps --all --json --from ${log}`, `events --from ${log}`]) {
    const { stdout, stderr } = await place.shell(`xctl ${command} | head -c 100; echo "|\${PIPESTATUS[*]}"`);
    assert.equal(stderr, "", command);
    assert.match(stdout, /\|0 0\n$/, command);
  }
});

test(
  "output that cannot be written is a failure in a few words",
  { skip: existsSync("/dev/full") ? false : "no /dev/full" },
  async (t) => {
    const place = new Place(t);
    const log = place.log(...stall(1000));
    const { stdout, stderr } = await place.shell(`xctl ps --from ${log} >/dev/full; echo "status $?"`);
    assert.equal(stderr, "[xctl] error: cannot write the output: no space is left\n");
    assert.equal(stdout, "status 1\n");
    const silent = await place.shell(`xctl ps --from missing 2>/dev/full; echo "status $?"`);
    assert.deepEqual(silent, { status: 0, stdout: "status 1\n", stderr: "" });
  },
);

test("no line is wider than the terminal, in either language", async (t) => {
  const place = new Place(t);
  const ts = 1_790_000_000_000;
  const log = place.log(
    ...stall(ts),
    state(7, "running", { comm: "node", cmdline: `node ${"--flag=value ".repeat(40)}` }, ts),
    { ts, event_type: "error.hw", entity_id: "gpu-03", value: "XID_79", pid: 100, job_id: "a-job-with-a-long-name" },
  );
  const commands = [["ps", "--all"], ["why", "100"], ["why"], ["why", "--job", "a-job-with-a-long-name"], ["events"]];
  for (const lang of ["en", "zh"]) {
    const env = { XCTL_LANG: lang, COLUMNS: "40" };
    const answers = await Promise.all(commands.map((command) => place.run([...command, "--from", log], { env })));
    for (const [which, { status, stdout }] of answers.entries()) {
      assert.equal(status, 0);
      // A command to copy is never broken.
      const lines = stdout.split("\n").filter((line) => !/^ {5,}\S/.test(line));
      const tooWide = lines.filter((line) => displayWidth(line) > 40);
      assert.deepEqual(tooWide, [], `${commands[which]?.join(" ")}, ${lang}`);
    }
  }
});

test("in a pipe nothing is cut and nothing coloured", async (t) => {
  const place = new Place(t);
  const cmdline = `node ${"x".repeat(300)}`;
  const log = place.log(state(7, "running", { comm: "node", cmdline }, 1000));
  const { stdout } = await place.run(["ps", "--from", log], { env: { COLUMNS: undefined } });
  assert.ok(stdout.includes(cmdline));
  assert.ok(!stdout.includes(ESCAPE));
});

/** Runs the command on a terminal of 80 columns and prints what it showed. */
const TERMINAL = `
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    os.execvp(sys.argv[1], sys.argv[1:])
while True:
    try: chunk = os.read(fd, 4096)
    except OSError: break
    if not chunk: break
    os.write(1, chunk)
os.waitpid(pid, 0)`;

test("colours are for terminals that want them", { skip: onLinux }, async (t) => {
  const place = new Place(t);
  const log = place.log(...stall(1000));
  const script = place.file("terminal.py", TERMINAL);
  const shown = async (environment: string, options = ""): Promise<string> => {
    const line = `${environment} python3 ${script} "${process.execPath}" "${place.main}" why 100 --from ${log} ${options}`;
    const { stdout, stderr } = await place.shell(`unset COLUMNS; ${line}`);
    assert.equal(stderr, "");
    assert.match(stdout, /is stopped by a signal/);
    return stdout;
  };
  assert.ok((await shown("TERM=xterm")).includes(`${ESCAPE}[1m`));
  for (const plain of [shown("TERM=xterm NO_COLOR=1"), shown("TERM=xterm", "--no-color"), shown("TERM=dumb")]) {
    assert.ok(!(await plain).includes(ESCAPE));
  }
});
