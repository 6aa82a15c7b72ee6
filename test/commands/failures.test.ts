/** Every way in which a command can fail: its exit status, its two lines on standard error, its document with --json. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { EXIT_CODES, type ErrorCode } from "../../src/lib/errors.ts";
import { onLinux } from "../act/processes.ts";
import { Place, type Ended } from "./place.ts";

/** Reserved (IANA: tcpmux); nobody listens there. */
const NOBODY = ["--port", "1"];

test("wrong usage", async (t) => {
  await assertFailures(t, "usage", [
    [[], "no command given"],
    [["frobnicate"], "no such command: frobnicate"],
    [["frobnicate", "--all"], "no such command: frobnicate"],
    [["statsu"], "no such command: statsu", "did you mean status?"],
    [["ps", "--jsn"], "no such option: --jsn", "did you mean --json?"],
    [["ps", "-x"], "no such option: -x"],
    [["zap", "--signal=KILL", "--now", "2147483646"], "no such option: --now"],
    [["ps", "one", "two"], "too many arguments: one, two"],
    [["zap"], "missing argument: pid"],
    [["completion"], "missing argument: shell"],
    [["ps", "--port"], "missing value: --port <port>"],
    [["ps", "--port", "web"], "not a port: web", "a number from 0 to 65535"],
    [["status", "--port", "65536"], "not a port: 65536", "a number from 0 to 65535"],
    [["doctor", "--port", "-1"], "not a port: -1", "a number from 0 to 65535"],
    [["emit", "--port", ""], "not a port: ", "a number from 0 to 65535"],
    [["why", "init"], "not a process id: init", "a number, as xctl ps shows it"],
    [["why", "0"], "not a process id: 0", "a number, as xctl ps shows it"],
    [["why", "-7"], "not a process id: -7", "a number, as xctl ps shows it"],
    [["why", "1", "--job", "train"], "give a PID or --job, not both"],
    [["events", "--pid", "1.5"], "not a process id: 1.5", "a number, as xctl ps shows it"],
    [["events", "--type", "nothing"], "no such event type: nothing", undefined],
    [["run", "--interval", "1ms"], "not a duration that can be used here: 1ms", undefined],
    [["run", "--port", "web"], "not a port: web", "a number from 0 to 65535"],
    [["completion", "tcsh"], "no completion for this shell: tcsh", "bash, zsh, fish"],
  ]);
});

test("what could not be done", async (t) => {
  const place = new Place(t);
  place.file("empty.jsonl", "");
  place.file("prose.txt", "not an event\nnor this\n");
  place.file("log.jsonl", '{"ts":1,"event_type":"compute.util","entity_id":"gpu-00","value":"1"}\n');
  place.file("norun", "#!/bin/sh\n");
  place.file("nobody.sh", "#!/no/such/interpreter\n", 0o755);
  const missing = "cannot read the recording missing: no such file or folder";
  await assertFailures(
    t,
    "failed",
    [
      [["ps", "--from", "missing"], missing, undefined],
      [["why", "--from", "missing"], missing, undefined],
      [["events", "--from", "missing"], missing, undefined],
      [["ps", "--from", "."], "cannot read the recording .: it is a folder", undefined],
      [["why", "1", "--from", "empty.jsonl"], "empty.jsonl is empty", undefined],
      [["ps", "--from", "prose.txt"], "prose.txt holds no event, only 2 other lines", undefined],
      [["why", "--job", "none", "--from", "log.jsonl"], "no such job: none", "the jobs there are: xctl ps"],
      [["run", "--probe", "missing.py"], "missing.py: neither a probe nor a file", undefined],
      [["run", "--probe", "./missing.py"], "./missing.py: no such file", undefined],
      [["run", "--probe", "./norun"], "./norun: has no run bit", "chmod +x ./norun"],
      [["run", "--probe", "dummy", "--record", "log.jsonl"], "log.jsonl: exists already", undefined],
      [
        ["run", "--probe", "dummy", "--record", "no/such"],
        "cannot record to no/such: no such file or folder",
        undefined,
      ],
      [["run", "--probe", "dummy", "--host", "192.0.2.1"], "192.0.2.1 is no address of this machine", undefined],
    ],
    place,
  );
});

test("no such process", async (t) => {
  const place = new Place(t);
  place.file("log.jsonl", '{"ts":1,"event_type":"compute.util","entity_id":"gpu-00","value":"1"}\n');
  const zapped: Failure[] =
    onLinux === false ? [[["zap", "2147483646"], "no such process: 2147483646", undefined]] : [];
  await assertFailures(
    t,
    "no_such_process",
    [[["why", "7", "--from", "log.jsonl"], "no such process: 7", "all of them: xctl ps --all"], ...zapped],
    place,
  );
});

test("not permitted", { skip: onLinux }, (t) =>
  assertFailures(t, "not_permitted", [
    [["zap", "1"], undefined, "to end the system, shut it down from outside"],
    [["zap", String(process.pid)], undefined, undefined],
  ]),
);

