/** What xctl says, in English. zh.ts says the same; the types and a test hold the two together. */
import type { AdviceKey, CauseKind, Risk } from "../../model/cause.ts";
import type { Verdict } from "../../model/documents.ts";
import type { Certainty } from "../../model/nodes.ts";
import { ALL_ALIKE, RANK_GONE } from "../../model/why-job.ts";
import { gpu } from "./en-gpu.ts";
import { diag } from "./en-diag.ts";
import { help } from "./en-help.ts";
import { machine } from "./en-machine.ts";
import { report, rules } from "./en-report.ts";
import { storageErrors } from "./en-storage.ts";
import { mcp } from "./en-mcp.ts";
import { zap } from "./en-zap.ts";
import { gpuActionText, gpuErrorText } from "./gpu-error.ts";
import { storageErrorText } from "./storage-error.ts";

/** What a sentence about a cause may speak of; every text in it is safe to print. */
export interface CauseParts {
  /** The process that the cause is about. */
  who: string;
  /** The process that must act. */
  actor: string | null;
  /** Of a deadlock: the circle. */
  members: string[];
  /** The threads that matter, beside the main one. */
  tids: number[];
  /** The resource's id. */
  entity: string;
  /** What failed, in the words of whoever reported it. */
  detail: string;
  /** What `who` waits for, as a predicate: "reads from an empty pipe". */
  wait: string | null;
  /** A lock that `who` has and others want. */
  held: string | null;
  /** Where advice is to be followed: "pts/3 pid 14". */
  place: string | null;
}

const holding = (held: string | null) => (held === null ? "" : `, and holds ${held} meanwhile`);
const of = (detail: string) => (detail === "" ? "" : `: ${detail}`);

