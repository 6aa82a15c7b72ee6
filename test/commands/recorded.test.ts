/** Answers from event logs that were written by hand: no daemon, no machine, whatever clock their writer had. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type {
  EventsDocument,
  PsDocument,
  WhyAllDocument,
  WhyDocument,
  WhyJobDocument,
} from "../../src/model/documents.ts";
import type { Event } from "../../src/model/event.ts";
import { Place } from "./place.ts";

/** A chain of two: 10 reads from 11, which waits for a lock of 12, which is stopped. */
const CHAIN = [
  wait(1000, 10, "pipe:1", "pipe.read", { since_ms: 500 }),
  held(1000, 11, "pipe:1", "writer"),
  wait(1500, 11, "lock:8:1:33", "flock"),
  held(1500, 12, "lock:8:1:33", "owner"),
  state(2000, 12, "stopped", { comm: "holder" }),
];

test("a chain is followed to its end, told of processes or not, whenever and in whatever order", async (t) => {
  const place = new Place(t);
  const chain = ["pid-10", "pipe:1", "pid-11", "lock:8:1:33", "pid-12"];
  const started = [10, 11, 12].map((pid) => state(900, pid, "running", { comm: `p${pid}`, start_ms: 900 }));
  const logs: [string, Event[]][] = [
    ["no process was told of", CHAIN],
    ["all were told to run before", [...started, ...CHAIN]],
    ["the latest comes first", CHAIN.toReversed()],
    ["a real clock", CHAIN.map((event) => ({ ...event, ts: event.ts + 1_790_000_000_000 }))],
  ];
  for (const [what, events] of logs) {
    const why = await answer<WhyDocument>(place, events, "why", "10");
    assert.equal(why.schema, "xctl.why/1");
    assert.equal(why.verdict, "blocked", what);
    assert.deepEqual([why.chain[0]?.from, ...why.chain.map(({ to }) => to)], chain, what);
    assert.deepEqual(
      why.chain.map(({ edge, detail }) => `${edge} ${detail}`),
      ["waits_on pipe.read", "held_by writer", "waits_on flock", "held_by owner"],
    );
    const [cause] = why.root_causes;
    assert.deepEqual([cause?.kind, cause?.pid, cause?.certainty], ["process.stopped", 12, "observed"], what);
    assert.equal(cause?.advice[0]?.command, "kill -CONT 12");

    const { groups } = await answer<WhyAllDocument>(place, events, "why");
    assert.equal(groups.length, 1, what);
    assert.equal(groups[0]?.root_cause.pid, 12);
    assert.deepEqual(groups[0]?.victims.map(({ pid }) => pid).toSorted(), [10, 11, 12], what);

    const { processes } = await answer<PsDocument>(place, events, "ps");
    assert.deepEqual(
      processes.map(({ pid }) => pid),
      [10, 11, 12],
      what,
    );
  }
});

test("who waits is active, however little is known of it", async (t) => {
  const { processes } = await answer<PsDocument>(new Place(t), CHAIN, "ps");
  const [reader] = processes;
  assert.deepEqual(reader, {
    node: "",
    pid: 10,
    start_ms: null,
    comm: "",
    cmdline: "",
    job_id: null,
    rank: null,
    local_rank: null,
    job_role: null,
    state: "unknown",
    resources: [],
    waits: [{ entity_id: "pipe:1", kind: "pipe.read", tid: 10, since_ms: 500 }],
    blocked_ms: 1500,
  });
});

test("a deadlock is found from either side", async (t) => {
  const place = new Place(t);
  const events = [
    held(100, 1001, "lock:b", "owner"),
    held(1000, 1002, "lock:a", "owner"),
    wait(2000, 1001, "lock:a", "futex"),
    wait(3000, 1002, "lock:b", "futex"),
  ];
  for (const pid of [1001, 1002]) {
    const { root_causes } = await answer<WhyDocument>(place, events, "why", String(pid));
    assert.equal(root_causes[0]?.kind, "process.deadlock");
    assert.deepEqual(root_causes[0]?.pids.toSorted(), [1001, 1002]);
  }
});

