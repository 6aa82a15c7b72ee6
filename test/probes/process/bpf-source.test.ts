/** The eBPF source sees what /proc shows: the same processes, the same threads, the same of each. */
import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { stateLetter } from "../../../src/kernel/bpf-tasks.ts";
import { BestSource } from "../../../src/probes/process/best-source.ts";
import { BpfSource } from "../../../src/probes/process/bpf-source.ts";
import { ProcfsSource } from "../../../src/probes/process/procfs-source.ts";
import type { ProcessSample } from "../../../src/probes/process/task.ts";

const opened = await BpfSource.open("/proc").catch((error: Error) => error.message);
const skip = typeof opened === "string" ? `no eBPF here: ${opened}` : false;
if (typeof opened !== "string") opened.close();

/** All but when it was looked at; threads by their number, for /proc lists them in the order of their making. */
function comparable({ tasks, comm, ...rest }: ProcessSample) {
  const threads = tasks.map(({ tid, state, switches }) => ({ tid, state, switches }));
  // A kernel worker is called after its last piece of work.
  return {
    ...rest,
    atMs: 0,
    comm: comm.replace(/^(kworker\/[^+-]*)[+-].*/, "$1"),
    tasks: threads.toSorted((a, b) => a.tid - b.tid),
  };
}

async function withPrograms(programs: readonly [string, ...string[]][], body: (pids: number[]) => Promise<void>) {
  const children: ChildProcess[] = programs.map(([file, ...args]) =>
    spawn(file, args, { stdio: ["ignore", "pipe", "ignore"] }),
  );
  try {
    await Promise.all(children.map((child) => once(child.stdout as NodeJS.ReadableStream, "data")));
    await body(children.map((child) => child.pid as number));
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}

const THREADS =
  "import threading,time\nfor _ in range(40): threading.Thread(target=time.sleep,args=(1000,),daemon=True).start()\n" +
  "print('ready',flush=True)\ntime.sleep(1000)";

describe("the eBPF source", { skip }, () => {
  it("differs in no field from /proc, for whoever did not move in between", async () => {
    await withPrograms(
      [
        ["python3", "-c", THREADS],
        ["sh", "-c", "echo ready; kill -STOP $$"],
        ["sh", "-c", "sleep 0 & echo ready; exec sleep 1000"],
      ],
      async (pids) => {
        const bpf = await BpfSource.open("/proc");
        const procfs = new ProcfsSource("/proc");
        try {
          const compared = new Set<number>();
          for (let round = 0; round < 20 && !pids.every((pid) => compared.has(pid)); round++) {
            const before = byPid(await bpf.snapshot(Date.now));
            const shown = await procfs.snapshot(Date.now);
            const after = byPid(await bpf.snapshot(Date.now));
            for (const sample of shown) {
              const own = before.get(sample.pid);
              // The very object of the time before: it has not moved.
              if (own === undefined || own !== after.get(sample.pid)) continue;
              compared.add(sample.pid);
              assert.deepEqual(comparable(own), comparable(sample));
            }
          }
          for (const pid of pids) assert.ok(compared.has(pid), `${pid} was never at rest`);
        } finally {
          bpf.close();
        }
      },
    );
  });

  it("tells of threads that come and go, and keeps the sample of who does not change", async () => {
    const bpf = await BpfSource.open("/proc");
    try {
      await withPrograms([["sh", "-c", "echo ready; exec sleep 1000"]], async ([pid]) => {
        const first = byPid(await bpf.snapshot(Date.now)).get(pid as number);
        assert.equal(first?.threads, 1);
        process.kill(pid as number, "SIGKILL");
        const end = Date.now() + 10_000;
        while (byPid(await bpf.snapshot(Date.now)).has(pid as number)) assert.ok(Date.now() < end, "still shown");
      });
    } finally {
      bpf.close();
    }
  });
});

describe("the best source", () => {
  it("is /proc where the variable asks for it, and says so", async () => {
    const source = await BestSource.open("/proc", () => {}, { env: { XCTL_SAMPLER: "procfs" } });
    assert.deepEqual([source.backend, source.reason], ["procfs", "XCTL_SAMPLER=procfs"]);
    assert.ok((await source.snapshot(Date.now)).some(({ pid }) => pid === process.pid));
  });

  it("goes on with /proc where eBPF fails in mid-run", { skip }, async () => {
    const told: string[] = [];
    const bpf = await BpfSource.open("/proc");
    const openBpf = () => Promise.resolve(bpf);
    const source = await BestSource.open("/proc", (message) => told.push(message), { env: {}, openBpf });
    assert.deepEqual([source.backend, source.reason], ["bpf", null]);
    const before = (await source.snapshot(Date.now)).find(({ pid }) => pid === process.pid);
    bpf.close();
    const after = (await source.snapshot(Date.now)).find(({ pid }) => pid === process.pid);
    assert.deepEqual([after?.startTicks, after?.image], [before?.startTicks, before?.image]);
    assert.equal(source.backend, "procfs");
    assert.match(source.reason ?? "", /no iterator/);
    assert.deepEqual(told, [`reads /proc instead of eBPF: ${source.reason}`]);
  });
});

describe("a task's state letter", () => {
  for (const [state, exitState, letter] of [
    [0, 0, "R"],
    [1, 0, "S"],
    [2, 0, "D"],
    [4, 0, "T"],
    [8, 0, "t"],
    [0x80, 0x20, "Z"],
    [0x80, 0x10, "X"],
    [0x40, 0, "P"],
    [0x402, 0, "I"],
    [0x1000, 0, "D"],
    [0x8000, 0, "D"],
    // TASK_KILLABLE, and a freezable sleep.
    [0x102, 0, "D"],
    [0x2001, 0, "S"],
  ] as const) {
    it(`is ${letter} for 0x${state.toString(16)}, 0x${exitState.toString(16)}`, () => {
      assert.equal(stateLetter(state, exitState), letter);
    });
  }
});

function byPid(samples: readonly ProcessSample[]): Map<number, ProcessSample> {
  return new Map(samples.map((sample) => [sample.pid, sample]));
}
