/** A process's state out of its threads' state letters. Sources: proc_pid_stat(5), fs/proc/array.c task_state_array. */
import type { ProcessSample } from "./task.ts";

export type TaskState = "running" | "sleeping" | "blocked" | "stopped" | "traced" | "frozen" | "zombie";

const BY_LETTER: Readonly<Record<string, TaskState>> = {
  R: "running",
  S: "sleeping",
  // Idle kernel threads (I) and parked ones (P) sleep, though uninterruptibly.
  I: "sleeping",
  P: "sleeping",
  D: "blocked",
  T: "stopped",
  t: "traced",
  Z: "zombie",
  X: "zombie",
};

/** What the rest of a process is called by when its main thread has ended: the first of these that one of them is. */
const BY_WEIGHT: readonly TaskState[] = ["blocked", "traced", "stopped", "sleeping"];

/** The main thread's state, except that one running thread makes the process `running`. */
export function stateOf(sample: Pick<ProcessSample, "state" | "tasks">): TaskState {
  const main = taskState(sample.state);
  const others = new Set(sample.tasks.map((task) => taskState(task.state)));
  if (main === "running" || others.has("running")) return "running";
  if (main !== "zombie") return main;
  return BY_WEIGHT.find((state) => others.has(state)) ?? "zombie";
}

/** The letter that /proc shows for it, for the evidence. */
export function letterOf(state: TaskState): string {
  return Object.keys(BY_LETTER).find((letter) => BY_LETTER[letter] === state) as string;
}

function taskState(letter: string): TaskState {
  return BY_LETTER[letter] ?? "sleeping";
}