test("metrics, stalls and faults of resources", async (t) => {
  const place = new Place(t);
  const events: Event[] = [
    { ts: 1000, event_type: "compute.util", entity_id: "gpu-03", pid: 21, value: "85", job_id: null },
    { ts: 1000, event_type: "compute.mem", entity_id: "gpu-04", pid: null, value: "12.5" },
    { ts: 1000, event_type: "transport.bw", entity_id: "eth0", pid: 20, value: "IO_WAIT" },
    { ts: 1000, event_type: "storage.iops", entity_id: "nvme0n1", pid: 22, value: "120" },
    { ts: 2000, event_type: "error.hw", entity_id: "gpu-03", value: "XID_79" },
    { ts: 2000, event_type: "transport.drop", entity_id: "eth1", pid: 24, value: "STALL_500ms" },
    { ts: 2000, event_type: "topo.link_down", entity_id: "eth1", value: "carrier lost" },
  ];
  const { processes } = await answer<PsDocument>(place, events, "ps", "--all");
  assert.deepEqual(
    processes.map(({ pid, resources, waits }) => {
      return [pid, resources, waits.map(({ kind, entity_id }) => `${kind} ${entity_id}`)];
    }),
    [
      [20, [], ["IO_WAIT eth0"]],
      [21, ["gpu-03"], []],
      [22, ["nvme0n1"], []],
      [24, [], ["STALL_500ms eth1"]],
    ],
  );
  assert.equal(processes.at(-1)?.waits[0]?.since_ms, 1500);
  const verdictAndCause = async (pid: number): Promise<unknown[]> => {
    const { verdict, root_causes, chain } = await answer<WhyDocument>(place, events, "why", String(pid));
    return [verdict, root_causes[0]?.kind, ...chain.map(({ edge }) => edge)];
  };
  assert.deepEqual(await verdictAndCause(20), ["blocked", "unknown", "waits_on"]);
  assert.deepEqual(await verdictAndCause(21), ["blocked", "gpu.error", "consumes", "blocked_by"]);
  assert.deepEqual(await verdictAndCause(22), ["unknown", "unknown"]);
  assert.deepEqual(await verdictAndCause(24), ["blocked", "network.link_down", "waits_on", "blocked_by"]);
  const { groups } = await answer<WhyAllDocument>(place, events, "why");
  assert.deepEqual(groups.map(({ root_cause }) => root_cause.entity_id).toSorted(), ["eth1", "gpu-03"]);
});

test("a job's ranks on two hosts, and the one that holds the others up", async (t) => {
  const place = new Place(t);
  const connection = "tcp:10.0.0.1:4711-10.0.0.2:80";
  const events = [
    ofRank("n1", 0),
    ofRank("n2", 1),
    { ...wait(2000, 100, connection, "tcp.recv"), node: "n1" },
    { ...held(2000, 100, connection, "peer"), node: "n2" },
    { ...state(3000, 100, "stopped"), node: "n2" },
  ];
  const job = await answer<WhyJobDocument>(place, events, "why", "--job", "train");
  assert.equal(job.job_id, "train");
  assert.deepEqual(
    job.ranks.map(({ rank: number, node, pid, verdict }) => [number, node, pid, verdict]),
    [
      [0, "n1", 100, "blocked"],
      [1, "n2", 100, "stopped"],
    ],
  );
  assert.deepEqual(
    job.root_causes.map(({ kind, entity_id }) => [kind, entity_id]),
    [["process.stopped", "n2/pid-100"]],
  );
  const { processes } = await answer<PsDocument>(place, events, "ps", "--job", "train");
  assert.deepEqual(
    processes.map(({ node, rank: number, job_id }) => [node, number, job_id]),
    [
      ["n1", 0, "train"],
      ["n2", 1, "train"],
    ],
  );
});

test("a pid of another host is found where it is the only one", async (t) => {
  const place = new Place(t);
  const events = [
    { ...state(1000, 10, "stopped"), node: "n1" },
    { ...state(1000, 20, "stopped"), node: "n2" },
    { ...state(1000, 12, "stopped"), node: "n3" },
    { ...state(1000, 20, "stopped"), node: "n3" },
  ];
  const { process: found } = await answer<WhyDocument>(place, events, "why", "12");
  assert.deepEqual([found.node, found.pid], ["n3", 12]);
  const { status } = await place.run(["why", "20", "--from", "log.jsonl"]);
  assert.equal(status, 3, "on two hosts there is no telling which is meant");
});

