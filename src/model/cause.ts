/**
 * The kinds of root cause: for each what it means for the machine, and what can be done about it, by how much risk.
 * The sentences stand in views/; here are their keys and the commands.
 */
import type { ProcessNode } from "./nodes.ts";

export const CAUSE_KINDS = [
  "process.stopped",
  "process.traced",
  "process.frozen",
  "process.sleeping",
  "process.busy",
  "process.idle",
  "process.zombie",
  "process.deadlock",
  "lock.orphaned",
  "ipc.no_peer",
  "cpu.throttled",
  "cpu.starved",
  "memory.reclaim",
  "memory.oom",
  "storage.slow",
  "storage.throttled",
  "storage.error",
  "fs.frozen",
  "fs.unresponsive",
  "network.peer_silent",
  "network.peer_not_reading",
  "network.unreachable",
  "network.loss",
  "network.link_down",
  "gpu.error",
  "gpu.busy",
  "gpu.throttled",
  "input.terminal",
  "unknown",
] as const;
export type CauseKind = (typeof CAUSE_KINDS)[number];

export function isCauseKind(text: string): text is CauseKind {
  return Object.hasOwn(CAUSES, text);
}

export type Risk = "safe" | "disruptive" | "destructive";

export const ADVICE_KEYS = [
  "continue",
  "foreground",
  "detach",
  "end_tracer",
  "thaw",
  "wait_or_end",
  "look_closer",
  "remind_parent",
  "end_parent",
  "break_cycle",
  "restart_waiter",
  "start_peer",
  "look_at_connection",
  "look_at_route",
  "look_at_link",
  "raise_limit",
  "give_way",
  "look_at_cpu",
  "look_at_cgroup",
  "look_at_memory",
  "look_at_storage",
  "look_at_kernel_log",
  "thaw_filesystem",
  "abort_connection",
  "kill_does_not_help",
  "look_at_gpu",
  "type_there",
  "resume_output",
] as const;
export type AdviceKey = (typeof ADVICE_KEYS)[number];

export interface AdviceStep {
  key: AdviceKey;
  command: string | null;
  risk: Risk;
  /** Where to do it, where that is not just anywhere. */
  place?: string;
}

/** What a piece of advice may speak of. */
interface CauseSubject {
  entityId: string;
  /** The process that the cause is about, where there is one. */
  process: ProcessNode | undefined;
  /** The members of a deadlock. */
  members: readonly ProcessNode[];
  /** What there is to act on, where a probe told: a control file, a mount point. */
  object: string | undefined;
  /** What to write into that control file. */
  setting: string | undefined;
}

/**
 * `fault`: nothing moves until somebody acts. `slow`: it moves, but something holds it down. `harmless`: things are as
 * somebody meant them to be. `unknown`: cannot be told.
 */
export type Weight = "fault" | "slow" | "harmless" | "unknown";

interface CauseEntry {
  weight: Weight;
  advise(subject: CauseSubject): AdviceStep[];
}

const onProcess =
  (key: AdviceKey, command: (pid: number) => string, risk: Risk) =>
  ({ process }: CauseSubject): AdviceStep[] =>
    process === undefined ? [] : [{ key, command: commandOn(process, command), risk }];

const steps =
  (...makers: ((subject: CauseSubject) => AdviceStep[])[]) =>
  (subject: CauseSubject) =>
    makers.flatMap((make) => make(subject));

const plain =
  (key: AdviceKey, command: string | null, risk: Risk = "safe") =>
  (): AdviceStep[] => [{ key, command, risk }];

