/**
 * The kinds of root cause: for each what it means for the machine, and what can be done about it, by how much risk.
 * The sentences stand in views/; here are their keys and the commands.
 */
import { CONNTRACK } from "./entity.ts";
import type { ProcessNode } from "./nodes.ts";
import { STORAGE_STEPS, storageErrorHead, type StorageErrorHead } from "./storage-errors.ts";
import { gpuErrorEntry } from "./xid.ts";

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
  "restart_job",
  "restart_waiter",
  "start_peer",
  "look_at_connection",
  "make_conntrack_room",
  "look_at_route",
  "look_at_link",
  "set_link_up",
  "raise_limit",
  "give_way",
  "look_at_cpu",
  "look_at_cgroup",
  "look_at_memory",
  "look_at_storage",
  "look_at_kernel_log",
  "look_at_disk",
  "replace_disk",
  "free_space",
  "free_inodes",
  "check_file_system",
  "thaw_filesystem",
  "abort_connection",
  "kill_does_not_help",
  "recover_gpu",
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
  /** The wait's kind or the error's text. */
  detail: string;
}

/**
 * `fault`: nothing moves until somebody acts. `slow`: it moves, but something holds it down. `harmless`: things are as
 * somebody meant them to be. `unknown`: cannot be told.
 */
export type Weight = "fault" | "slow" | "harmless" | "unknown";

interface CauseEntry {
  weight: Weight;
  /** Where one of these is known of the same process, this one follows from it and is not told. */
  symptomOf?: readonly CauseKind[];
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
    symptomOf: ["storage.error"],
    advise: steps(onStorage("SLOW"), warnOfKill),
  },
  "storage.throttled": {
    weight: "slow",
    advise: steps(raiseLimit, plain("look_at_cgroup", "systemd-cgtop -b -n 2 -i"), warnOfKill),
  },
  "storage.error": {
    weight: "fault",
    advise: steps(onStorage("IO_ERROR"), warnOfKill),
  },
  "fs.frozen": { weight: "fault", advise: steps(thawFileSystem, warnOfKill) },
  "fs.unresponsive": {
    weight: "fault",
    advise: steps(abortConnection, plain("look_at_storage", "cat /proc/self/mountinfo"), warnOfKill),
  },
  "network.peer_silent": {
    weight: "slow",
    symptomOf: ["network.link_down", "network.unreachable", "network.loss"],
    advise: ({ entityId }) => [{ key: "look_at_connection", command: socketCommand(entityId), risk: "safe" }],
  },
  "network.peer_not_reading": {
    weight: "fault",
    symptomOf: ["network.link_down", "network.unreachable"],
    advise: ({ entityId }) => [{ key: "look_at_connection", command: socketCommand(entityId), risk: "safe" }],
  },
  "network.unreachable": {
    weight: "fault",
    symptomOf: ["network.link_down"],
    advise: plain("look_at_route", "ss -tnoi state syn-sent"),
  },
  "network.loss": {
    weight: "slow",
    symptomOf: ["network.link_down", "network.unreachable"],
    advise: ({ entityId }) =>
      entityId === CONNTRACK
        ? [{ key: "make_conntrack_room", command: CONNTRACK_COMMAND, risk: "safe" }]
        : [{ key: "look_at_connection", command: socketCommand(entityId), risk: "safe" }],
  },
  "network.link_down": { weight: "fault", advise: steps(lookAtLink, setLinkUp) },
  "gpu.error": {
    weight: "fault",
    advise: steps(lookAtGpu("nvidia-smi -q -d ECC,PAGE_RETIREMENT,ROW_REMAPPER", "dmesg --level=err,warn"), recoverGpu),
  },
  "gpu.busy": {
    weight: "harmless",
    symptomOf: ["gpu.error", "gpu.throttled"],
    advise: lookAtGpu("nvidia-smi pmon -c 1", (card) => `cat ${card}/gpu_busy_percent`),
  },
  "gpu.throttled": {
    weight: "slow",
    symptomOf: ["gpu.error"],
    advise: lookAtGpu(
      "nvidia-smi -q -d PERFORMANCE,TEMPERATURE,POWER",
      (card) => `grep -H . ${card}/hwmon/hwmon*/temp*`,
    ),
  },
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

