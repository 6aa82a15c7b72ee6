/** `xctl why PID` of real processes, of the kinds that are easily got wrong; and one stall from its beginning to its end. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import type { PsDocument, WhyAllDocument, WhyDocument } from "../../src/model/documents.ts";
import { readStat } from "../../src/kernel/procfs.ts";
import { onLinux, Tree } from "../act/processes.ts";
import { until } from "../daemon/harness.ts";
import { Place } from "./place.ts";

const KTHREADD = 2;
/** A container has none. */
const withoutKernelThreads =
  onLinux || (readStat("/proc", KTHREADD)?.comm === "kthreadd" ? false : "no kernel threads in sight");

test("one that has just begun, and one that has just ended", { skip: onLinux }, async (t) => {
  const place = new Place(t);
  // A sample an hour: whatever is known of it was looked at because of the question.
  const daemon = await place.daemon("--interval", "1h");
  const child = spawn("sleep", ["300"], { stdio: "ignore" });
  t.after(() => child.kill("SIGKILL"));
  await once(child, "spawn");
  const pid = String(child.pid);
  const young = await daemon.document<WhyDocument>("why", pid);
  assert.deepEqual([young.process.comm, young.verdict, young.blocked_ms], ["sleep", "idle", null]);
  assert.equal(young.root_causes[0]?.kind, "process.sleeping");
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.equal((await daemon.document<WhyDocument>("why", pid)).verdict, "exited");
});

test("asked at once, the daemon looks at the whole machine before it lists it", { skip: onLinux }, async (t) => {
  const daemon = await new Place(t).daemon();
  const { processes } = await daemon.document<PsDocument>("ps", "--all");
  for (const pid of [1, process.pid, daemon.pid])
    assert.ok(
      processes.some((known) => known.pid === pid),
      String(pid),
    );
});

test("one that never was", { skip: onLinux }, async (t) => {
  const daemon = await new Place(t).daemon();
  const { status, stdout, stderr } = await daemon.ask("why", "2147483646", "--json");
  assert.equal(status, 3);
  assert.equal((JSON.parse(stdout) as { error: { code: string } }).error.code, "no_such_process");
  assert.equal(stderr, "[xctl] error: no such process: 2147483646\n[xctl] all of them: xctl ps --all\n");
});

test("the system's first process, the daemon, and the one that asks", { skip: onLinux }, async (t) => {
  const place = new Place(t);
  const daemon = await place.daemon();
  const first = await daemon.document<WhyDocument>("why", "1");
  assert.equal(first.process.pid, 1);
  assert.ok(first.root_causes.every(({ certainty, kind }) => kind !== "unknown" || certainty === "unknown"));
  const own = await daemon.document<WhyDocument>("why", String(daemon.pid));
  assert.ok(["running", "idle"].includes(own.verdict), own.verdict);
  const asking = await place.shell(`exec "${process.execPath}" "${place.main}" why $$ --port ${daemon.port} --json`);
  const { verdict, process: asked } = JSON.parse(asking.stdout) as WhyDocument;
  assert.notEqual(asked.pid, daemon.pid);
  // It waits for the answer, which the daemon is at.
  assert.ok(["running", "idle", "blocked"].includes(verdict), verdict);
});

test("a kernel thread at rest", { skip: withoutKernelThreads }, async (t) => {
  const daemon = await new Place(t).daemon();
  const { verdict, root_causes } = await daemon.document<WhyDocument>("why", String(KTHREADD));
  assert.deepEqual([verdict, root_causes.map(({ kind }) => kind)], ["idle", ["process.idle"]]);
  const { processes } = await daemon.document<PsDocument>("ps");
  assert.ok(!processes.some(({ pid }) => pid === KTHREADD));
  const { processes: all } = await daemon.document<PsDocument>("ps", "--all");
  assert.ok(all.some(({ pid }) => pid === KTHREADD));
});

test(
  "from the stall to its end: the culprit is named, what is advised helps, and then all is well",
  { skip: onLinux },
  async (t) => {
    const place = new Place(t);
    const daemon = await place.daemon("--interval", "200ms");
    await using tree = Tree.bash("yes | cat >/dev/null; :");
    for (const name of ["yes", "cat"]) await tree.started(1, name);
    const [writer, reader] = [tree.find("yes"), tree.find("cat")];
    const why = () => daemon.document<WhyDocument>("why", String(writer));
    await until("the writer is seen to run", async () => (await why()).verdict === "running");

    process.kill(reader, "SIGSTOP");
    let stalled = await why();
    await until("the stall is seen", async () => (stalled = await why()).root_causes[0]?.kind === "process.stopped");
    assert.equal(stalled.verdict, "blocked");
    const [cause] = stalled.root_causes;
    assert.deepEqual([cause?.pid, cause?.pids, cause?.certainty], [reader, [reader], "observed"]);
    const [wait, holder] = stalled.chain;
    assert.deepEqual(
      [wait?.from, wait?.detail, holder?.to, holder?.detail],
      [`pid-${writer}`, "pipe.write", `pid-${reader}`, "reader"],
    );
    const { stdout: text } = await daemon.ask("why", String(writer));
    assert.match(text, new RegExp(`root cause: cat \\(${reader}\\) is stopped`));
    const named = async (): Promise<boolean> => {
      const { groups } = await daemon.document<WhyAllDocument>("why");
      return groups.some(
        ({ root_cause, victims }) => root_cause.pid === reader && victims.some(({ pid }) => pid === writer),
      );
    };
    await until("the machine's stalls name it", named);

    const advice = cause?.advice.find(({ command, risk }) => command !== null && risk === "safe");
    assert.ok(text.includes(advice?.command ?? "no command was advised"));
    await place.shell(advice?.command ?? "");
    await until("the writer goes on", async () => (await why()).verdict === "running");
    assert.equal(await named(), false);
  },
);
