import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph } from "../../src/model/graph.ts";
import type { Attrs, Event } from "../../src/model/event.ts";
import type { FlightRecord } from "../../src/model/flight.ts";
import type { ProcessNode } from "../../src/model/nodes.ts";
import { ALL_ALIKE, COLLECTIVE, explainJob, RANK_GONE } from "../../src/model/why-job.ts";
import { explainAll } from "../../src/model/why-all.ts";
import { explainMember } from "../../src/model/why-member.ts";
import { event, held, state, T0, wait } from "./events.ts";

const NOW_MS = T0 + 60_000;
const JOB = "train-7";

function rank(number: number, value = "sleeping", attrs: Attrs = {}): Event {
  const told = { comm: "python3", rank: number, world_size: 4, job_role: "rank", start_ms: T0 - 1, ...attrs };
  return state(100 + number, value, told, { job_id: JOB });
}

/** As in a collective: on a condition variable. */
function inCollective(number: number, sinceMs = T0 + 50_000): Event[] {
  return [rank(number), wait(100 + number, `futex:${100 + number}:a`, "futex", { since_ms: sinceMs })];
}

function spinning(number: number): Event[] {
  return [rank(number, "running", { switches_per_s: 20_000 })];
}

function explained(...events: Event[]) {
  const graph = new Graph();
  for (const each of events) graph.apply(each, NOW_MS - 1000);
  return { graph, job: explainJob(graph, graph.job(JOB) ?? [], NOW_MS) };
}

function named({ job }: ReturnType<typeof explained>): [kind: string, pid: number | undefined][] {
  return job.causes.map(({ kind, members }) => [kind, members[0]?.pid]);
}

test("the rank that is stopped while the others wait", () => {
  const asked = explained(...inCollective(0), rank(1, "stopped"), ...inCollective(2));
  assert.deepEqual(named(asked), [["process.stopped", 101]]);
  assert.equal(asked.job.causes[0]?.certainty, "observed");
  assert.deepEqual(
    asked.job.heldUp.map(({ pid }) => pid),
    [100, 102],
  );
});

test("asked of a rank that waits, the chain passes the suspect, and says that it is inferred", () => {
  const { graph } = explained(...inCollective(0), rank(1, "stopped"), ...inCollective(2));
  const process = graph.process(102);
  assert.ok(process !== undefined);
  const answer = explainMember(graph, process, NOW_MS);
  assert.equal(answer.verdict, "blocked");
  assert.equal(answer.blockedMs, 10_000);
  assert.deepEqual(
    answer.chain.map(({ from, to, detail, certainty }) => [from, to, detail, certainty]),
    [["pid-102", "pid-101", COLLECTIVE, "inferred"]],
  );
  assert.equal(answer.causes[0]?.kind, "process.stopped");
  assert.equal(answer.causes[0].certainty, "inferred");
});

test("without a pid, the ranks that wait are told with the culprit", () => {
  const { graph } = explained(...inCollective(0), rank(1, "stopped"), ...inCollective(2));
  const [group] = explainAll(graph, NOW_MS);
  assert.equal(group?.cause.kind, "process.stopped");
  assert.deepEqual(group.victims.map(({ process }) => process.pid).sort(), [100, 101, 102]);
});

test("the suspect's own chain leads on: a lock, a worker of its own", () => {
  const lock = explained(
    ...inCollective(0),
    rank(1),
    wait(101, "lock:1", "flock", { since_ms: T0 }),
    held(900, "lock:1", "owner"),
    state(900, "stopped"),
  );
  assert.deepEqual(named(lock), [["process.stopped", 900]]);
  const loader = explained(
    ...inCollective(0),
    rank(1),
    wait(101, "pipe:1", "pipe.read", { since_ms: T0 }),
    held(901, "pipe:1", "writer"),
    state(901, "stopped", { job_role: "helper", rank: 1 }, { job_id: JOB }),
  );
  assert.deepEqual(named(loader), [["process.stopped", 901]]);
});