/** An interface, or an RDMA port (`mlx5_0/1`). One that is gone can only be missed in the list of all. */
function lookAtLink({ entityId, process, object, detail }: CauseSubject): AdviceStep[] {
  const isRdma = /^[^:/]+\/\d+$/.test(entityId);
  const isThere = object !== undefined && !detail.startsWith("REMOVED");
  const command = isThere ? `ip -s link show dev ${shellQuoted(object)}` : "ip -s link";
  return [
    {
      key: "look_at_link",
      command: isRdma ? `rdma link show ${shellQuoted(entityId)}` : inNamespaceOf(entityId, process, command),
      risk: "safe",
    },
  ];
}

/** Somebody may have set it down for a reason. */
function setLinkUp({ entityId, process, object, detail }: CauseSubject): AdviceStep[] {
  if (object === undefined || !detail.startsWith("ADMIN_DOWN") || process?.node !== undefined) return [];
  const command = inNamespaceOf(entityId, process, `ip link set dev ${shellQuoted(object)} up`);
  const asRoot = command === null || command.startsWith("sudo ") ? command : `sudo ${command}`;
  return [{ key: "set_link_up", command: asRoot, risk: "disruptive" }];
}

/** `netns-4026532281/eth0` is an interface of the process's network namespace, not of ours. */
function inNamespaceOf(entityId: string, process: ProcessNode | undefined, command: string): string | null {
  if (!entityId.startsWith("netns-")) return command;
  return process === undefined ? null : commandOn(process, (pid) => `sudo nsenter --net --target ${pid} ${command}`);
}

/** SCHED_IDLE yields to everybody else, from whatever policy it comes; sched(7). */
function giveWay({ process, members }: CauseSubject): AdviceStep[] {
  if (process === undefined || members.includes(process)) return [];
  const command = commandOn(process, (pid) => `sudo chrt --idle --all-tasks --pid 0 ${pid}`);
  return [{ key: "give_way", command, risk: "disruptive" }];
}

/** By what failed; `otherwise`: where that is not told, as by the wait itself or by another program. */
function onStorage(otherwise: StorageErrorHead): (subject: CauseSubject) => AdviceStep[] {
  return ({ process, object, detail }) =>
    STORAGE_STEPS[storageErrorHead(detail) ?? otherwise].flatMap(({ key, command, commandFor, disrupts = false }) => {
      const place = object?.startsWith("/") ? shellQuoted(object) : undefined;
      if (commandFor !== undefined && place === undefined) return [];
      const told = place === undefined ? command : (commandFor?.(place) ?? command);
      const isHere = process?.node === undefined;
      return [{ key, command: isHere ? (told ?? null) : null, risk: disrupts ? "disruptive" : "safe" }];
    });
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

/** NVIDIA's tool sees NVIDIA's GPUs; the others are `gpu-card0` by the kernel's name. */
function lookAtGpu(nvidia: string, other: string | ((folder: string) => string)) {
  return ({ entityId }: CauseSubject): AdviceStep[] => {
    const card = /^gpu-(card\d{1,4})$/.exec(entityId)?.[1];
    const elsewhere = typeof other === "string" ? other : other(`/sys/class/drm/${card}/device`);
    return [{ key: "look_at_gpu", command: card === undefined ? nvidia : elsewhere, risk: "safe" }];
  };
}

/** What the vendor advises after such an error; nothing where nobody knows it. A reset takes what runs there along. */
function recoverGpu({ detail, object, process }: CauseSubject): AdviceStep[] {
  const action = gpuErrorEntry(detail)?.action;
  if (action === undefined) return [];
  if (action !== "reset_gpu") {
    return [{ key: "recover_gpu", command: null, risk: action === "restart_machine" ? "destructive" : "safe" }];
  }
  const canBeNamed = object !== undefined && /^GPU-[\w-]+$/.test(object) && process?.node === undefined;
  const command = canBeNamed ? `sudo nvidia-smi --gpu-reset --id=${object}` : null;
  return [{ key: "recover_gpu", command, risk: "destructive" }];
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

const CONNTRACK_COMMAND = "sysctl net.netfilter.nf_conntrack_count net.netfilter.nf_conntrack_max";

function socketCommand(entityId: string): string {
  const ports = [...entityId.matchAll(/:(\d{1,5})(?=-|$)/g)].map((match) => `sport = :${match[1]}`);
  return ports.length === 0 ? "ss -tnpoi" : `ss -tnpoi '( ${ports.join(" or ")} )'`;
}

/** A word as a POSIX shell takes it literally: cgroup and file names may hold anything. */
function shellQuoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