export const CAUSES: Record<CauseKind, CauseEntry> = {
  "process.stopped": { weight: "fault", advise: continueJob },
  "process.traced": {
    weight: "fault",
    advise: steps(
      plain("detach", null),
      onProcess("end_tracer", (pid) => `kill ${pid}`, "disruptive"),
    ),
  },
  "process.frozen": {
    weight: "fault",
    advise: ({ process, object }) => [
      { key: "thaw", command: thawCommand(object ?? freezeFile(process?.cgroup ?? "")), risk: "safe" },
    ],
  },
  "process.sleeping": {
    weight: "harmless",
    advise: onProcess("wait_or_end", (pid) => `xctl zap ${pid}`, "destructive"),
  },
  "process.busy": { weight: "harmless", advise: onProcess("look_closer", (pid) => `top -H -p ${pid}`, "safe") },
  "process.idle": { weight: "harmless", advise: () => [] },
  "process.zombie": {
    weight: "fault",
    advise: steps(
      onProcess("remind_parent", (pid) => `kill -CHLD ${pid}`, "safe"),
      onProcess("end_parent", (pid) => `kill ${pid}`, "destructive"),
    ),
  },
  "process.deadlock": { weight: "fault", advise: ({ members }) => breakCycle(members) },
  "lock.orphaned": {
    weight: "fault",
    advise: onProcess("restart_waiter", (pid) => `xctl zap ${pid}`, "destructive"),
  },
  "ipc.no_peer": { weight: "fault", advise: plain("start_peer", null) },
  "cpu.throttled": {
    weight: "slow",
    advise: steps(raiseLimit, plain("look_at_cgroup", "systemd-cgtop -b -n 2")),
  },
  "cpu.starved": { weight: "slow", advise: steps(giveWay, plain("look_at_cpu", "top -b -n 1 -H")) },
  "memory.reclaim": {
    weight: "slow",
    advise: steps(raiseLimit, plain("look_at_memory", "cat /proc/pressure/memory")),
  },
  "memory.oom": { weight: "fault", advise: steps(raiseLimit, plain("look_at_memory", "cat /proc/pressure/memory")) },
  "storage.slow": {
    weight: "slow",
    advise: steps(plain("look_at_storage", "cat /proc/pressure/io /proc/diskstats"), warnOfKill),
  },
  "storage.throttled": {
    weight: "slow",
    advise: steps(raiseLimit, plain("look_at_cgroup", "systemd-cgtop -b -n 2 -i"), warnOfKill),
  },
  "storage.error": {
    weight: "fault",
    advise: steps(plain("look_at_kernel_log", "dmesg --level=err,warn"), warnOfKill),
  },
  "fs.frozen": { weight: "fault", advise: steps(thawFileSystem, warnOfKill) },
  "fs.unresponsive": {
    weight: "fault",
    advise: steps(abortConnection, plain("look_at_storage", "cat /proc/self/mountinfo"), warnOfKill),
  },
  "network.peer_silent": {
    weight: "slow",
    advise: ({ entityId }) => [{ key: "look_at_connection", command: socketCommand(entityId), risk: "safe" }],
  },
  "network.peer_not_reading": {
    weight: "fault",
    advise: ({ entityId }) => [{ key: "look_at_connection", command: socketCommand(entityId), risk: "safe" }],
  },
  "network.unreachable": { weight: "fault", advise: plain("look_at_route", "ss -tnoi state syn-sent") },
  "network.loss": {
    weight: "slow",
    advise: ({ entityId }) => [{ key: "look_at_connection", command: socketCommand(entityId), risk: "safe" }],
  },
  "network.link_down": { weight: "fault", advise: plain("look_at_link", "ip -s link") },
  "gpu.error": { weight: "fault", advise: plain("look_at_gpu", "nvidia-smi -q -d ECC,PAGE_RETIREMENT,ROW_REMAPPER") },
  "gpu.busy": { weight: "harmless", advise: plain("look_at_gpu", "nvidia-smi pmon -c 1") },
  "gpu.throttled": { weight: "slow", advise: plain("look_at_gpu", "nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER") },
  "input.terminal": {
    weight: "harmless",
    advise: ({ entityId }) => [
      { key: entityId.startsWith("tty-output:") ? "resume_output" : "type_there", command: null, risk: "safe" },
    ],
  },
  unknown: { weight: "unknown", advise: onProcess("look_closer", (pid) => `sudo cat /proc/${pid}/stack`, "safe") },
};

/** `job:<pid of its shell>`, with `:terminal` where the terminal would stop it again. */
const JOB = /^job:(\d+)(:terminal)?$/;