test("a lock of somebody outside who sleeps", () => {
  const asked = explained(
    ...spinning(0),
    rank(1),
    wait(101, "lock:1", "flock", { since_ms: T0 }),
    held(900, "lock:1", "owner"),
    state(900, "sleeping"),
    wait(900, "sleep:900", "sleep", { since_ms: T0 }),
  );
  assert.deepEqual(named(asked), [["process.sleeping", 900]]);
  assert.deepEqual(
    asked.job.heldUp.map(({ pid }) => pid),
    [100],
  );
});

test("a lock that another rank has which waits in the collective: neither can go on", () => {
  const asked = explained(
    ...inCollective(0),
    held(100, "lock:1", "owner"),
    rank(1),
    wait(101, "lock:1", "flock", { since_ms: T0 }),
    ...inCollective(2),
  );
  const [cause] = asked.job.causes;
  assert.equal(cause?.kind, "process.deadlock");
  assert.deepEqual(cause.members.map(({ pid }) => pid).sort(), [100, 101]);
  assert.equal(cause.certainty, "inferred");
});

test("a rank that waits for its own mutex, whatever its other threads do meanwhile", () => {
  const asked = explained(
    ...inCollective(0),
    rank(1, "running", { threads: 5 }),
    wait(101, "futex:101:a", "futex", { since_ms: T0 }),
    held(101, "futex:101:a", "owner", { certainty: "derived" }),
  );
  assert.deepEqual(named(asked), [["process.deadlock", 101]]);
});

/** As on a lock of Python's, which is a semaphore. */
function onPythonsLock(number: number, caller = "python3.11"): Event[] {
  return [rank(number), wait(100 + number, `futex:${100 + number}:b`, "futex", { since_ms: T0 + 50_000, caller })];
}

test("the rank whose interpreter waits for a lock, while the others wait in a library: as a guess", () => {
  const asked = explained(...inCollective(0), ...onPythonsLock(1), ...inCollective(2));
  assert.deepEqual(named(asked), [["unknown", 101]]);
  assert.equal(asked.job.causes[0]?.certainty, "inferred");
  assert.deepEqual(
    asked.job.heldUp.map(({ pid }) => pid),
    [100, 102],
  );
});

test("the rank that sleeps while the others spin in a collective, whatever it sleeps on", () => {
  for (const asleep of [inCollective(1), [rank(1), wait(101, "epoll:101:5", "epoll", { since_ms: T0 + 50_000 })]]) {
    const asked = explained(...spinning(0), ...asleep, ...spinning(2));
    assert.deepEqual(
      named(asked).map(([, pid]) => pid),
      [101],
    );
    assert.equal(asked.job.causes[0]?.certainty, "inferred");
    assert.deepEqual(
      asked.job.heldUp.map(({ pid }) => pid),
      [100, 102],
    );
  }
  assert.deepEqual(explained(...spinning(0), ...inCollective(1), ...inCollective(2)).job.culprits, []);
});

/** On a GPU of its own, and on a CPU: one that waits for its GPU spins, as one that computes. */
function onGpu(number: number, percent: string): Event[] {
  const gpu = `gpu-0${number}`;
  return [
    event("compute.util", gpu, percent),
    event("compute.mem", gpu, "50", { pid: 100 + number }),
    rank(number, "running"),
  ];
}

test("the rank whose GPU has nothing to do, while those of all others are in a kernel", () => {
  const asked = explained(...onGpu(0, "100"), ...onGpu(1, "0"), ...onGpu(2, "98"), ...onGpu(3, "100"));
  assert.deepEqual(named(asked), [["process.busy", 101]]);
  const [cause] = asked.job.causes;
  assert.equal(cause?.certainty, "inferred");
  assert.match(cause.evidence.at(-1)?.observed ?? "", /rank 1: its GPU is 0 % busy, those of the others 98 % and more/);
  assert.deepEqual(
    asked.job.heldUp.map(({ pid }) => pid),
    [100, 102, 103],
  );
  const process = asked.graph.process(101);
  assert.ok(process !== undefined);
  assert.match(explainMember(asked.graph, process, NOW_MS).causes[0]?.evidence.at(-1)?.observed ?? "", /0 % busy/);
  const sleeper = explained(...onGpu(0, "100"), ...onGpu(1, "0"), ...inCollective(1), ...onGpu(2, "98"));
  assert.deepEqual(named(sleeper), [["unknown", 101]]);
});