export const en = {
  units: {
    seconds: (seconds: string) => `${seconds} s`,
    minutes: (minutes: number, seconds: number) => `${minutes}m${seconds}s`,
    hours: (hours: number, minutes: number) => `${hours}h${minutes}m`,
    days: (days: number, hours: number) => `${days}d${hours}h`,
  },
  names: {
    process: (comm: string, pid: number) => (comm === "" ? `process ${pid}` : `${comm} (${pid})`),
    thread: (owner: string, tid: number) => `${owner} thread ${tid}`,
    onNode: (name: string, node: string) => `${name} on ${node}`,
  },
  /** How a process ended; `by` is who sent the signal. */
  ended: {
    status: (status: number) => `exited with status ${status}`,
    signal: (signal: string, by: string | null) => `killed by ${signal}${by === null ? "" : ` from ${by}`}`,
    oomKiller: "the OOM killer",
    kernel: "the kernel",
    itself: "itself",
  },
  endedSo: (who: string, how: string) => `${who} has ended: ${how}.`,
  /** `time` is a duration, or null where it is not known. */
  verdicts: {
    blocked: (who, time) => (time === null ? `${who} is blocked.` : `${who} has been blocked for ${time}.`),
    stopped: (who, time) => (time === null ? `${who} is stopped.` : `${who} has been stopped for ${time}.`),
    starved: (who, time) => (time === null ? `${who} gets no CPU.` : `${who} has got no CPU for ${time}.`),
    running: (who) => `${who} is running. Nothing holds it up.`,
    idle: (who) => `${who} is idle. Nothing is wrong.`,
    exited: (who) => `${who} has ended.`,
    unknown: (who, time) =>
      time === null
        ? `xctl cannot tell whether ${who} is stuck.`
        : `xctl cannot tell whether ${who} is stuck. It has waited for ${time}.`,
  } satisfies Record<Verdict, (who: string, time: string | null) => string>,
  verdictWords: {
    blocked: "blocked",
    stopped: "stopped",
    starved: "starved",
    running: "running",
    idle: "idle",
    exited: "ended",
    unknown: "unknown",
  } satisfies Record<Verdict, string>,
  certainties: {
    observed: "observed",
    derived: "derived",
    inferred: "inferred",
    unknown: "not certain",
  } satisfies Record<Certainty, string>,
  risks: {
    safe: "safe",
    disruptive: "disruptive: interrupts work",
    destructive: "destructive: work may be lost",
  } satisfies Record<Risk, string>,
  /** By a wait's kind. */
  waits: {
    "pipe.read": "reads from an empty pipe",
    "pipe.write": "writes to a full pipe",
    "fifo.open": "opens a named pipe and waits for its other end",
    "unix.recv": "waits for data on a unix socket",
    "unix.send": "waits to send on a unix socket that is full",
    "unix.connect": "waits for a unix socket's server to accept it",
    "unix.accept": "waits for a connection on a unix socket",
    "tcp.recv": "waits for data on a TCP connection",
    "tcp.send": "waits to send on a TCP connection that is full",
    "tcp.connect": "waits for an answer to its TCP connect",
    "tcp.accept": "waits for a TCP connection",
    "udp.recv": "waits for a UDP packet",
    "udp.send": "waits to send a UDP packet",
    "mqueue.recv": "waits for a message on a POSIX queue",
    "mqueue.send": "waits for room in a POSIX message queue",
    "sysv.recv": "waits for a message on a System V queue",
    "sysv.send": "waits for room in a System V message queue",
    "sysv.sem": "waits for a System V semaphore",
    "netlink.recv": "waits for a message of the kernel (netlink)",
    flock: "waits for a file lock (flock)",
    posix_lock: "waits for a file lock (POSIX)",
    ofd_lock: "waits for a file lock (OFD)",
    lease: "waits until a file lease is given back",
    futex: "waits for a lock or for another thread (futex)",
    collective: "waits in a collective for a rank that is not in it",
    "thread.join": "waits for one of its threads to end",
    thread: "may hang on another of its threads",
    child: "waits for a child to end",
    vfork: "waits until its child starts a program (vfork)",
    pid_namespace: "has ended, and waits for the last processes of its pid namespace",
    sleep: "sleeps on a timer of its own",
    "tty.read": "waits for someone to type",
    "tty.write": "waits until its terminal takes its output",
    "pty.read": "waits for output of the programs on a terminal",
    "pty.write": "waits until the programs on a terminal take its input",
    epoll: "waits for events (epoll)",
    poll: "waits for events (poll)",
    select: "waits for events (select)",
    signal: "waits for a signal",
    signalfd: "waits for a signal (signalfd)",
    inotify: "waits for a file to change (inotify)",
    eventfd: "waits to be woken (eventfd)",
    timerfd: "waits for a timer (timerfd)",
    "kernel.unknown": "waits for something that could not be seen",
    "kernel.idle": "has nothing to do",
    "cpu.quota": "waits until its cgroup may use a CPU again",
    "cpu.runqueue": "waits for a CPU",
    "gpu.sync": "waits until a GPU is done with its work",
    "gpu.driver": "waits inside the driver of a GPU",
    "gpu.events": "waits for events of a GPU",
    "memory.oom": "waits until its cgroup has memory again",
    "memory.reclaim": "waits until memory is freed",
    "block.io": "waits for a block device",
    journal: "waits until a file system's journal is written",
    "fs.freeze": "waits to write to a file system that is frozen",
    "fs.remote": "waits for the server of a network file system",
    "fuse.request": "waits for the server of a FUSE file system",
    "fuse.serve": "waits for requests to its file system (FUSE)",
    mmap_lock: "waits for a memory map that is locked",
    inode_lock: "waits until another is done with the same file",
    kernel_lock: "waits for a lock inside the kernel",
    IO_WAIT: "waits for data to move",
    "transport.drop": "loses packets",
  },
  waitInCall: (call: string) => `waits in the system call ${call}`,
  waitInKernel: (place: string) => `waits in the kernel, in ${place}`,
  waitOther: (kind: string) => `waits (${kind})`,
  uses: "uses",
  error: "error",
  closesCircle: "the circle closes here",
  roles: {
    owner: "owner",
    writer: "writer",
    reader: "reader",
    peer: "other end",
    server: "server",
    child: "child",
    tracer: "tracer",
    thread: "thread",
    parent: "parent",
  },
  causes: {
    "process.stopped": ({ who }) => `${who} is stopped by a signal. It goes on only when it gets SIGCONT.`,
    "process.traced": ({ who, actor }) =>
      actor === null
        ? `${who} is held by a debugger or tracer.`
        : `${who} is held by its debugger or tracer, ${actor}.`,
    "process.frozen": ({ who }) => `${who} is frozen: its cgroup was frozen and nobody has thawed it.`,
    "process.sleeping": ({ who, held }) => `${who} sleeps on a timer of its own${holding(held)}.`,
    "process.busy": ({ who, wait, held }) =>
      wait === null
        ? `${who} is at its own work on a CPU${holding(held)}.`
        : `${who} is at its own work; just now it ${wait}${holding(held)}.`,
    "process.idle": ({ who, wait, held }) =>
      `${who} ${wait ?? "waits for new work"}, as it does while there is nothing to do${holding(held)}.`,
    "process.zombie": ({ who, actor }) =>
      `${who} is dead, but ${actor ?? "its parent"} has not collected its exit status.`,
    "process.deadlock": ({ members, tids }) => {
      if (members.length > 1)
        return `${list(members)} wait for each other in a circle, so none of them can ever go on.`;
      return tids.length === 0
        ? `${members[0]} waits for itself, so it can never go on.`
        : `Threads of ${members[0]} wait for each other in a circle, so none of them can ever go on.`;
    },
    "lock.orphaned": ({ who, entity }) =>
      `${who} waits for ${entity}, whose owner is gone without releasing it. Nobody is left who could.`,
    "ipc.no_peer": ({ who, entity, detail }) =>
      detail === RANK_GONE
        ? `${who} is gone, and the other ranks cannot go on without it.`
        : `${who} waits on ${entity}, but nobody has the other end open.`,
    "cpu.throttled": ({ who }) => `The cgroup of ${who} has used up its CPU quota.`,
    "cpu.starved": ({ who, actor }) =>
      `${who} wants to run, but ${actor ?? "others"} ${actor === null ? "have" : "has"} the CPU.`,
    "memory.reclaim": ({ who }) => `${who} waits until memory is reclaimed or swapped.`,
    "memory.oom": ({ who }) => `The memory cgroup of ${who} is full, and nothing in it may be killed.`,
    "storage.slow": (parts) => storageErrorText(storageErrors, parts) ?? `${parts.entity} answers slowly.`,
    "storage.throttled": ({ who }) => `The cgroup of ${who} has reached its I/O limit.`,
    "storage.error": (parts) =>
      storageErrorText(storageErrors, parts) ?? `${parts.entity} reports an error${of(parts.detail)}.`,
    "fs.frozen": ({ entity }) => `The file system ${entity} is frozen.`,
    "fs.unresponsive": ({ entity }) => `The server of the file system ${entity} does not answer.`,
    "network.peer_silent": ({ entity }) => `The other end of ${entity}, out of xctl's sight, sends nothing.`,
    "network.peer_not_reading": ({ entity }) => `The other end of ${entity}, out of xctl's sight, does not read.`,
    "network.unreachable": ({ entity }) => `Nobody answers at the other end of ${entity}.`,
    "network.loss": ({ entity, detail }) => `${entity} loses packets${of(detail)}.`,
    "network.link_down": ({ entity, detail }) => {
      if (detail.startsWith("ADMIN_DOWN")) return `The interface ${entity} has been set down.`;
      if (!detail.startsWith("REMOVED")) return `The interface ${entity} is down: it has no link.`;
      return `The interface ${entity} is gone: unplugged, deleted or moved to another network namespace.`;
    },
    "gpu.error": ({ entity, detail }) =>
      gpuErrorText(gpu, entity, detail) ?? `The GPU ${entity} reports an error${of(detail)}.`,
    "gpu.busy": ({ who, entity }) => `${who} waits for ${entity}, which is computing.`,
    "gpu.throttled": ({ entity }) => `Heat or power holds down the clocks of ${entity}.`,
    "input.terminal": ({ who, entity, detail }) =>
      detail === "tty.write"
        ? `${who} cannot write to ${entity}: its output is stopped, as by Ctrl-S.`
        : `${who} waits for someone to type at ${entity}.`,
    unknown: ({ who, wait, detail, members }) =>
      detail === ALL_ALIKE
        ? `All ${members.length} ranks wait, each in the same way. Which of them the others wait for could not be seen.`
        : wait === null
          ? `What ${who} waits for could not be seen.`
          : `${who} ${wait}. Who would end this wait could not be seen.`,
  } satisfies Record<CauseKind, (parts: CauseParts) => string>,
  advice: {
    continue: ({ who }) => `Let ${who} go on.`,
    foreground: ({ who, place }) =>
      `Type fg in the shell that ${who} was started from (${place ?? "on its terminal"}). As a background job it is stopped whenever it needs the terminal.`,
    detach: ({ actor, who }) => `Let ${actor ?? "the tracer"} continue or detach from ${who}, in gdb with "detach".`,
    end_tracer: ({ actor }) => `Or end ${actor ?? "the tracer"}; what it traced then goes on.`,
    thaw: () => "Thaw the cgroup.",
    wait_or_end: ({ who }) => `Wait until ${who} wakes up, or end it.`,
    look_closer: ({ who }) => `Look closer at ${who}.`,
    remind_parent: ({ actor }) => `Remind ${actor ?? "the parent"} that a child has ended.`,
    end_parent: ({ actor }) => `Or end ${actor ?? "the parent"}; init then collects the child.`,
    break_cycle: ({ members }) =>
      members.length === 1
        ? `End ${members[0]}; nothing else lets it go on.`
        : "End the youngest of them, which has the least to lose. The others then go on.",
    restart_job: ({ who }) => `Find out why ${who} ended, then start the job again.`,
    restart_waiter: ({ who }) => `End ${who} and start it again.`,
    start_peer: ({ entity }) =>
      `Start the program that belongs at the other end of ${entity}, or end the one that waits.`,
    look_at_connection: () => "See what the kernel knows of this connection.",
    make_conntrack_room: () =>
      "See how full the table of tracked connections is, and raise net.netfilter.nf_conntrack_max.",
    look_at_route: () => "See which connects get no answer; a firewall or a dead host is likely.",
    look_at_link: () => "See the state of the interface, then its cable and its other end.",
    set_link_up: () => "Set it up again, unless it is down for a reason.",
    raise_limit: () => "Raise the limit of the cgroup.",
    give_way: ({ actor }) => `Let ${actor ?? "who has the CPU"} give way to all others.`,
    look_at_cpu: () => "See who has the CPU.",
    look_at_cgroup: () => "See what the cgroups use, then raise the limit or lower the load.",
    look_at_memory: () => "See how short memory is.",
    look_at_storage: () => "See which storage is slow or does not answer.",
    look_at_kernel_log: () => "See what the kernel says of the device.",
    look_at_disk: () => "See what the disk says of its own health (SMART).",
    replace_disk: () => "See which disk the array lacks, and put another in its place.",
    free_space: () => "See what takes the space, and delete or move some of it, or make the file system larger.",
    free_inodes: () => "See where the files are that take the inodes, and delete some of them.",
    check_file_system: () => "Save what matters, then unmount the file system, check it with fsck, and mount it again.",
    thaw_filesystem: ({ entity }) => `Thaw the file system ${entity}, unless a snapshot or backup of it is being made.`,
    abort_connection: ({ entity }) =>
      `Or give up the file system ${entity}: abort its connection. Whoever uses it then gets an error.`,
    kill_does_not_help: ({ who }) =>
      `Do not count on killing ${who}: in such a wait SIGKILL may take effect only when the wait is over.`,
    recover_gpu: ({ detail }) => gpuActionText(gpu, detail) ?? "Ask the vendor's support about the GPU.",
    look_at_gpu: () => "See what the driver says of the GPU.",
    type_there: ({ entity }) => `Type at ${entity} what it waits for.`,
    resume_output: ({ entity }) => `Press Ctrl-Q at ${entity}, so that it shows output again.`,
  } satisfies Record<AdviceKey, (parts: CauseParts) => string>,
  /** By the code of what could not be seen. */
  blindSpots: {
    syscall: "System calls of other users' processes are shown to root only. Run xctl as root to see them.",
    fds: "Open files of other users' processes are shown to root only. Run xctl as root to see them.",
    stack: "Kernel stacks are readable by root only. Run xctl as root to see them.",
    peers: "The other ends of some sockets could not be found. Run xctl as root to see more.",
    locks: "The holders of some file locks could not be seen. Run xctl as root to see them.",
    memory: "The memory behind a lock could not be read, so its owner is not known. Run xctl as root to see it.",
    processes: "Other users' processes are hidden (/proc is mounted with hidepid). Run xctl as root to see them.",
    environ: "The environment of other users' processes is shown to root only. Run xctl as root to see their ranks.",
    cmdline: "A command line could not be read; that of a process whose memory is locked never answers.",
    truncated: "There are very many waits here. Only those nearest to the process were followed.",
  },
  blindSpotOther: (code: string) => `Could not be seen: ${code}.`,
  why: {
    rootCause: "root cause: ",
    noRootCause: "root cause not found: ",
    /** Follows a sentence. `certainty` is left out where the kernel says so itself. */
    sure: (percent: number, certainty: string | null) =>
      ` (${percent}% sure${certainty === null ? "" : `, ${certainty}`})`,
    labelled: (label: string, text: string) => `${label}: ${text}`,
    whatToDo: "What to do",
    alsoPossible: "Also possible",
    notSeen: "Not seen",
    nothingStuck: "Nothing is stuck.",
    summary: (causes: number, victims: number) =>
      `${count(victims, "process is", "processes are")} stuck, for ${count(causes, "reason", "reasons")}.`,
    summaryOfAll: (causes: number, victims: number) =>
      `${count(victims, "process waits", "processes wait")}, for ${count(causes, "reason", "reasons")}; the harmless are listed too.`,
    stuck: "Stuck on it",
    andMore: (more: number) => `and ${more} more`,
    jobFine: (job: string) => `Job ${job}: no rank is stuck.`,
    jobStuck: (job: string, stuck: number, all: number) =>
      `Job ${job}: ${stuck} of ${count(all, "rank", "ranks")} stuck.`,
    /** `ranks` are `many` numbers, as a list. */
    jobHeldUp: (job: string, many: number, ranks: string, heldUp: number, all: number) =>
      `Job ${job}: ${many === 1 ? "rank" : "ranks"} ${ranks} ${many === 1 ? "holds" : "hold"} up ${heldUp} of ${all} ` +
      `ranks.`,
    jobWaitsFor: (job: string, many: number, ranks: string) =>
      `Job ${job}: the others wait for ${many === 1 ? "rank" : "ranks"} ${ranks}.`,
    jobLost: (job: string, many: number, ranks: string) =>
      `Job ${job}: it has lost ${many === 1 ? "rank" : "ranks"} ${ranks}.`,
    jobLauncher: (job: string) => `Job ${job}: what started its ranks is stuck.`,
    jobEnded: (job: string) => `Job ${job}: it has ended.`,
    jobAlike: (job: string) => `Job ${job}: all ranks wait, and xctl cannot tell for which.`,
    standings: {
      culprit: "holds the others up",
      held_up: "waits for it",
      running: "runs",
      gone: "is gone",
    },
    tendency: (rank: string, percent: number, samples: number, longest: string) =>
      `Most waited for lately: rank ${rank}. In ${percent}% of the last ${samples} samples the others waited while it ` +
      `worked, for ${longest} at the longest.`,
  },
  ps: {
    more: (more: number) => `+${more} more`,
    stale: (resource: string) => `${resource} (stale)`,
  },
  status: {
    daemon: (version: string, node: string) => `xctl ${version} on ${node}`,
    uptime: "uptime",
    memory: "memory",
    events: "events",
    rejected: "rejected",
    graph: "graph",
    edges: "edges",
    sampler: "sampler",
    lost: "eBPF records lost",
    received: (received: number, applied: number, rejected: number, dropped: number) =>
      `${received} received, ${applied} applied, ${rejected} rejected, ${dropped} dropped`,
    nodes: (processes: number, resources: number, errors: number) =>
      `${count(processes, "process", "processes")}, ${count(resources, "resource", "resources")}, ${count(errors, "error", "errors")}`,
    samples: (backend: string, tasks: number, lastMs: string, intervalMs: number) =>
      `${backend}, ${count(tasks, "thread", "threads")} in ${lastMs} ms, every ${intervalMs} ms`,
    recording: "recording",
    recorded: (file: string, written: number, dropped: number) =>
      `${file}, ${count(written, "event", "events")}${dropped === 0 ? "" : `, ${dropped} dropped`}`,
    noProbes: "No probes.",
    probe: {
      starting: "starting",
      running: "running",
      waiting: "restarting",
      failed: "failed",
      stopped: "stopped",
    },
  },
  doctor: {
    allFine: "This machine allows all that xctl can use.",
    someMissing: (missing: number) => `${count(missing, "thing is", "things are")} missing. The rest works without.`,
    enable: "to enable it:",
  },
  cli: {
    error: (message: string) => `error: ${message}`,
    daemonUnreachable: (port: number) => `cannot reach the daemon (port ${port})`,
    startDaemon: "start it first: xctl run",
    noCommand: "no command given",
    seeHelp: "see xctl --help",
    unknownCommand: (name: string) => `no such command: ${name}`,
    unknownOption: (name: string) => `no such option: ${name}`,
    missingArgument: (name: string) => `missing argument: ${name}`,
    missingValue: (flags: string) => `missing value: ${flags}`,
    tooManyArguments: (given: string) => `too many arguments: ${given}`,
    didYouMean: (names: string) => `did you mean ${names}?`,
    cannotWrite: (why: string) => `cannot write the output: ${why}`,
    defect: "this is a defect of xctl; please report it",
    noSuchProcess: (pid: number) => `no such process: ${pid}`,
    listAll: "all of them: xctl ps --all",
    flightNeedsJob: "--flight-recorder goes with a PID or with --job",
    flightNoRank: (pid: number) => `process ${pid} is no rank of a job: the dumps say nothing of it`,
    noDumps: (folder: string) => `no dump of a flight recorder in ${folder}`,
    refusedDump: (file: string, reason: string) => `${file} is left out: ${reason}`,
    noSuchJob: (job: string) => `no such job: ${job}`,
    listJobs: "the jobs there are: xctl ps",
    nothingActive: "No active processes. All of them: xctl ps --all",
    refusedLines: (lines: number) =>
      `${count(lines, "line is not an event and was", "lines are no events and were")} left out`,
    refusedBecause: (lines: number, reason: string) => `${count(lines, "line was", "lines were")} refused: ${reason}`,
    badPid: (text: string) => `not a process id: ${text}`,
    findPid: "a number, as xctl ps shows it",
    badPort: (text: string) => `not a port: ${text}`,
    portRange: "a number from 0 to 65535",
    badDuration: (text: string) => `not a duration that can be used here: ${text}`,
    durationRange: (minMs: number, maxMs: number) => `such as 500ms, 2s or 1m, from ${minMs} ms to ${maxMs} ms`,
    badEventType: (text: string) => `no such event type: ${text}`,
    badShell: (text: string) => `no completion for this shell: ${text}`,
    pidOrJob: "give a PID or --job, not both",
  },
  zap,
  diag,
  help,
  machine,
  mcp,
  report,
  rules,
};

export type Sentences = typeof en;

function list(items: readonly string[]): string {
  return items.length < 2 ? items.join("") : `${items.slice(0, -1).join(", ")} and ${items.at(-1)}`;
}

function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