/** A background job that needs its terminal is of no use continued in the background. */
function continueJob(subject: CauseSubject): AdviceStep[] {
  const proceed = onProcess("continue", (pid) => `kill -CONT ${pid}`, "safe")(subject);
  const job = JOB.exec(subject.object ?? "");
  if (job === null) return proceed;
  const place = `${subject.process?.tty ?? ""} pid ${job[1]}`.trim();
  const foreground: AdviceStep = { key: "foreground", command: "fg", risk: "safe", place };
  return job[2] === undefined ? [foreground, ...proceed] : [foreground];
}

/** Ending any member frees the others; the youngest has the least to lose. */
function breakCycle(members: readonly ProcessNode[]): AdviceStep[] {
  const youngest = members.toSorted((a, b) => (b.startMs ?? 0) - (a.startMs ?? 0) || b.pid - a.pid)[0];
  return youngest === undefined
    ? []
    : [{ key: "break_cycle", command: commandOn(youngest, (pid) => `xctl zap ${pid}`), risk: "destructive" }];
}

/** Nothing where no limit was told. */
function raiseLimit({ process, object, setting }: CauseSubject): AdviceStep[] {
  if (object === undefined || setting === undefined || process?.node !== undefined) return [];
  return [{ key: "raise_limit", command: writeCommand(setting, object), risk: "safe" }];
}

/** SCHED_IDLE yields to everybody else, from whatever policy it comes; sched(7). */
function giveWay({ process, members }: CauseSubject): AdviceStep[] {
  if (process === undefined || members.includes(process)) return [];
  const command = commandOn(process, (pid) => `sudo chrt --idle --all-tasks --pid 0 ${pid}`);
  return [{ key: "give_way", command, risk: "disruptive" }];
}

/** Anything that is written meanwhile is what a snapshot or a backup was to be without. */
function thawFileSystem({ process, object }: CauseSubject): AdviceStep[] {
  const mountPoint = object?.startsWith("/") && process?.node === undefined ? object : undefined;
  const command = mountPoint === undefined ? null : `sudo fsfreeze --unfreeze ${shellQuoted(mountPoint)}`;
  return [{ key: "thaw_filesystem", command, risk: "disruptive" }];
}

/** FUSE's control file: every request fails then, and the mount is dead. */
function abortConnection({ process, object }: CauseSubject): AdviceStep[] {
  if (object === undefined || !object.endsWith("/abort") || process?.node !== undefined) return [];
  return [{ key: "abort_connection", command: writeCommand("1", object), risk: "destructive" }];
}

/** Of a process in uninterruptible sleep: even SIGKILL is only taken when the wait is over. */
function warnOfKill({ process }: CauseSubject): AdviceStep[] {
  return process?.state === "blocked" ? [{ key: "kill_does_not_help", command: null, risk: "safe" }] : [];
}

/** None for a process of another host: run here, it would hit whoever has that pid on this one. */
function commandOn(process: ProcessNode, command: (pid: number) => string): string | null {
  return process.node === undefined ? command(process.pid) : null;
}

/** The control file: `freezer.state` of cgroup v1, `cgroup.freeze` of v2. Without one there is no command to give. */
function thawCommand(file: string | undefined): string | null {
  if (file === undefined) return null;
  return writeCommand(file.endsWith("freezer.state") ? "THAWED" : "0", file);
}

function writeCommand(setting: string, file: string): string {
  return `echo ${shellQuoted(setting)} | sudo tee ${shellQuoted(file)}`;
}

/** Where cgroup v2 is mounted by itself; the freezing cgroup may also be one above. */
function freezeFile(cgroup: string): string | undefined {
  return cgroup.startsWith("/") && cgroup !== "/" ? `/sys/fs/cgroup${cgroup}/cgroup.freeze` : undefined;
}

function socketCommand(entityId: string): string {
  const ports = [...entityId.matchAll(/:(\d{1,5})(?=-|$)/g)].map((match) => `sport = :${match[1]}`);
  return ports.length === 0 ? "ss -tnpoi" : `ss -tnpoi '( ${ports.join(" or ")} )'`;
}

/** A word as a POSIX shell takes it literally: cgroup and file names may hold anything. */
function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