test("what is over is over: an end, an exit, a pid that came back", async (t) => {
  const place = new Place(t);
  const ended = [...CHAIN, wait(2500, 10, "pipe:1", "end")];
  assert.deepEqual((await answer<WhyDocument>(place, ended, "why", "10")).chain, []);
  const exited = [...CHAIN, state(2500, 12, "exit")];
  assert.equal((await answer<WhyDocument>(place, exited, "why", "12")).verdict, "exited");
  assert.deepEqual(
    (await answer<PsDocument>(place, exited, "ps", "--all")).processes.map(({ pid }) => pid),
    [10, 11],
  );
  const again = [state(100, 7, "stopped", { start_ms: 1 }), state(200, 7, "running", { start_ms: 150, comm: "new" })];
  const { processes } = await answer<PsDocument>(place, again, "ps", "--all");
  assert.deepEqual(
    processes.map(({ comm, start_ms, state: of }) => [comm, start_ms, of]),
    [["new", 150, "running"]],
  );
});

test("an error lives five minutes, who has exited one, a stopped process for good", async (t) => {
  const place = new Place(t);
  const causes = async (endMs: number): Promise<unknown[]> =>
    (await answer<WhyAllDocument>(place, fading(endMs), "why")).groups
      .map(({ root_cause }) => root_cause.kind)
      .toSorted();
  assert.deepEqual(await causes(299_000), ["gpu.error", "process.stopped"]);
  assert.deepEqual(await causes(302_000), ["process.stopped"]);
  const statusOf = async (endMs: number): Promise<number | null> => {
    place.log(...fading(endMs));
    return (await place.run(["why", "6", "--from", "log.jsonl"])).status;
  };
  assert.equal(await statusOf(59_000), 0);
  assert.equal(await statusOf(62_000), 3);
});

test("events are given back as they were, filtered, in one document or one a line", async (t) => {
  const place = new Place(t);
  const { events } = await answer<EventsDocument>(place, CHAIN, "events");
  assert.deepEqual(events, CHAIN);
  const waits = await answer<EventsDocument>(place, CHAIN, "events", "--type", "process.wait", "--pid", "11");
  assert.deepEqual(waits.events, [CHAIN[2]]);
  const { stdout } = await place.run(["events", "--from", "log.jsonl", "--json", "--follow"]);
  assert.deepEqual(
    stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Event),
    CHAIN,
  );
});

/** A GPU's error, one who exits and one who is stopped, all in the first second; and a sign of life at the end. */
function fading(endMs: number): Event[] {
  return [
    { ts: 1000, event_type: "compute.util", entity_id: "gpu-00", pid: 5, value: "1" },
    { ts: 1000, event_type: "error.hw", entity_id: "gpu-00", value: "XID_79" },
    state(900, 6, "running"),
    state(1000, 6, "exit"),
    state(1000, 8, "stopped"),
    state(endMs, 9, "running"),
  ];
}

function ofRank(node: string, rank: number): Event {
  const attrs = { rank, world_size: 2 };
  return {
    ts: 1000,
    event_type: "intent.run",
    entity_id: "train",
    job_id: "train",
    pid: 100,
    node,
    value: "{}",
    attrs,
  };
}

async function answer<T>(place: Place, events: readonly Event[], verb: string, ...options: string[]): Promise<T> {
  place.log(...events);
  const { status, stdout, stderr } = await place.run([verb, ...options, "--from", "log.jsonl", "--json"]);
  assert.deepEqual([status, stderr], [0, ""], stdout);
  return JSON.parse(stdout) as T;
}

function state(ts: number, pid: number, value: string, attrs?: Event["attrs"]): Event {
  return { ts, event_type: "process.state", entity_id: `pid-${pid}`, pid, value, ...(attrs && { attrs }) };
}

function wait(ts: number, pid: number, entity_id: string, value: string, attrs?: Event["attrs"]): Event {
  return { ts, event_type: "process.wait", entity_id, pid, value, ...(attrs && { attrs }) };
}

function held(ts: number, pid: number, entity_id: string, value: string): Event {
  return { ts, event_type: "resource.held", entity_id, pid, value };
}
