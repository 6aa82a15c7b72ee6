/**
 * Why a process is still there after a signal that was to end it: a kind and the one detail that goes with it.
 * The sentences are the views'.
 */
import { readStat, readText } from "../kernel/procfs.ts";
import { frozenCgroup } from "../kernel/freezer.ts";
import { livingThreads, type Member } from "./member.ts";
import { KILL, type Signal } from "./signals.ts";

type SurvivalKind =
  /** Another user's; detail: the user's id. */
  | "denied"
  /** In a ptrace stop; detail: the tracer. */
  | "traced"
  /** Its cgroup is frozen; detail: the cgroup. */
  | "frozen"
  /** State D; detail: the wait channel. */
  | "uninterruptible"
  /** Killed, but not out of the kernel yet; detail: the wait channel. */
  | "exiting"
  /** What a process can do about a signal that can be caught; detail: the signal, as below. */
  | "ignores"
  | "handles"
  | "blocks"
  | "namespace_init"
  /** None of these: the signal is on its way, or the process came to be after it. */
  | "unfinished"
  /** The signal is none that ends a process. */
  | "not_ending";

export interface Survivor {
  member: Member;
  /** Of the thread that keeps it alive. */
  state: "running" | "sleeping" | "blocked" | "stopped" | "traced" | "frozen";
  kind: SurvivalKind;
  detail: string;
}

/** By the state letter; proc_pid_stat(5). */
const STATES: Record<string, Survivor["state"]> = {
  S: "sleeping",
  I: "sleeping",
  D: "blocked",
  T: "stopped",
  t: "traced",
};

/** The survivor, or undefined where the process died in the meantime. `signal` is the last that was sent. */
export function survivor(proc: string, member: Member, signal: Signal, denied: boolean): Survivor | undefined {
  const threads = livingThreads(proc, member);
  const culprit = threads.find((thread) => thread.state === "D") ?? threads[0];
  if (culprit === undefined) return undefined;
  const status = readText(`${proc}/${member.pid}/status`) ?? "";
  const state = STATES[culprit.state] ?? "running";
  const because = (kind: SurvivalKind, detail: string): Survivor => ({ member, state, kind, detail });
  const wchan = () => readText(`${proc}/${member.pid}/task/${culprit.pid}/wchan`) || "0";

  if (denied) return because("denied", field(status, "Uid").split("\t")[0] ?? "");
  if (!signal.ends) return because("not_ending", signal.name);
  if (culprit.state === "t") return because("traced", nameOf(proc, Number(field(status, "TracerPid"))));
  const cgroup = frozenCgroup(proc, member.pid);
  if (cgroup !== undefined) return { ...because("frozen", cgroup), state: "frozen" };
  if (culprit.state === "D") return because("uninterruptible", wchan());
  if (signal === KILL) return because("exiting", wchan());
  for (const [mask, kind] of [
    ["SigIgn", "ignores"],
    ["SigBlk", "blocks"],
    ["SigCgt", "handles"],
  ] as const) {
    if (isIn(field(status, mask), signal.number)) return because(kind, signal.name);
  }
  // A namespace's init gets only the signals that it has a handler for; pid_namespaces(7).
  if (field(status, "NSpid").endsWith("\t1")) return because("namespace_init", signal.name);
  return because("unfinished", signal.name);
}

function field(status: string, name: string): string {
  return new RegExp(`^${name}:\\t(.*)$`, "m").exec(status)?.[1] ?? "";
}

/** A signal mask of proc_pid_status(5), hexadecimal, bit 0 for signal 1. */
function isIn(mask: string, signal: number): boolean {
  return /^[0-9a-f]+$/.test(mask) && ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

function nameOf(proc: string, pid: number): string {
  return `${pid} (${readStat(proc, pid)?.comm ?? "?"})`;
}
