/**
 * The init of a pid namespace that has ended, but cannot go before every process of the namespace has gone: it has
 * killed them all, and waits for those that do not die. pid_namespaces(7), kernel/pid_namespace.c zap_pid_ns_processes.
 */
import { namespaceOf } from "../../../kernel/namespaces.ts";
import { readStat, readStatus } from "../../../kernel/procfs.ts";
import { held, type HeldFact } from "../fact.ts";
import { isSliceOver, letOthersIn } from "../pace.ts";
import type { View } from "../view.ts";
import { MAX_HOLDERS, waitFact, type WaitResolver } from "./resolver.ts";

export const pidNamespaceWait: WaitResolver = {
  kind: "pid namespace",
  matches: ({ exiting, kthread }) => exiting && !kthread,

  async resolve(task, view) {
    const numbers = readStatus(view.proc, task.pid)?.nsPids ?? [];
    const namespace = namespaceOf(view.proc, task.pid, "pid");
    if (numbers.length < 2 || numbers.at(-1) !== 1 || namespace === undefined) return [];
    const level = numbers.length;
    const entity = `pidns:${namespace.replace(/\D/g, "")}`;
    const facts: HeldFact[] = [];
    for (const { pid, kthread } of view.processes()) {
      if (kthread || pid === task.pid || facts.length >= MAX_HOLDERS) continue;
      if (isSliceOver()) await letOthersIn();
      const status = readStatus(view.proc, pid);
      // A process of a namespace within it has one number more.
      if (status === undefined || status.nsPids.length < level) continue;
      if (status.nsPids.length === level && namespaceOf(view.proc, pid, "pid") !== namespace) continue;
      if (status.nsPids.length > level && !isBelow(pid, task.pid, view)) continue;
      // Its own dead children it collects itself, unless they are told to a tracer first.
      const stat = readStat(view.proc, pid);
      if (stat === undefined || (stat.state === "Z" && stat.ppid === task.pid && status.tracerPid === 0)) continue;
      const observed = `NSpid: ${status.nsPids.join(" ")}, in ${namespace}`;
      facts.push(held(entity, pid, "child", { source: `/proc/${pid}/status`, observed }));
    }
    // Nobody is left: then it is held up by something else.
    if (facts.length === 0) return [];
    return [waitFact(task, "pid_namespace", entity), ...facts];
  },
};

const MAX_DEPTH = 64;

/** Of a namespace within, its own init is a descendant of the outer one's. */
function isBelow(pid: number, ancestor: number, view: View): boolean {
  let at = pid;
  for (let depth = 0; depth < MAX_DEPTH && at > 1; depth++) {
    if (at === ancestor) return true;
    at = readStat(view.proc, at)?.ppid ?? 0;
  }
  return false;
}
