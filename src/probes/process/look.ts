/** The closer look: what one blocked thread waits for, and who has that. */
import { processOf, readStatus } from "../../kernel/procfs.ts";
import { readPulse } from "../../kernel/pulse.ts";
import { processId } from "../../model/entity.ts";
import { readBlockedTask } from "./blocked-task.ts";
import { held, type Fact } from "./fact.ts";
import { lastRanMs } from "./last-ran.ts";
import type { TrackedProcess, TrackedThread } from "./tracker.ts";
import type { View } from "./view.ts";
import { WAITS } from "./waits/index.ts";

/** The facts of a thread's wait; none where it does not wait, or has run since, so that what was read fits nothing. */
export async function lookAt(process: TrackedProcess, thread: TrackedThread, view: View): Promise<Fact[]> {
  const { pid, kthread } = process;
  const { tid, switches, ranMs: sinceMs } = thread;
  const task = await readBlockedTask(view.proc, { pid, tid, kthread, sinceMs }, view.memory);
  if (task === undefined) return [];
  for (const wait of WAITS) {
    if (!wait.matches(task)) continue;
    const facts = await wait.resolve(task, view);
    if (facts.length > 0) return readPulse(view.proc, pid, tid)?.switches === switches ? facts : [];
  }
  return [];
}

/** A thread that was blocked already when it was first seen has been so for longer than it was watched. */
export function dateBack(process: TrackedProcess, thread: TrackedThread, proc: string, nowMs: number): void {
  if (!thread.sinceUnknown) return;
  thread.sinceUnknown = false;
  const ranMs = lastRanMs(proc, process.pid, thread.tid, nowMs);
  if (ranMs !== undefined) thread.ranMs = Math.min(thread.ranMs, Math.max(ranMs, process.startMs));
}

/** Who holds a process in a ptrace stop; of a dead one, who is told of its end before its parent is. */
export function tracerOf(process: TrackedProcess, proc: string): Fact[] {
  if (process.state !== "traced" && process.state !== "zombie") return [];
  const { pid } = process;
  for (const tid of new Set([pid, ...process.threadsByTid.keys()])) {
    const tracer = readStatus(proc, pid, tid)?.tracerPid;
    if (tracer === undefined || tracer === 0) continue;
    const source = `/proc/${pid}/task/${tid}/status`;
    return [held(processId(pid), processOf(proc, tracer), "tracer", { source, observed: `TracerPid: ${tracer}` })];
  }
  return [];
}
