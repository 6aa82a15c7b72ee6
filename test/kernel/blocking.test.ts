/** A FIFO nobody writes to hangs whoever opens it, as a sick process's cmdline does. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { BlockingReader } from "../../src/kernel/blocking.ts";
import type { BlockingRequest } from "../../src/kernel/blocking.ts";
import { readChildren, readStat, readText } from "../../src/kernel/procfs.ts";
import { notLinux, until, withProgram } from "./support.ts";

const skip = notLinux;

const cmdlines = (count: number): BlockingRequest[] =>
  Array.from({ length: count }, (_, at) => ({ pid: at + 1, file: "cmdline" }));

/** A proc folder of `count` processes, of which those in `hanging` never let go of a reader. */
function procOf(context: TestContext, count: number, hanging: number[]): string {
  const proc = mkdtempSync(`${tmpdir()}/xctl-proc-`);
  context.after(() => rmSync(proc, { recursive: true }));
  for (let pid = 1; pid <= count; pid++) {
    mkdirSync(`${proc}/${pid}`);
    if (hanging.includes(pid)) execFileSync("mkfifo", [`${proc}/${pid}/cmdline`]);
    else writeFileSync(`${proc}/${pid}/cmdline`, `program-${pid}\0-v\0`);
  }
  return proc;
}

function readerOf(context: TestContext, proc?: string): BlockingReader {
  const reader = new BlockingReader(proc);
  context.after(() => reader.close());
  return reader;
}

const helpers = () =>
  (readChildren("/proc", process.pid) ?? []).filter(
    (pid) => readStat("/proc", pid)?.state !== "Z" && readText(`/proc/${pid}/cmdline`)?.includes("helper.ts"),
  );

test("processes that hang are sick, all others are answered, in order", { skip }, async (context) => {
  const hanging = [1, 40, 41, 90];
  const reader = readerOf(context, procOf(context, 90, hanging));
  const texts = await reader.read(cmdlines(90));
  const expected = cmdlines(90).map(({ pid }) => (hanging.includes(pid) ? undefined : `program-${pid}\0-v\0`));
  assert.deepEqual(texts, expected);
  assert.deepEqual(reader.sick(), hanging);
  await until(() => helpers().length <= 1, "the helpers that hung are gone");
});

test("a sick process is not asked again", { skip }, async (context) => {
  const reader = readerOf(context, procOf(context, 2, [1]));
  const answers = [undefined, "program-2\0-v\0"];
  assert.deepEqual(await reader.read(cmdlines(2)), answers);
  const before = helpers();
  assert.equal(before.length, 1);
  assert.deepEqual(await reader.read(cmdlines(2)), answers);
  // Asked, it would have hung this helper too, and had it replaced.
  assert.deepEqual(helpers(), before);
});

test("a limit cuts; a missing process and an impossible limit have no answer", { skip }, async (context) => {
  const reader = readerOf(context, procOf(context, 1, []));
  const file = "cmdline" as const;
  const texts = await reader.read([{ pid: 1, file, limit: 7 }, { pid: 2, file }, { pid: 1, file, limit: 0 }]); // prettier-ignore
  assert.deepEqual(texts, ["program", undefined, undefined]);
  assert.deepEqual(reader.sick(), []);
});

test("more questions than the helper holds at once are all answered", { skip }, async (context) => {
  const reader = readerOf(context, procOf(context, 3, []));
  const third: BlockingRequest = { pid: 3, file: "cmdline" };
  const asks = await Promise.all([1, 2, 3].map(() => reader.read(Array.from({ length: 500 }, () => third))));
  assert.ok(asks.flat().every((text) => text === "program-3\0-v\0"));
});

test("a helper that dies is replaced", { skip }, async (context) => {
  const reader = readerOf(context, procOf(context, 3, []));
  await reader.read(cmdlines(1));
  const [helper] = helpers();
  assert.ok(helper);
  process.kill(helper, "SIGKILL");
  await until(
    async () => (await reader.read(cmdlines(3))).every((text) => text?.startsWith("program")),
    "answers again",
  );
  assert.notDeepEqual(helpers(), [helper]);
  assert.deepEqual(reader.sick(), []);
});