test("where GPUs are busy in between, or most of them are idle, nobody is late", () => {
  assert.deepEqual(explained(...onGpu(0, "100"), ...onGpu(1, "0"), ...onGpu(2, "60")).job.culprits, []);
  assert.deepEqual(explained(...onGpu(0, "100"), ...onGpu(1, "0"), ...onGpu(2, "0")).job.culprits, []);
  assert.deepEqual(explained(...onGpu(0, "100"), ...onGpu(1, "100")).job.culprits, []);
});

test("among ranks that spin, one that keeps its CPU is not blamed for one that waits for a lock", () => {
  const asked = explained(...spinning(0), ...onPythonsLock(1), rank(2, "running"), ...spinning(3));
  assert.deepEqual(named(asked), [["unknown", 101]]);
});

test("the rank that waits for a lock whose owner cannot be told, while the others wait on condition variables", () => {
  const lock = wait(101, "futex:101:b", "futex", { since_ms: T0 + 50_000, holder: "hidden" });
  assert.deepEqual(named(explained(...inCollective(0), rank(1), lock, ...inCollective(2))), [["unknown", 101]]);
});

test("the same while another of its threads runs for a moment", () => {
  const busy = rank(1, "running", { threads: 5 });
  const asked = explained(...inCollective(0), ...onPythonsLock(1), busy, ...inCollective(2));
  assert.deepEqual(named(asked), [["unknown", 101]]);
  assert.deepEqual(asked.job.causes[0]?.chain[0]?.to, "futex:101:b");
});

test("where most ranks wait for Python's locks, or a library waits for a semaphore, none is set apart", () => {
  const most = explained(...inCollective(0), ...onPythonsLock(1), ...onPythonsLock(2));
  assert.deepEqual(most.job.culprits, []);
  const library = explained(...inCollective(0), ...onPythonsLock(1, "libtorch_cpu.so"), ...inCollective(2));
  assert.deepEqual(library.job.culprits, []);
  assert.equal(library.job.causes[0]?.detail, ALL_ALIKE);
});

test("asked of the rank that is set apart, its other threads' peers in the job are not blamed", () => {
  const connection = "tcp:127.0.0.1:1-127.0.0.1:2";
  const { graph } = explained(
    ...inCollective(0),
    ...onPythonsLock(1),
    rank(1, "sleeping", { threads: 2 }),
    wait(101, connection, "tcp.recv", { tid: 190, since_ms: T0 }),
    held(100, connection, "peer"),
    ...inCollective(2),
  );
  const process = graph.process(101);
  assert.ok(process !== undefined);
  const { causes } = explainMember(graph, process, NOW_MS);
  assert.deepEqual(
    causes.map(({ kind, members }) => [kind, members[0]?.pid]),
    [["unknown", 101]],
  );
});

test("two culprits at once: both", () => {
  const asked = explained(...inCollective(0), rank(1, "stopped"), rank(2, "frozen"), ...inCollective(3));
  assert.deepEqual(named(asked).sort(), [
    ["process.frozen", 102],
    ["process.stopped", 101],
  ]);
});

test("a rank that is gone, by its end; those that ended because of it are not blamed", () => {
  const exit = (number: number, ms: number, attrs: Attrs) =>
    rank(number, "exit", { since_ms: ms, source: "tracepoint", ...attrs });
  const asked = explained(
    rank(0),
    rank(1),
    rank(2),
    exit(1, T0 + 5000, { signal: "SIGKILL", observed: "killed by SIGKILL from the OOM killer" }),
    exit(0, T0 + 5020, { exit_status: 1, observed: "exited with status 1" }),
    exit(2, T0 + 5090, { signal: "SIGTERM", observed: "killed by SIGTERM from mpirun (9)" }),
  );
  assert.deepEqual(named(asked), [["ipc.no_peer", 101]]);
  assert.equal(asked.job.causes[0]?.detail, RANK_GONE);
  assert.match(asked.job.causes[0]?.evidence[0]?.observed ?? "", /OOM killer/);
});

