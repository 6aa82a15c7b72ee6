/** What happens between two samples: short lives, ends, and who sent the signal. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { describe, it } from "node:test";
import { parseLifecycle } from "../../../src/kernel/bpf-lifecycle.ts";
import { readStat } from "../../../src/kernel/procfs.ts";
import type { Event } from "../../../src/model/event.ts";
import { Lifecycle } from "../../../src/probes/process/lifecycle.ts";

let refusal = "";
const opened = await Lifecycle.open("/proc", (message) => (refusal = message));
opened?.close();
const skip = opened === undefined ? refusal : false;

async function watching(body: (lifecycle: Lifecycle) => Promise<void>): Promise<void> {
  const lifecycle = await Lifecycle.open("/proc", () => {});
  assert.ok(lifecycle !== undefined);
  try {
    await body(lifecycle);
  } finally {
    lifecycle.close();
  }
}

const nobodyKnown = () => false;
const told = (lifecycle: Lifecycle) => lifecycle.events(nobodyKnown, Date.now());
const statesOf = (events: readonly Event[], pid: number) =>
  events.filter((event) => event.pid === pid && event.event_type === "process.state").map(({ value }) => value);

describe("lives between two samples", { skip }, () => {
  it("are told from start to end, none missed", () =>
    watching(async (lifecycle) => {
      told(lifecycle);
      const script = "i=0; while [ $i -lt 300 ]; do sh -c 'echo $$'; i=$((i + 1)); done";
      const { stdout } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
      const events = told(lifecycle);
      const pids = stdout.trim().split("\n").map(Number);
      assert.equal(pids.length, 300);
      for (const pid of pids) assert.deepEqual(statesOf(events, pid), ["start", "exit"], `pid ${pid}`);
      assert.equal(lifecycle.lost, 0);
    }));

  it("are left to the samples where those show them", () =>
    watching(async (lifecycle) => {
      const { pid } = spawnSync("true");
      assert.deepEqual(
        statesOf(
          lifecycle.events((known) => known === pid, Date.now()),
          pid,
        ),
        [],
      );
    }));

  it("are not told again after their end was", () =>
    watching(async (lifecycle) => {
      const child = spawn("sleep", ["1000"]);
      const { pid } = child;
      const startTicks = readStat("/proc", pid as number)?.startTicks as number;
      child.kill("SIGKILL");
      await once(child, "exit");
      assert.equal(lifecycle.endOf(pid as number, startTicks).signal, "SIGKILL");
      assert.deepEqual(statesOf(told(lifecycle), pid as number), []);
    }));
});

describe("an end", { skip }, () => {
  for (const [script, attrs] of [
    ["exit 7", { exit_status: 7, source: "tracepoint sched_process_exit", observed: "exited with status 7" }],
    [
      "kill -KILL $$",
      { signal: "SIGKILL", source: "tracepoint sched_process_exit", observed: "killed by SIGKILL from itself" },
    ],
  ] as const) {
    it(`is told of sh -c '${script}'`, () =>
      watching(async (lifecycle) => {
        const { pid } = spawnSync("sh", ["-c", script]);
        const exit = told(lifecycle).find((event) => event.pid === pid && event.value === "exit");
        const end = Object.fromEntries(Object.keys(attrs).map((key) => [key, exit?.attrs?.[key]]));
        assert.deepEqual([exit?.attrs?.ppid, end], [process.pid, attrs]);
      }));
  }
});

describe("a signal", { skip }, () => {
  it("is told with its sender, and stands beside the stop", () =>
    watching(async (lifecycle) => {
      const child = spawn("sleep", ["1000"]);
      const pid = child.pid as number;
      try {
        const startTicks = readStat("/proc", pid)?.startTicks as number;
        const { pid: sender } = spawnSync("sh", ["-c", `kill -STOP ${pid}`]);
        assert.equal(lifecycle.stopOf(pid, startTicks), `SIGSTOP from sh (${sender})`);
        assert.equal(lifecycle.stopOf(pid, startTicks + 1), undefined, "another process with that pid");
        const action = told(lifecycle).find((event) => event.pid === pid && event.event_type === "action.exec");
        assert.deepEqual([action?.value, action?.attrs?.by, action?.attrs?.by_comm], ["SIGSTOP", sender, "sh"]);
      } finally {
        child.kill("SIGKILL");
      }
    }));
});

describe("a record", () => {
  it("of a kind that is not known is left out", () => {
    assert.equal(parseLifecycle(Buffer.alloc(64)), undefined);
    assert.equal(parseLifecycle(Buffer.alloc(64, 0xff)), undefined);
  });
});