test("a helper that hangs goes when its starter is killed", { skip }, async (context) => {
  const proc = procOf(context, 1, [1]);
  const module = new URL("../../src/kernel/blocking.ts", import.meta.url).href;
  const script = `
    import { BlockingReader } from ${JSON.stringify(module)};
    void new BlockingReader(${JSON.stringify(proc)}).read([{ pid: 1, file: "cmdline" }], 1e6);
    console.log("asked");`;
  await withProgram(script, async (_, starter) => {
    let helper: number | undefined;
    const inOpen = () => readText(`/proc/${helper}/cmdline`)?.includes("helper.ts") && waitsForFifo(helper as number);
    await until(() => {
      [helper] = readChildren("/proc", starter.pid) ?? [];
      return helper !== undefined && inOpen() === true;
    }, "the helper hangs");
    starter.kill("SIGKILL");
    await until(() => ["Z", undefined].includes(readStat("/proc", helper as number)?.state), "the helper is gone");
  });
});

test("memory of a running process, all of it or nothing", { skip }, async (context) => {
  const reader = readerOf(context);
  await withProgram(`console.log("up"); setInterval(() => {}, 1e6)`, async (_, { pid }) => {
    const [maps] = await reader.read([{ pid, file: "maps", limit: 1 << 16 }]);
    const [, from, to] = /^([0-9a-f]+)-([0-9a-f]+) r/m.exec(maps ?? "") ?? assert.fail("no readable map");
    const elf = await reader.readMemory(pid, BigInt(`0x${from}`), 4);
    assert.equal(elf?.toString("latin1"), "\x7fELF");
    assert.equal(await reader.readMemory(pid, 0n, 8), undefined);
    assert.equal(await reader.readMemory(pid, -1n, 8), undefined);
    assert.notEqual(to, from);
  });
});

test("after close nothing is asked and no helper is left", { skip }, async (context) => {
  const reader = new BlockingReader(procOf(context, 1, [1]));
  const hanging = reader.read(cmdlines(1), 1e6);
  reader.close();
  assert.deepEqual(await hanging, [undefined]);
  assert.deepEqual(await reader.read(cmdlines(1)), [undefined]);
  await until(() => helpers().length === 0, "no helper");
});

test("how full a file system is, and how far an open file has got", { skip }, async (context) => {
  const reader = readerOf(context);
  const use = await reader.fileSystemUse(tmpdir());
  assert.ok(
    use !== undefined && use.blocks > 0 && use.availableBlocks <= use.freeBlocks && use.freeBlocks <= use.blocks,
  );
  assert.equal(await reader.fileSystemUse("/nonexistent"), undefined);
  const folder = mkdtempSync(`${tmpdir()}/xctl-open-`);
  context.after(() => rmSync(folder, { recursive: true }));
  const fd = openSync(`${folder}/file`, "w");
  context.after(() => closeSync(fd));
  writeSync(fd, "12345");
  const state = await reader.openFileState(process.pid, fd);
  assert.equal(state?.sizeBytes, 5);
  assert.ok(Math.abs((state?.modifiedMs ?? 0) - Date.now()) < 60_000);
});

test("a file that a device does not answer is given up, and not asked again for a while", { skip }, async (context) => {
  const reader = readerOf(context);
  const folder = mkdtempSync(`${tmpdir()}/xctl-sensor-`);
  context.after(() => rmSync(folder, { recursive: true }));
  execFileSync("mkfifo", [`${folder}/temp1_input`]);
  writeFileSync(`${folder}/temp1_crit`, "84850\n");
  const asked = Promise.all([
    reader.readFrom(`${folder}/temp1_input`, 64, 100),
    reader.readFrom(`${folder}/temp1_crit`, 64),
  ]);
  assert.deepEqual(await asked, [undefined, "84850\n"]);
  assert.deepEqual(reader.sick(), [], "no process is");
  const before = helpers();
  assert.equal(await reader.readFrom(`${folder}/temp1_input`, 64), undefined);
  assert.deepEqual(helpers(), before);
});

/** One of its threads is in open(2) of a FIFO without a writer: fs/pipe.c, wait_for_partner. */
function waitsForFifo(pid: number): boolean {
  const threads =
    execFileSync("ls", [`/proc/${pid}/task`])
      .toString()
      .match(/\d+/g) ?? [];
  return threads.some((tid) => readText(`/proc/${pid}/task/${tid}/wchan`)?.includes("wait_for_partner"));
}

test("of an environment only what was asked for leaves the helper", { skip }, async (context) => {
  const proc = procOf(context, 3, []);
  writeFileSync(`${proc}/1/environ`, `SECRET=s\0${"FILLER=x\0".repeat(9000)}RANK=3\0PATH=/bin\0`);
  writeFileSync(`${proc}/2/environ`, "");
  const reader = readerOf(context, proc);
  const found = await Promise.all([1, 2, 3].map((pid) => reader.variables(pid, ["RANK", "WORLD_SIZE"])));
  assert.deepEqual(found, [{ RANK: "3" }, {}, undefined]);
});
