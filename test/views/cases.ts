/** Hand-written events of stalls with a known cause, as the probes tell them. */
import type { Attrs, Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";

export const NOW_MS = 1_767_323_045_678;
const NODE = "node-a";

export interface Case {
  events: Event[];
  /** The pid that is asked about; the whole machine where absent. */
  ask?: number;
}

export function graphOf(events: readonly Event[]): Graph {
  const graph = new Graph({ localNode: NODE });
  for (const told of events) graph.apply(told);
  return graph;
}

export function process(pid: number, state: string, comm: string, attrs: Attrs = {}): Event {
  const letters: Record<string, string> = { running: "R", sleeping: "S", blocked: "D", stopped: "T", zombie: "Z" };
  const told = {
    comm,
    cmdline: comm,
    start_ms: NOW_MS - 3_600_000 + pid,
    since_ms: NOW_MS - 60_000,
    threads: 1,
    source: `/proc/${pid}/stat`,
    observed: `state ${letters[state]} (${state})`,
    ...attrs,
  };
  return event("process.state", `pid-${pid}`, state, pid, told);
}

export function wait(pid: number, kind: string, entity: string, forMs: number, attrs: Attrs = {}): Event {
  const tid = typeof attrs.tid === "number" ? attrs.tid : pid;
  const told = { tid, since_ms: NOW_MS - forMs, source: `/proc/${pid}/task/${tid}/syscall`, ...attrs };
  return event("process.wait", entity, kind, pid, told);
}

export function held(entity: string, pid: number, role: string, observed: string, source = `/proc/${pid}/stat`): Event {
  return event("resource.held", entity, role, pid, { source, observed });
}

export function event(type: Event["event_type"], entity: string, value: string, pid?: number, attrs?: Attrs): Event {
  const base: Event = { ts: NOW_MS - 1000, event_type: type, entity_id: entity, value, node: NODE };
  return { ...base, ...(pid === undefined ? {} : { pid }), ...(attrs === undefined ? {} : { attrs }) };
}

const shellAndSleeper = [
  process(300, "sleeping", "backup.sh", { cmdline: "/bin/sh /usr/local/bin/backup.sh" }),
  wait(300, "child", "child:301", 191_500, { observed: "wait4(301, …) in do_wait" }),
  held("child:301", 301, "child", "state S, parent 300"),
  process(301, "sleeping", "flock", { cmdline: "flock /var/lock/backup rsync -a /srv /mnt/backup" }),
  wait(301, "flock", "lock:08:01:42", 191_400, {
    observed: "flock(3, …) in locks_lock_inode_wait",
    label: "/var/lock/backup",
  }),
  held("lock:08:01:42", 302, "owner", "FLOCK ADVISORY WRITE 302 08:01:42 0 EOF", "/proc/locks"),
  process(302, "sleeping", "sleep", { cmdline: "sleep 86400" }),
  wait(302, "sleep", "sleep:302", 190_000, { observed: "clock_nanosleep(0, …) in hrtimer_nanosleep" }),
];

const stoppedReader = [
  process(200, "sleeping", "gzip", { cmdline: "gzip -c dump.sql" }),
  wait(200, "pipe.write", "pipe:5150", 12_400, { observed: "write(1, …) in anon_pipe_write" }),
  held("pipe:5150", 201, "reader", "pipe:[5150] open for reading", "/proc/201/fd/0"),
  process(201, "stopped", "ssh", { cmdline: "ssh backup cat" }),
];

const deadlock = [
  process(400, "sleeping", "worker-a"),
  wait(400, "posix_lock", "lock:08:01:7", 65_000, { observed: "fcntl(3, …) in fcntl_setlk" }),
  held("lock:08:01:7", 401, "owner", "POSIX ADVISORY WRITE 401 08:01:7 0 EOF", "/proc/locks"),
  process(401, "sleeping", "worker-b"),
  wait(401, "posix_lock", "lock:08:01:8", 64_000, { observed: "fcntl(4, …) in fcntl_setlk" }),
  held("lock:08:01:8", 400, "owner", "POSIX ADVISORY WRITE 400 08:01:8 0 EOF", "/proc/locks"),
];

const gpuFault = [
  process(500, "sleeping", "python3", { cmdline: "python3 train.py --config big.yaml" }),
  event("compute.util", "gpu-03", "0", 500),
  event("error.hw", "gpu-03", "XID_79"),
];

const idleServer = [
  process(600, "sleeping", "nginx", { cmdline: "nginx: worker process" }),
  wait(600, "epoll", "epoll:600:8", 700_000, { observed: "epoll_wait(8, …) in ep_poll" }),
];

const unseen = [
  process(700, "sleeping", "java", { cmdline: "java -jar shop.jar", blind: "syscall,stack" }),
  wait(700, "futex", "futex:700:7f00dead", 432_000_000, {
    observed: "futex(0x7f00dead, …) in futex_do_wait",
    blind: "syscall,stack",
  }),
];

const traced = [
  process(800, "traced", "postgres", { observed: "state t (traced)" }),
  held("pid-800", 801, "tracer", "TracerPid: 801", "/proc/800/status"),
  process(801, "sleeping", "gdb", { cmdline: "gdb -p 800", tty: "pts/3" }),
  wait(801, "tty.read", "tty:pts/3", 20_000, { observed: "poll(0x7ffd1, …) in poll_schedule_timeout" }),
];

/** More of them wait for one lock than are listed. */
const crowd = Array.from({ length: 9 }, (_, place) => 1000 + place).flatMap((pid) => [
  process(pid, "sleeping", "indexer"),
  wait(pid, "flock", "lock:08:01:42", 30_000 + pid, { observed: "flock(3, …) in locks_lock_inode_wait" }),
]);

/** Three ranks: the first waits for the second, which is stopped; the third computes. */
export const JOB_ID = "train-7";
const inJob = (told: Event): Event => ({ ...told, job_id: JOB_ID });
export const JOB_EVENTS: readonly Event[] = [
  inJob(process(30, "sleeping", "python3", { rank: 0, cmdline: "python3 train.py" })),
  wait(30, "tcp.recv", "tcp:10.0.0.1:29500-10.0.0.2:41000", 95_000, { observed: "recvfrom(9, …) in wait_woken" }),
  held("tcp:10.0.0.1:29500-10.0.0.2:41000", 31, "peer", "socket:[77]", "/proc/31/fd/5"),
  inJob(process(31, "stopped", "python3", { rank: 1, cmdline: "python3 train.py" })),
  inJob(process(32, "running", "python3", { rank: 2, cmdline: "python3 train.py" })),
];

const killed = [
  process(402, "running", "load"),
  event("process.state", "pid-402", "exit", 402, {
    signal: "SIGKILL",
    source: "tracepoint sched_process_exit",
    observed: "killed by SIGKILL from bash (32716)",
  }),
];

export const CASES = {
  "stopped-reader": { events: stoppedReader, ask: 200 },
  "lock-behind-shell": { events: shellAndSleeper, ask: 300 },
  deadlock: { events: deadlock, ask: 400 },
  "gpu-fault": { events: gpuFault, ask: 500 },
  "idle-server": { events: idleServer, ask: 600 },
  unknown: { events: unseen, ask: 700 },
  traced: { events: traced, ask: 800 },
  machine: {
    events: [...stoppedReader, ...shellAndSleeper, ...deadlock, ...gpuFault, ...idleServer, ...traced, ...crowd],
  },
  killed: { events: killed, ask: 402 },
  quiet: { events: [...idleServer, process(601, "running", "node")] },
} satisfies Record<string, Case>;
