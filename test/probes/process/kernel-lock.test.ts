/** A lock inside the kernel that a thread waits for: who has it is told while it waits, and how long it was, afterwards. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { describe, it } from "node:test";
import { parseStall } from "../../../src/kernel/bpf-stalls.ts";
import { BpfTasks } from "../../../src/kernel/bpf-tasks.ts";
import type { Event } from "../../../src/model/event.ts";
import { Stalls } from "../../../src/probes/process/stalls.ts";
import { FuseMount } from "../../../scenarios/mounts.ts";
import { asleep, Stage, until, waitsIn } from "../../../scenarios/stage.ts";
import { Session } from "./support.ts";

let refusal = "";
const opened = await Stalls.open((message) => (refusal = message));
opened?.close();
const skip = opened === undefined ? refusal : existsSync("/dev/fuse") ? false : "there is no /dev/fuse";

/** `second` waits for the folder's lock, `first` has it and waits for a server that does not answer. */
async function withWaiter(body: (pids: { first: number; second: number; server: number }) => Promise<void>) {
  const stage = new Stage();
  try {
    const fuse = await FuseMount.create(stage, ["answer"]);
    // What the kernel asks of a folder only once is asked here.
    fuse.run("sh", "-c", "mkdir $0/none 2>/dev/null; true", fuse.mountPoint);
    stage.stop(fuse.server);
    const makeFolder = (name: string) =>
      fuse.start("sh", "-c", `echo ready; exec mkdir ${fuse.mountPoint}/${name} 2>/dev/null`);
    const first = await makeFolder("first");
    await waitsIn(first.pid, /request_wait_answer|fuse_/);
    const second = await makeFolder("second");
    await asleep(second.pid, "D");
    await body({ first: first.pid, second: second.pid, server: fuse.server });
  } finally {
    stage.strike();
  }
}

describe("a thread that waits for a lock of the kernel's", { skip }, () => {
  it("names who has it", async (context) => {
    const tasks = await BpfTasks.open();
    context.after(() => tasks.close());
    await withWaiter(async ({ first, second }) => {
      const lock = (await tasks.kernelLocks()).get(second);
      if (lock === undefined) {
        context.skip("this kernel does not remember it (CONFIG_DETECT_HUNG_TASK_BLOCKER)");
        return;
      }
      assert.deepEqual([lock.kind, lock.holder], ["rwsem", { pid: first, tid: first }]);
      assert.equal((await tasks.kernelLocks()).get(first), undefined);
      const session = new Session();
      try {
        await until(`${second}'s wait to be told`, () => session.seen.waits(second).length > 0);
        const [wait] = session.seen.waits(second);
        assert.equal(wait?.kind, "kernel_lock");
        assert.equal(wait?.entity, `klock:${lock.id}`);
        assert.deepEqual(session.seen.holders(wait.entity), [`${first}:owner`]);
      } finally {
        await session.stop();
      }
    });
  });

  it("is told of afterwards, with how long it was", async () => {
    const stalls = await Stalls.open(() => {});
    assert.ok(stalls !== undefined);
    try {
      await withWaiter(async ({ first, second, server }) => {
        assert.deepEqual(of(stalls.events(0), second), [], "not while it lasts");
        await new Promise((resolve) => setTimeout(resolve, 150));
        process.kill(server, "SIGCONT");
        const told: Event[] = [];
        await until(`${second}'s wait to be told`, () => told.push(...of(stalls.events(0), second)) > 0);
        const [event] = told;
        assert.match(event?.value ?? "", /^LOCK_CONTENTION:\d{3,}$/);
        assert.deepEqual([event?.attrs?.lock, event?.attrs?.by], ["rwsem", first]);
        assert.ok((event?.attrs?.waited_ms as number) >= 150);
        assert.equal(stalls.lost, 0);
      });
    } finally {
      stalls.close();
    }
  });
});

describe("a stall's record", () => {
  it("of a kind that is not known is left out", () => {
    assert.equal(parseStall(Buffer.alloc(56)), undefined);
    assert.equal(parseStall(Buffer.alloc(56, 0xff)), undefined);
  });

  for (const [flags, lock] of [
    [32, "mutex"],
    [2, "rwsem"],
    [4, "rwsem"],
    [18, "percpu_rwsem"],
    [8, "rt_mutex"],
    [0, "semaphore"],
  ] as const) {
    it(`with the flags ${flags} is of a ${lock}`, () => {
      const bytes = Buffer.alloc(56);
      bytes.writeUInt32LE(1);
      bytes.writeUInt32LE(flags, 12);
      assert.equal(parseStall(bytes)?.lock, lock);
    });
  }
});

function of(events: readonly Event[], pid: number): Event[] {
  return events.filter((event) => event.pid === pid);
}