test("a job that ended well has no culprit; a rank that left early while others wait has left them", () => {
  const done = (number: number) => rank(number, "exit", { exit_status: 0 });
  assert.deepEqual(named(explained(rank(0), rank(1), done(0), done(1))), []);
  const left = { exit_status: 0, since_ms: T0 + 40_000 };
  assert.deepEqual(named(explained(...inCollective(0), ...inCollective(2), rank(1), rank(1, "exit", left))), [
    ["ipc.no_peer", 101],
  ]);
});

test("a dead rank that its parent has not collected yet, while others wait", () => {
  const asked = explained(...inCollective(0), rank(1, "zombie", { since_ms: T0 + 50_000 }), ...inCollective(2));
  assert.deepEqual(named(asked), [["ipc.no_peer", 101]]);
});

test("ranks that spin beside one that is stopped; ranks that starve because the others spin", () => {
  const asked = explained(...spinning(0), rank(1, "stopped"), ...spinning(2));
  assert.deepEqual(named(asked), [["process.stopped", 101]]);
  const starving = [...spinning(0), wait(100, "cpu", "cpu.runqueue", { since_ms: T0, cause: "cpu.starved" })];
  assert.deepEqual(named(explained(...starving, ...spinning(2), rank(1, "running", { switches_per_s: 100 }))), [
    ["process.busy", 101],
  ]);
});

test("one works while the others wait: told, but no alarm", () => {
  const asked = explained(rank(0, "running"), ...inCollective(1), ...inCollective(2));
  assert.deepEqual(named(asked), [["process.busy", 100]]);
  assert.equal(asked.job.causes[0]?.certainty, "inferred");
  assert.deepEqual(explainAll(asked.graph, NOW_MS), []);
});

test("short waits, and ranks that all compute, are a job that gets on", () => {
  const just = NOW_MS - 200;
  assert.deepEqual(named(explained(rank(0, "running"), ...inCollective(1, just), ...inCollective(2, just))), []);
  assert.deepEqual(named(explained(rank(0, "running"), rank(1, "running"), rank(2, "running"))), []);
});

test("all ranks wait alike: nobody is named", () => {
  const asked = explained(...inCollective(0), ...inCollective(1), ...inCollective(2));
  assert.equal(asked.job.causes[0]?.kind, "unknown");
  assert.equal(asked.job.causes[0].detail, ALL_ALIKE);
  assert.deepEqual(asked.job.culprits, []);
});

test("where all wait alike, the flight recorder tells who never came", () => {
  const { graph } = explained(...inCollective(0), ...inCollective(1), ...inCollective(2));
  const flight = [18, 17, 18].map((entered, number): FlightRecord => {
    const groups = [{ name: "0", entered, operations: [[entered, "nccl:all_reduce"]] as [number, string][] }];
    return { rank: number, source: `dump_${number}`, groups };
  });
  const job = explainJob(graph, graph.job(JOB) ?? [], NOW_MS, flight);
  assert.deepEqual(
    job.culprits.map(({ process }) => process.rank),
    [1],
  );
  assert.match(job.causes[0]?.evidence.at(-1)?.observed ?? "", /rank 1 never entered collective 18/);
});

const launcher = (value: string) => state(50, value, { comm: "mpirun", job_role: "launcher" }, { job_id: JOB });

function verdictOf({ graph }: ReturnType<typeof explained>, pid: number): [verdict: string, kind: string | undefined] {
  const process = graph.process(pid);
  assert.ok(process !== undefined);
  const { verdict, causes } = explainMember(graph, process, NOW_MS);
  return [verdict, causes[0]?.kind];
}

test("a launcher that is stopped is told, and no rank that gets on, spins or computes is held up by it", () => {
  const asked = explained(rank(0, "running"), ...spinning(1), ...spinning(2), ...inCollective(3), launcher("stopped"));
  assert.deepEqual(named(asked), [["process.stopped", 50]]);
  assert.deepEqual(asked.job.heldUp, []);
  assert.deepEqual(verdictOf(asked, 100), ["running", "process.busy"]);
  assert.deepEqual(
    explainAll(asked.graph, NOW_MS).map(({ victims }) => victims.map(({ process }) => process.pid)),
    [[50]],
  );
});

