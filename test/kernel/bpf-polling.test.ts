/** What threads that keep a CPU ask of the kernel meanwhile: those that look for others are told from those that work. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, it } from "node:test";
import { BpfPolling } from "../../src/kernel/bpf-polling.ts";

const opened = await BpfPolling.open().catch((error: Error) => error.message);
const skip = typeof opened === "string" ? `no eBPF here: ${opened}` : false;
if (typeof opened !== "string") opened.close();

const WINDOW_MS = 500;
const SOURCES = {
  computing: "while True: pass",
  yielding: "import os\nwhile True: os.sched_yield()",
  polling: `
import select, time
poll, next = select.poll(), 0
while True:
    if time.monotonic() >= next:
        next = time.monotonic() + 0.01
        poll.poll(0)
`,
  writing: 'import os\nfd = os.open("/dev/null", os.O_WRONLY)\nwhile True: os.write(fd, b"x")',
} as const;
type Kind = keyof typeof SOURCES;

describe("counting system calls", { skip }, () => {
  const programs = new Map<Kind, ChildProcess & { pid: number }>();
  let polling: BpfPolling;
  before(async () => {
    polling = await BpfPolling.open();
    for (const [kind, source] of Object.entries(SOURCES)) {
      const program = spawn("python3", ["-u", "-c", `print("ready")\n${source}`], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      programs.set(kind as Kind, program as ChildProcess & { pid: number });
      await once(program.stdout, "data");
    }
  });
  after(() => {
    polling.close();
    for (const program of programs.values()) program.kill("SIGKILL");
  });
  const pidOf = (kind: Kind) => (programs.get(kind) as { pid: number }).pid;

  it("tells those that look for something from those that work", async () => {
    const counts = await polling.count(
      [...programs.values()].map(({ pid }) => pid),
      WINDOW_MS,
    );
    const of = (kind: Kind) => counts.get(pidOf(kind)) ?? assert.fail(`nothing of the ${kind} one`);
    assert.deepEqual(of("computing"), { calls: 0, polls: 0 });
    assert.equal(of("polling").polls, of("polling").calls);
    // On two cores each has half of one.
    assert.ok(of("polling").polls >= 5 && of("polling").polls <= 55, `${of("polling").polls} polls`);
    assert.deepEqual(of("yielding"), { calls: 0, polls: 0 }, "it may wait for its own threads so");
    assert.ok(of("writing").calls > 1000 && of("writing").polls === 0);
  });

  it("counts for each question anew, and for nobody else", async () => {
    const pid = pidOf("writing");
    const [long, short] = await Promise.all([polling.count([pid], WINDOW_MS), polling.count([pid], 50)]);
    assert.deepEqual([...long.keys(), ...short.keys()], [pid, pid]);
    const [first = 0, second = 0] = [long.get(pid)?.calls, short.get(pid)?.calls];
    assert.ok(second > 0 && second < first / 2, `${first}, then ${second}`);
  });

  it("hands over nothing where it is told to end, or is closed, in the middle", async () => {
    const pid = pidOf("writing");
    assert.deepEqual(await polling.count([pid], 60_000, AbortSignal.timeout(50)), new Map());
    assert.deepEqual(await polling.count([pid], 60_000, AbortSignal.abort()), new Map());
    const other = await BpfPolling.open();
    const counted = [other.count([pid], 60_000), other.count([pid], 60_000)];
    setTimeout(() => other.close(), 50);
    assert.deepEqual(await Promise.all(counted), [new Map(), new Map()]);
  });

  it("tells nothing of a thread that is not there, but that it did nothing", async () => {
    assert.deepEqual([...(await polling.count([0x7fff_fff0], 1)).values()], [{ calls: 0, polls: 0 }]);
  });
});
