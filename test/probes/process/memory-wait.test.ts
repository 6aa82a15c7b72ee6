import assert from "node:assert/strict";
import { test } from "node:test";
import type { BlockedTask } from "../../../src/probes/process/blocked-task.ts";
import type { View } from "../../../src/probes/process/view.ts";
import { memoryWait } from "../../../src/probes/process/waits/memory.ts";
import { cgroupMachine, ID } from "../../kernel/cgroup-fixture.ts";

const v1 = cgroupMachine("v1");
const v2 = cgroupMachine("v2-only");
const hybrid = cgroupMachine("hybrid");

function blocked(pid: number, wchan: string, ...stack: string[]): BlockedTask {
  return {
    pid,
    tid: pid,
    kthread: false,
    comm: "worker",
    state: "D",
    exiting: false,
    sinceMs: 1,
    syscall: undefined,
    wchan,
    stack: () => stack,
    file: undefined,
    via: pid,
    blind: [],
  };
}

function faulting(pid: number): BlockedTask {
  return blocked(pid, "folio_wait_bit_common", "folio_wait_bit_common", "filemap_fault");
}

async function waitOf(proc: string, task: BlockedTask) {
  if (!memoryWait.matches(task)) return undefined;
  const [fact] = await memoryWait.resolve(task, { proc } as View);
  return fact?.type === "wait" ? fact : undefined;
}

test("a full cgroup that may kill nobody: the one that is full, and its limit", async () => {
  const wait = await waitOf(v1.proc, blocked(10, "mem_cgroup_oom_synchronize"));
  const folder = `${v1.cgroups}/memory/docker/${ID}`;
  assert.equal(wait?.kind, "memory.oom");
  assert.equal(wait.entity, `cgroup:/docker/${ID}`);
  assert.equal(wait.attrs.source, `${folder}/memory.oom_control`);
  assert.equal(wait.attrs.observed, "oom_kill_disable 1, under_oom 1; 40.0 MiB of 40.0 MiB used");
  assert.equal(wait.attrs.object, `${folder}/memory.limit_in_bytes`);
  assert.equal(wait.attrs.setting, String(80 << 20));
});

test("v2's memory.high, of the cgroup above", async () => {
  const wait = await waitOf(v2.proc, blocked(12, "__mem_cgroup_handle_over_high"));
  assert.equal(wait?.kind, "memory.reclaim");
  assert.equal(wait.attrs.object, `${v2.cgroups}/system.slice/encoder.service/memory.high`);
});

test("reclaim and swap, by the stack where the wait channel is a disk's", async () => {
  const wait = await waitOf(v2.proc, blocked(11, "folio_wait_bit_common", "folio_wait_bit_common", "do_swap_page"));
  assert.equal(wait?.kind, "memory.reclaim");
  assert.equal(wait.attrs.cause, "memory.reclaim");
  assert.match(String(wait.attrs.observed), /some avg10=62.5/);
  assert.equal(wait.attrs.certainty, "observed");
  const reclaim = blocked(11, "io_schedule", "shrink_folio_list", "try_to_free_mem_cgroup_pages");
  assert.equal((await waitOf(v2.proc, reclaim))?.kind, "memory.reclaim");
});

test("a page of a file that is read again and again only under pressure, and never for sure", async () => {
  assert.equal((await waitOf(v2.proc, faulting(11)))?.attrs.certainty, "inferred");
  assert.equal((await waitOf(hybrid.proc, faulting(10)))?.attrs.certainty, "inferred");
  assert.equal(await waitOf(v1.proc, faulting(10)), undefined, "no pressure is told");
});

test("an ordinary wait for a disk is none for memory", () => {
  assert.equal(memoryWait.matches(blocked(10, "io_schedule", "io_schedule", "ext4_file_read_iter")), false);
});