test("a rank in the midst of its steps, whose other thread waits for the launcher in peace, is at work", () => {
  const store = [wait(100, "tcp:1", "tcp.recv", { tid: 190, since_ms: T0 }), held(50, "tcp:1", "peer")];
  const at = (sinceMs: number) =>
    verdictOf(
      explained(
        ...inCollective(0, sinceMs),
        rank(0, "sleeping", { threads: 3 }),
        ...store,
        launcher("stopped"),
        rank(1, "running"),
      ),
      100,
    );
  assert.deepEqual(at(NOW_MS - 50), ["running", undefined]);
  assert.deepEqual(at(NOW_MS - 5000), ["blocked", "process.stopped"]);
});

/** A thread of it listens to the launcher all the time. */
function listening(number: number): Event[] {
  const socket = `tcp:${number}`;
  return [
    rank(number, "sleeping", { threads: 3 }),
    wait(100 + number, socket, "tcp.recv", { tid: 190 + number, since_ms: T0 }),
    held(50, socket, "peer"),
  ];
}

test("a thread that listens to the launcher does so in peace: stopped, it hides no rank on a lock", () => {
  const stuck = [...inCollective(0), ...onPythonsLock(1), ...inCollective(2), ...[0, 1, 2].flatMap(listening)];
  const asked = explained(...stuck, launcher("stopped"));
  assert.deepEqual(named(asked), [
    ["unknown", 101],
    ["process.stopped", 50],
  ]);
  assert.deepEqual(verdictOf(asked, 100), ["blocked", "unknown"]);
});

test("where all ranks wait, they may wait for their launcher, which is stopped", () => {
  const asked = explained(...inCollective(0), ...inCollective(1), launcher("stopped"));
  assert.deepEqual(named(asked), [["process.stopped", 50]]);
  assert.deepEqual(verdictOf(asked, 101), ["blocked", "process.stopped"]);
});

test("a launcher that is stopped, and a rank that is: the others wait for the rank", () => {
  const asked = explained(...inCollective(0), rank(1, "stopped"), launcher("stopped"));
  assert.deepEqual(named(asked), [
    ["process.stopped", 101],
    ["process.stopped", 50],
  ]);
  const { graph } = asked;
  const causes = explainMember(graph, graph.process(100) as ProcessNode, NOW_MS).causes;
  assert.deepEqual(
    causes.map(({ members }) => members[0]?.pid),
    [101],
  );
});

test("a launcher that waits for a child which is no rank does its part", () => {
  const asked = explained(
    ...inCollective(0),
    ...inCollective(1),
    launcher("sleeping"),
    wait(50, "child:50", "child", { since_ms: T0 }),
    held(60, "child:50", "child"),
    state(60, "stopped"),
  );
  assert.deepEqual(named(asked), [["unknown", 100]]);
});

const SLEEPER = [
  held(900, "lock:1", "owner"),
  state(900, "sleeping"),
  wait(900, "sleep:900", "sleep", { since_ms: T0 }),
];

test("beside a fault, a rank that waits for a lock of a sleeper is told too", () => {
  const behind = [rank(2), wait(102, "lock:1", "flock", { since_ms: T0 })];
  const asked = explained(...inCollective(0), rank(1, "stopped"), ...behind, ...SLEEPER);
  assert.deepEqual(named(asked), [
    ["process.stopped", 101],
    ["process.sleeping", 900],
  ]);
  assert.deepEqual(verdictOf(asked, 102), ["blocked", "process.sleeping"]);
});

/** Its answer comes from somebody outside the job, who has nothing to do. */
function relayed(number: number): Event[] {
  const socket = `unix:${number}`;
  return [rank(number), wait(100 + number, socket, "unix.recv", { since_ms: T0 }), held(800, socket, "peer")];
}
const RELAY = [state(800, "sleeping"), wait(800, "poll:800", "poll", { since_ms: T0 })];
const KILLED = { signal: "SIGKILL", since_ms: T0 + 40_000 };

