/**
 * How CUDA waits for its GPU where it is told to block, rather than to spin: on a semaphore in a frame of libcuda, on
 * the waiting thread's own stack, which a thread of libcuda posts when the GPU has said that it is done. Of the many
 * semaphores and condition variables that a program sleeps on, none else lies there. A spinning thread runs, and its
 * process is busy. Seen with driver 580 on an H100; the names of the threads are older.
 */
import { parseFutexCall } from "../../../kernel/futex.ts";
import { minorOfDevice } from "../../../kernel/nvidia-proc.ts";
import { readFd } from "../../../kernel/fds.ts";
import { readStat, readTids } from "../../../kernel/procfs.ts";
import { callersOn } from "../../../kernel/user-stack.ts";
import { callText, readBlockedTask, type BlockedTask } from "../blocked-task.ts";
import { watchedBy } from "../file-use.ts";
import { POLL_CALLS } from "../poll-set.ts";
import type { View } from "../view.ts";
import { nvidiaEntity, openMinors } from "./gpu-name.ts";
import { ownEntity, waitFact, type WaitResolver } from "./resolver.ts";

/** Takes the GPU's events off /dev/nvidiaN, ten times a second if there are none. */
const EVENT_THREAD = "cuda-EvtHandlr";
/** The event thread, and another that waits to be told something by other processes: cuda00001400006. */
const HELPER_THREAD = /^cuda(?:-EvtHandlr|\d{6,11})$/;
const LIBCUDA = /^libcuda\.so\b/;
/** How far above a thread's stack pointer the C library's frames and the semaphore may reach. */
const MAX_ABOVE = 1024n;
const MAX_THREADS = 1024;

export const cudaSyncWait: WaitResolver = {
  kind: "CUDA synchronisation",
  matches: (task) => bytesBelowSemaphore(task) !== undefined,

  async resolve(task, view) {
    const events = eventThread(task, view);
    const library = events === undefined ? undefined : await libraryOf(task, view);
    if (events === undefined || library === undefined) return [];
    const minors = await eventMinors(task, events, view);
    const open = minors.length > 0 ? minors : openMinors(task, view);
    if (open.length === 0) return [];
    const devices = open.map((minor) => `/dev/nvidia${minor}`).join(", ");
    return [
      waitFact(task, "gpu.sync", await nvidiaEntity(task, open, view), {
        certainty: "inferred",
        cause: "gpu.busy",
        evidence: {
          source: `/proc/${task.pid}/task/${task.tid}/syscall`,
          observed: `${callText(task)}: a semaphore of ${library}, whose thread ${events} takes the events of ${devices}`,
        },
      }),
    ];
  },
};

/** They rest all their lives, whatever the program does: not at its gates, as a loop that polls for requests does. */
export const cudaHelperWait: WaitResolver = {
  kind: "CUDA helper thread",
  matches: ({ pid, tid, comm, syscall }) =>
    tid !== pid && HELPER_THREAD.test(comm) && syscall !== undefined && POLL_CALLS.has(syscall.name),
  resolve: (task) => [waitFact(task, "gpu.events", ownEntity("poll", task))],
};

/** From the stack pointer to the semaphore; undefined where the thread waits for none on its own stack. */
function bytesBelowSemaphore({ kthread, syscall }: BlockedTask): number | undefined {
  if (kthread || syscall === undefined) return undefined;
  const call = parseFutexCall(syscall.name, syscall.args);
  // A semaphore's word is what is left of it: 0, or nobody would wait. sem_wait(3)
  if (call?.operation !== "wait" || call.shared || call.expected !== 0) return undefined;
  const below = call.address - syscall.stackPointer;
  return below > 0n && below <= MAX_ABOVE ? Number(below) : undefined;
}

function eventThread({ pid, tid }: BlockedTask, view: View): number | undefined {
  const others = readTids(view.proc, pid).slice(0, MAX_THREADS);
  return others.find((other) => other !== tid && readStat(view.proc, pid, other)?.comm === EVENT_THREAD);
}

/** `libcuda.so.580.95.05`, where nothing but it and the C library stands between the thread and its semaphore. */
async function libraryOf(task: BlockedTask, view: View): Promise<string | undefined> {
  const { via, syscall } = task;
  const length = bytesBelowSemaphore(task) ?? 0;
  const stack = await view.memory(via, syscall?.stackPointer ?? 0n, length);
  const maps = stack === undefined ? undefined : await view.maps(via);
  if (stack === undefined || maps === undefined) return undefined;
  const [caller, ...others] = callersOn(stack, maps);
  return caller !== undefined && others.length === 0 && LIBCUDA.test(caller) ? caller : undefined;
}

/** The GPUs that the process computes on: it may have others open. None where that cannot be seen just now. */
async function eventMinors({ pid }: BlockedTask, tid: number, view: View): Promise<number[]> {
  const events = await readBlockedTask(view.proc, { pid, tid, kthread: false, sinceMs: 0 }, view.memory);
  if (events?.syscall === undefined) return [];
  const set = await watchedBy(events.syscall, (address, length) => view.memory(pid, address, length));
  const paths = set?.watched.map(({ fd }) => readFd(view.proc, pid, fd) ?? "") ?? [];
  return [...new Set(paths.flatMap((path) => minorOfDevice(path) ?? []))];
}
