/** What is said of a case as a whole, and of rules that cannot be read, in English. */
import type { CauseKind } from "../../model/cause.ts";
import type { ProblemCode } from "./rule-problems.ts";

export const report = {
  /** One step of the chain, as a part of a sentence: who waits, for what, and who has that. */
  waits: (who: string, wait: string, thing: string | null) => `${who} ${wait}${thing === null ? "" : `: ${thing}`}`,
  heldBy: (who: string, wait: string, thing: string | null, role: string, holder: string) =>
    `${who} ${wait}${thing === null ? "" : ` (${thing})`}; the ${role} is ${holder}`,
  holds: (holder: string, role: string, thing: string) => `${holder} is the ${role} of ${thing}`,
  uses: (who: string, thing: string) => `${who} uses ${thing}`,
  fails: (thing: string, what: string) => `${thing} reports ${what}`,
  more: (hops: number) => `… and so on, over ${hops} more ${hops === 1 ? "step" : "steps"}`,
  /** `certainty`: how it is known, where the kernel does not say so itself. */
  sentence: (part: string, certainty: string | null) => `${part}${certainty === null ? "" : ` (${certainty})`}.`,
  noCause: () => "What it waits for could not be seen, so no cause can be named.",
  /** What keeps it from happening again, by the kind of root cause. */
  prevention: {
    "process.stopped": ["Run long jobs under a supervisor, not as background jobs of a terminal."],
    "process.traced": [
      "Use tools that do not stop the process, such as py-spy with --nonblocking, on jobs that matter.",
    ],
    "process.frozen": ["Let whatever freezes cgroups thaw them by a timer, also where it fails half-way."],
    "process.zombie": ["Collect children where SIGCHLD comes, or run containers with an init (docker run --init)."],
    "process.deadlock": ["Take locks in one order everywhere, and drain a pipe while you write to the other one."],
    "lock.orphaned": [
      "Use robust mutexes for shared memory, and start processes by spawn, not by fork beside threads.",
    ],
    "ipc.no_peer": ["Let the one side notice that the other has gone: close unused ends, and wait with a time-out."],
    "cpu.throttled": [
      "Set the CPU quota by what the job uses at its peak, and the number of its threads by the quota.",
    ],
    "cpu.starved": ["Keep competing jobs apart by cpusets or CPU weights, and real-time priority for what needs it."],
    "memory.reclaim": ["Leave room between what the job uses at its peak and its memory limit."],
    "memory.oom": [
      "Leave room between what the job uses at its peak and its memory limit, and let the OOM killer act.",
    ],
    "storage.slow": ["Watch the latency of the device, and keep heavy writers on devices of their own."],
    "storage.throttled": ["Set I/O limits by what the job needs, and watch them beside the job's progress."],
    "storage.error": ["Watch the health of the disks (SMART, NVMe), and replace one at its first errors."],
    "fs.frozen": ["Let whatever freezes file systems thaw them by a timer, also where it fails half-way."],
    "fs.unresponsive": ["Watch the server of the file system, and mount so that a dead one gives an error in the end."],
    "network.peer_silent": ["Use keep-alives and time-outs, so that a peer that is gone is noticed."],
    "network.peer_not_reading": ["Watch the queues of receivers, and send with a time-out."],
    "network.unreachable": ["Check the way between all hosts of a job before it starts, and connect with a time-out."],
    "network.loss": ["Watch retransmissions and drops of the fabric, and test links before they come into use."],
    "network.link_down": ["Watch the state of the links, and use bonds or several rails where a job must survive one."],
    "gpu.error": ["Drain a node at its first hardware errors, and run diagnostics before it gets jobs again."],
    "gpu.throttled": ["Watch temperature, power and clock limits, and see to cooling before the clocks fall."],
    "input.terminal": ["Start batch jobs without a terminal (setsid, nohup), and programs so that they ask nothing."],
  } satisfies Partial<Record<CauseKind, string[]>>,
};

export const rules = {
  place: (file: string, rule: string | null, path: string) =>
    `${file}${rule === null ? "" : `, rule ${rule}`}${path === "" ? "" : `, at ${path}`}: `,
  allowed: (values: string) => `; allowed: ${values}`,
  problems: {
    unreadable: (why) => `cannot be read: ${why}`,
    not_a_file: () => "is no regular file",
    writable_by_all: () => "anybody may write it, so it is not trusted (chmod o-w)",
    too_large: (limit) => `is larger than ${limit}`,
    too_many_files: (limit) => `has more than ${limit} files; the rest is left out`,
    too_many_rules: (limit) => `there are more than ${limit} rules; this one is left out`,
    syntax: (why) => `is not valid YAML: ${why}`,
    alias: () => "aliases (*name) are not allowed",
    too_deep: (limit) => `is nested more than ${limit} deep`,
    duplicate: (id) => `the id ${id} is there twice; this one is left out`,
    missing: () => "is missing",
    type: (got) => `is of the wrong type: ${got}`,
    value: (got) => `is not a value that it can have: ${got}`,
    key: (got) => `has unknown keys: ${got}`,
    range: (got) => `is out of range: ${got}`,
    length: (got) => `is too long or too short: ${got}`,
    form: (got) => `is not of the right form: ${got}`,
    empty: () => "says nothing; a condition needs at least one part",
    unprintable: () => "must be one line without control characters",
    brace: () => "has a brace that belongs to no placeholder; write {{ or }} for the character",
    placeholder: (name) => `{${name}} does not stand for anything whenever the condition holds`,
    property: (property) => `a placeholder has no property .${property}`,
    quoted: (name) => `{${name}} stands within quotes; xctl quotes it itself, so leave the quotes out`,
  } satisfies Record<ProblemCode, (got: string) => string>,
};