test("a rank that is gone, and the others wait for a relay outside the job: for the rank, by all that is known", () => {
  const dead = rank(1, "exit", KILLED);
  const asked = explained(...relayed(0), ...relayed(2), ...RELAY, rank(1, "running"), dead);
  assert.deepEqual(named(asked), [["ipc.no_peer", 101]]);
  assert.deepEqual(verdictOf(asked, 102), ["blocked", "ipc.no_peer"]);
  const alone = explained(...relayed(0), ...relayed(2), ...RELAY);
  assert.deepEqual(verdictOf(alone, 102), ["blocked", "process.idle"]);
});

/** It has a CPU to itself. */
const keeping = (number: number, polls_per_s: number) => rank(number, "running", { switches_per_s: 40, polls_per_s });

test("ranks that keep their CPUs: one that looks for the others over and over is held up, one that computes is not", () => {
  const spun = explained(keeping(0, 100), rank(1, "stopped"), keeping(2, 100));
  assert.deepEqual(
    spun.job.heldUp.map(({ pid }) => pid),
    [100, 102],
  );
  assert.deepEqual(verdictOf(spun, 102), ["blocked", "process.stopped"]);
  const cause = explainMember(spun.graph, spun.graph.process(102) as ProcessNode, NOW_MS).causes[0];
  assert.match(cause?.evidence.at(-1)?.observed ?? "", /looked 100 times a second/);

  const computing = explained(keeping(0, 0), rank(1, "stopped"), keeping(2, 0));
  assert.deepEqual(named(computing), [["process.stopped", 101]]);
  assert.deepEqual(computing.job.heldUp, []);
  assert.deepEqual(verdictOf(computing, 102), ["running", "process.busy"]);
});

test("what a rank did before it was stopped or slept is not held against the others", () => {
  const stopped = explained(keeping(0, 0), keeping(1, 100), rank(1, "stopped"), keeping(2, 0));
  assert.deepEqual(stopped.job.heldUp, []);
  const asleep = [keeping(1, 100), rank(1), wait(101, "sleep:101", "sleep", { since_ms: T0 })];
  const rested = explained(keeping(0, 0), ...asleep, keeping(2, 0));
  assert.deepEqual([named(rested), rested.job.heldUp], [[], []]);
});

test("a rank that is gone, and the others' GPUs are busy: in a collective of NCCL's, without a system call", () => {
  const dead = rank(1, "exit", KILLED);
  const asked = explained(
    rank(1, "running"),
    dead,
    ...onGpu(0, "100"),
    ...onGpu(2, "100"),
    keeping(0, 0),
    keeping(2, 0),
  );
  assert.deepEqual(named(asked), [["ipc.no_peer", 101]]);
  assert.deepEqual(verdictOf(asked, 100), ["blocked", "ipc.no_peer"]);
});

test("a launcher that is stopped, and a rank that is on a lock of Python's: both, and the others wait for the rank", () => {
  const asked = explained(...inCollective(0), ...onPythonsLock(1), ...inCollective(2), launcher("stopped"));
  assert.deepEqual(named(asked), [
    ["unknown", 101],
    ["process.stopped", 50],
  ]);
  assert.deepEqual(verdictOf(asked, 100), ["blocked", "unknown"]);
});

test("one that keeps its CPU and looks for the others is not the one at work", () => {
  const asked = explained(keeping(0, 100), keeping(1, 0), keeping(2, 90));
  assert.deepEqual(named(asked), [["process.busy", 101]]);
});

test("a rank that is gone, of which nobody waits for anything: the others run", () => {
  const dead = rank(1, "exit", KILLED);
  const asked = explained(rank(0, "running"), rank(2, "running"), rank(1, "running"), dead);
  assert.deepEqual(named(asked), [["ipc.no_peer", 101]]);
  assert.deepEqual(asked.job.heldUp, []);
  assert.deepEqual(verdictOf(asked, 100), ["running", "process.busy"]);
});
