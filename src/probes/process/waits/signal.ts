/**
 * Waits for a signal: pause, sigsuspend, sigtimedwait. From where it comes the kernel does not know; but a parent that
 * SIGCHLD would wake, with a child or a few, most likely waits for one of them to end: timeout(1) does, and dash's wait.
 */
import { readStatus } from "../../../kernel/procfs.ts";
import type { BlockedTask } from "../blocked-task.ts";
import { held } from "../fact.ts";
import type { View } from "../view.ts";
import { ownEntity, waitFact, type WaitResolver } from "./resolver.ts";

const CALLS: ReadonlySet<string> = new Set(["pause", "rt_sigsuspend", "rt_sigtimedwait"]);
/** Their wait channels, where the call is not shown. */
const CHANNELS = /sigsuspend|sigtimedwait|^do_pause$/;

/** Whoever has more is more likely a server at rest. */
const MAX_AWAITED = 4;

/** SIGCHLD is 17 on every architecture Node runs on; signal n is bit n - 1. */
const SIGCHLD_BIT = 1n << 16n;
const SIGSET_BYTES = 8;

export const signalWait: WaitResolver = {
  kind: "signal",
  matches: ({ kthread, syscall, wchan }) =>
    syscall === undefined ? !kthread && CHANNELS.test(wchan) : CALLS.has(syscall.name),

  async resolve(task, view) {
    const entity = ownEntity("signal", task);
    const wait = waitFact(task, "signal", entity, task.syscall === undefined ? { certainty: "derived" } : {});
    const children = view.children(task.pid);
    if (children.length === 0 || children.length > MAX_AWAITED || !(await isWokenByChild(task, view))) return [wait];
    const facts = children.map(({ pid, state }) => {
      const observed = `state ${state}, parent ${task.pid}`;
      return held(entity, pid, "child", { source: `/proc/${pid}/stat`, observed, certainty: "inferred" });
    });
    return [wait, ...facts];
  },
};

/**
 * While they sleep, sigsuspend and sigtimedwait have their own mask in the place of the thread's (kernel/signal.c), so
 * the mask that status shows is the one that counts. SIGCHLD without a handler is dropped, unless sigtimedwait asks
 * for it.
 */
async function isWokenByChild(task: BlockedTask, view: View): Promise<boolean> {
  const signals = readStatus(view.proc, task.pid, task.tid)?.signals;
  if (signals === undefined || has(signals.blocked)) return false;
  if (has(signals.caught)) return true;
  if (task.syscall?.name !== "rt_sigtimedwait") return false;
  const set = await view.memory(task.pid, task.syscall.args[0] ?? 0n, SIGSET_BYTES);
  return set !== undefined && has(set.readBigUInt64LE());
}

function has(set: bigint): boolean {
  return (set & SIGCHLD_BIT) !== 0n;
}
