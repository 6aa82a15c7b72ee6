import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { XctlError } from "../../src/lib/errors.ts";
import { checkProgram } from "../../src/probes/interpreter.ts";
import { subprocessProbe } from "../../src/probes/subprocess.ts";
import { collectingHost, LINE, programs, until } from "./programs.ts";

const hasPython = spawnSync("python3", ["--version"]).status === 0;
const gpu = (name: string) => LINE.replace("gpu-00", name);

test("Python, TypeScript, JavaScript, shell and a plain executable all run, at once", async (t) => {
  const write = programs(t);
  const files = {
    ts: write("a.ts", `const line: string = '${gpu("ts")}'; console.log(line); setInterval(() => {}, 1000);`, 0o644),
    mjs: write("b.mjs", `console.log('${gpu("mjs")}'); setInterval(() => {}, 1000);`, 0o644),
    sh: write("c.sh", `#!/bin/sh\necho '${gpu("sh")}'\nexec sleep 1000\n`),
    plain: write("d", `#!/usr/bin/env -S sh -e\necho '${gpu("plain")}'\nsleep 1000\n`),
    ...(hasPython ? { py: write("e.py", `import time\nprint('${gpu("py")}')\ntime.sleep(1000)\n`, 0o644) } : {}),
  };
  const { host, events } = collectingHost(t);
  host.start(Object.values(files).map(subprocessProbe));
  await until("an event of each", () => events.length >= Object.keys(files).length);
  assert.deepEqual(events.map((event) => event.entity_id).toSorted(), Object.keys(files).toSorted());
  for (const status of host.status()) {
    assert.equal(status.state, "running");
    assert.equal(status.events, 1);
    assert.ok((status.pid ?? 0) > 1);
  }
});

test("a program that cannot be started says which it is", (t) => {
  const write = programs(t);
  const folder = dirname(write("any", ""));
  mkdirSync(join(folder, "folder.py"));
  assert.match(refusal(join(folder, "missing.py")).message, /no such file/);
  assert.match(refusal(join(folder, "any", "below")).message, /no such file/);
  assert.match(refusal(join(folder, "folder.py")).message, /is a folder/);
  assert.match(refusal("/dev/null").message, /not a regular file/);

  const noRunBit = refusal(write("norun.sh", "#!/bin/sh\n", 0o644));
  assert.match(noRunBit.message, /no run bit/);
  assert.match(noRunBit.hint ?? "", /^chmod \+x /);

  assert.match(refusal(write("a", "#!/no/such/interpreter -x\n")).message, /interpreter.*\/no\/such\/interpreter/);
  assert.match(refusal(write("b", "#!/usr/bin/env -S no-such-language\n")).message, /interpreter.*no-such-language/);
  assert.match(refusal(write("c", "#!/bin/sh\r\necho\r\n")).message, /interpreter.*Windows line end/);

  const path = process.env.PATH;
  t.after(() => (process.env.PATH = path));
  process.env.PATH = folder;
  assert.match(refusal(write("ok.py", "")).message, /no interpreter: python3/);
});

test("a program that cannot be started again says why in its status", async (t) => {
  const write = programs(t);
  const path = write("once.sh", `#!/bin/sh\nchmod -x "$0"\nexit 0\n`);
  const { host } = collectingHost(t);
  host.start([subprocessProbe(path)]);
  await until("the second start", () => /no run bit/.test(host.status()[0]?.last_error ?? ""));
});