test("no daemon: the lines that scripts look for, in both languages", async (t) => {
  const place = new Place(t);
  const en = "[xctl] error: cannot reach the daemon (port 1)\n[xctl] start it first: xctl run\n";
  const zh = "[xctl] 错误：无法连接到 daemon (端口 1)\n[xctl] 请先运行: xctl run\n";
  const asking = [
    ["ps"],
    ["ps", "--watch"],
    ["why"],
    ["why", "1"],
    ["why", "--job", "x"],
    ["events"],
    ["events", "--follow"],
    ["status"],
    ["emit"],
  ];
  for (const [stderr, env] of [
    [en, { XCTL_LANG: "en", LANG: "zh_CN.UTF-8" }],
    [zh, { XCTL_LANG: "zh" }],
  ] as const) {
    const answers = await Promise.all(asking.map((args) => place.run([...args, ...NOBODY], { env })));
    for (const answer of answers) {
      assert.deepEqual(answer, { status: EXIT_CODES.daemon_unreachable, stdout: "", stderr });
    }
  }
  await assertFailures(
    t,
    "daemon_unreachable",
    [
      [["ps", ...NOBODY], "cannot reach the daemon (port 1)", "start it first: xctl run"],
      [["why", "1", ...NOBODY], "cannot reach the daemon (port 1)", "start it first: xctl run"],
    ],
    place,
  );
});

test("the first variable that is set decides the language", async (t) => {
  const place = new Place(t);
  for (const [env, isChinese] of [
    [{ XCTL_LANG: "zh", LC_ALL: "en_US.UTF-8" }, true],
    [{ XCTL_LANG: "", LC_ALL: "zh_CN.UTF-8" }, true],
    [{ XCTL_LANG: "", LC_ALL: "", LC_MESSAGES: "zh_CN", LANG: "en_US.UTF-8" }, true],
    [{ XCTL_LANG: "", LC_ALL: "C", LC_MESSAGES: "zh_CN", LANG: "zh_CN.UTF-8" }, false],
    [{ XCTL_LANG: "", LANG: "zh_CN.UTF-8" }, true],
    [{ XCTL_LANG: "fr", LANG: "zh_CN.UTF-8" }, false],
    [{ XCTL_LANG: "" }, false],
  ] as const) {
    const { stderr } = await place.run(["ps", ...NOBODY], { env });
    assert.equal(stderr.startsWith("[xctl] 错误："), isChinese, `${JSON.stringify(env)}: ${stderr}`);
  }
});

test("an error's document speaks the reader's language as well", async (t) => {
  const place = new Place(t);
  const { stdout } = await place.run(["ps", "--json", ...NOBODY], { env: { XCTL_LANG: "zh" } });
  const { error } = JSON.parse(stdout) as { error: { message: string; hint: string } };
  assert.deepEqual([error.message, error.hint], ["无法连接到 daemon (端口 1)", "请先运行: xctl run"]);
});

test("a failure is a document also where the verb knows no --json", async (t) => {
  const place = new Place(t);
  for (const args of [["--json"], ["run", "--json"], ["emit", "--json"], ["completion", "bash", "--json"]]) {
    const answer = await place.run(args);
    assert.equal(answer.status, EXIT_CODES.usage);
    assertErrorDocument(answer, "usage", "[xctl] error: no such option: --json", "[xctl] see xctl --help");
  }
  const { stdout } = await place.run(["why", "init"]);
  assert.equal(stdout, "", "without --json nothing is printed");
});

/** The arguments, the message where it is the same everywhere, and the hint: by default the one about --help. */
type Failure = readonly [args: string[], message: string | undefined, hint?: string | undefined];

/** Asked with --json where the verb takes it: the two lines are the same then, and the document comes on top. */
async function assertFailures(
  t: TestContext,
  code: ErrorCode,
  failures: readonly Failure[],
  place = new Place(t),
): Promise<void> {
  const answers = await Promise.all(
    failures.map(async (failure) => ({ failure, answer: await place.run(withJson(failure[0])) })),
  );
  for (const { failure, answer } of answers) {
    const [args, message] = failure;
    const hint = failure.length === 2 ? "see xctl --help" : failure[2];
    const told = `${args.join(" ")}: ${answer.stderr}`;
    assert.equal(answer.status, EXIT_CODES[code], told);
    const [first = "", ...others] = answer.stderr.trimEnd().split("\n");
    assert.ok(first.startsWith("[xctl] error: "), told);
    assert.ok(others.length <= 1 && others.every((line) => line.startsWith("[xctl] ")), told);
    if (message !== undefined) assert.equal(first, `[xctl] error: ${message}`);
    if (hint !== undefined) assert.equal(others[0], `[xctl] ${hint}`, told);
    if (takesJson(args)) assertErrorDocument(answer, code, first, others[0]);
    else assert.equal(answer.stdout, "", told);
  }
}

/** Before an option whose value is missing, so that the command stays wrong in the same way. */
function withJson(args: readonly string[]): string[] {
  if (!takesJson(args)) return [...args];
  const last = args.at(-1) as string;
  return last === "--port" ? [...args.slice(0, -1), "--json", last] : [...args, "--json"];
}

function takesJson([verb = ""]: readonly string[]): boolean {
  return !["run", "emit", "completion", ""].includes(verb);
}

function assertErrorDocument({ stdout }: Ended, code: ErrorCode, first: string, second: string | undefined): void {
  const document = JSON.parse(stdout) as { error: { code: string; message: string; hint: string | null } };
  assert.deepEqual(Object.keys(document), ["error"]);
  assert.deepEqual(Object.keys(document.error), ["code", "message", "hint"]);
  assert.equal(document.error.code, code);
  assert.equal(first, `[xctl] error: ${document.error.message}`);
  assert.equal(second, document.error.hint === null ? undefined : `[xctl] ${document.error.hint}`);
}