const BAD_LINES: [reason: string, line: string | Buffer][] = [
  ["not_json", "hello"],
  ["not_json", '{"ts":1,'],
  ["not_json", "{'ts':1}"],
  ["not_json", `${LINE}${LINE}`],
  ["not_json", "[".repeat(30_000)],
  ["not_object", "[]"],
  ["not_object", "null"],
  ["not_object", "17"],
  ["not_object", `${"[".repeat(30_000)}${"]".repeat(30_000)}`],
  ["ts", LINE.replace('"ts":1', '"ts":"1"')],
  ["ts", LINE.replace('"ts":1', '"ts":1.5')],
  ["ts", LINE.replace('"ts":1,', "")],
  ["event_type", LINE.replace("compute.util", "compute.nonsense")],
  ["event_type", LINE.replace("compute.util", "__proto__")],
  ["entity_id", LINE.replace("gpu-00", "")],
  ["entity_id", LINE.replace("gpu-00", "é".repeat(300))],
  ["value", LINE.replace('"1"', '"101"')],
  ["value", LINE.replace('"1"', "1")],
  ["pid", LINE.replace("{", '{"pid":-1,')],
  ["pid", LINE.replace("{", '{"pid":"7",')],
  ["job_id", LINE.replace("{", '{"job_id":7,')],
  ["node", LINE.replace("{", '{"node":{},')],
  ["attrs", LINE.replace("{", '{"attrs":{"a":[]},')],
  ["attrs", LINE.replace("{", `{"attrs":{${Array.from({ length: 33 }, (_, n) => `"${n}":1`)}},`)],
  ["encoding", Buffer.concat([Buffer.from('{"entity_id":"'), Buffer.of(0xff, 0xc3, 0x28), Buffer.from('"}')])],
  ["too_long", LINE.replace("gpu-00", "x".repeat(70_000))],
  ["too_long", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
  ["too_long", "x".repeat(12 * 1024 * 1024)],
];

test("bad lines of every kind are counted by reason, and the probe is still read", async (t) => {
  const write = programs(t);
  const parts = BAD_LINES.flatMap(([, line]) => [Buffer.from(line), Buffer.from("\n")]);
  const data = write("lines", "");
  writeFileSync(data, Buffer.concat([...parts, Buffer.from(`${gpu("after")}\n`)]));
  const path = write("bad.sh", `#!/bin/sh\ncat '${data}'\nexec sleep 1000\n`);
  const expected: Record<string, number> = {};
  for (const [reason] of BAD_LINES) expected[reason] = (expected[reason] ?? 0) + 1;

  const { host, events } = collectingHost(t);
  host.start([subprocessProbe(path)]);
  await until("the line after the bad ones", () => events.length > 0);
  assert.deepEqual({ ...host.rejections }, expected);
  assert.equal(events[0]?.entity_id, "after");
  const [status] = host.status();
  assert.equal(status?.rejected, BAD_LINES.length);
  assert.equal(status?.state, "running");
});

test("twelve megabytes without a line's end are not kept", async (t) => {
  const write = programs(t);
  const script = `#!/bin/sh\nhead -c 12582912 /dev/zero | tr '\\0' x\nsleep 0.2\necho\necho '${gpu("after")}'\nsleep 1000\n`;
  const { host, events } = collectingHost(t);
  host.start([subprocessProbe(write("endless.sh", script))]);
  await until("the line after it", () => events.length > 0);
  assert.deepEqual({ ...host.rejections }, { too_long: 1 });
});

test("the last line counts without its end, and how the program ended is told", async (t) => {
  const write = programs(t);
  const path = write("last.sh", `#!/bin/sh\nprintf '%s' '${LINE}'\necho 'cannot find the thing' >&2\nexit 3\n`);
  const { host, events } = collectingHost(t);
  host.start([subprocessProbe(path)]);
  await until("its death", () => host.status()[0]?.state === "waiting");
  assert.equal(events.length, 1);
  assert.equal(host.status()[0]?.last_error, "ended with status 3: cannot find the thing");
  assert.equal(host.status()[0]?.pid, null);
});

test("a slow consumer holds the program up; nothing is lost, nothing is queued", async (t) => {
  const write = programs(t);
  const total = 200_000;
  const progress = write("progress", "0");
  const path = write(
    "fast.mjs",
    `import { writeSync, writeFileSync } from "node:fs";
     for (let n = 0; n < ${total}; n += 100) {
       let text = "";
       for (let i = n; i < n + 100; i++) text += '{"ts":' + i + ',"event_type":"compute.util","entity_id":"g","value":"1","job_id":"${"j".repeat(100)}"}\\n';
       for (let buffer = Buffer.from(text); buffer.length > 0; ) buffer = buffer.subarray(writeSync(1, buffer));
       writeFileSync(${JSON.stringify(progress)}, String(n + 100));
     }
     setInterval(() => {}, 1000);`,
  );
  let next = 0;
  let inOrder = true;
  const gate = Promise.withResolvers<void>();
  const { host } = collectingHost(t, {
    async sink(batch) {
      for (const event of batch) inOrder &&= event.ts === next++;
      await gate.promise;
    },
  });
  host.start([subprocessProbe(path)]);
  await until("the first batch", () => next > 0);
  let written = -1;
  await until("the program to be held up", () => {
    const last = written;
    written = Number(readFileSync(progress, "utf8"));
    return written > 0 && written === last;
  });
  const taken = next;
  assert.ok(written < total / 10, `${written} lines written while ${taken} were taken`);
  gate.resolve();
  await until("all of it", () => next === total);
  assert.ok(inOrder);
  assert.deepEqual({ ...host.rejections }, {});
});

test("standard error reaches the log harmless, shortened and bounded", async (t) => {
  const write = programs(t);
  const script = String.raw`#!/bin/sh
printf '\033[31mred\007 \302\233 \342\200\256 name\n' >&2
i=0; while [ $i -lt 500 ]; do echo "line $i" >&2; i=$((i + 1)); done
head -c 100000 /dev/zero | tr '\0' y >&2
sleep 1000
`;
  const { host, logged } = collectingHost(t);
  host.start([subprocessProbe(write("noisy.sh", script))]);
  await until("the count of what was left out", () => logged.some((line) => / \d{3} more lines$/.test(line)));
  const first = logged.find((line) => line.includes("red"));
  assert.match(first ?? "", /: \?\[31mred\? \? \? name$/);
  assert.ok(logged.length < 50, `${logged.length} lines logged`);
});

function refusal(path: string): XctlError {
  try {
    checkProgram(path);
  } catch (error) {
    assert.ok(error instanceof XctlError);
    assert.equal(error.code, "failed");
    return error;
  }
  return assert.fail(`${path} was accepted`);
}
