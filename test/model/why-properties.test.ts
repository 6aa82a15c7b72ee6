import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import type { Hop } from "../../src/model/documents.ts";
import type { Attrs, Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import type { ProcessNode } from "../../src/model/nodes.ts";
import { explainAll } from "../../src/model/why-all.ts";
import { explain, type Cause, type Explanation } from "../../src/model/why.ts";
import { event, held, state, T0, wait } from "./events.ts";

const RUNS = { numRuns: 1000 };

describe("whatever the graph", () => {
  test("there is an answer, its chain hangs together, and its causes speak of processes that are there", () => {
    const verdicts = new Set<string>();
    fc.assert(
      fc.property(anyGraph(), (graph) => {
        for (const explanation of explainEach(graph)) {
          verdicts.add(explanation.verdict);
          assert.deepEqual(explanation.chain, explanation.causes[0]?.chain ?? []);
          for (const cause of explanation.causes) {
            assertHangsTogether(cause.chain, explanation.process);
            for (const member of [cause.actor, ...cause.members]) {
              if (member !== undefined) assert.equal(graph.process(member.pid, member.node), member);
            }
            assert.ok(cause.confidence > 0 && cause.confidence <= 1, `confidence ${cause.confidence}`);
          }
          assert.ok(explanation.blockedMs === null || explanation.blockedMs >= 0);
        }
      }),
      RUNS,
    );
    for (const verdict of ["blocked", "stopped", "running", "idle", "exited", "unknown"]) {
      assert.ok(verdicts.has(verdict), `no graph led to ${verdict}`);
    }
  });

  test("the question changes nothing, and asked again it is answered alike", () => {
    fc.assert(
      fc.property(anyGraph(), (graph) => {
        const answers = (): unknown[] => Array.from(explainEach(graph), ({ verdict, chain }) => [verdict, chain]);
        const counts = graph.counts();
        assert.deepEqual(answers(), answers());
        assert.deepEqual(graph.counts(), counts);
      }),
      RUNS,
    );
  });

  test("the members of a deadlock wait for each other in a circle, and none of them can ever move", () => {
    let found = 0;
    fc.assert(
      fc.property(anyGraph(), (graph) => {
        const free = naivelyFree(graph);
        for (const { causes } of explainEach(graph)) {
          for (const cause of causes.filter(({ kind }) => kind === "process.deadlock")) {
            found++;
            assertIsCircle(cause);
            for (const member of cause.members) assert.ok(!free.has(member), `${member.id} can move`);
          }
        }
      }),
      RUNS,
    );
    assert.ok(found > 100, `only ${found} deadlocks`);
  });

  test("who can never move and has nobody to blame for it is told to be in or behind a deadlock", () => {
    let found = 0;
    fc.assert(
      fc.property(anyGraph(), (graph) => {
        const free = naivelyFree(graph);
        for (const { process, causes } of explainEach(graph)) {
          if (free.has(process)) continue;
          found++;
          assert.ok(
            causes.some(({ kind }) => kind === "process.deadlock"),
            `${process.id} is not told to be stuck`,
          );
        }
      }),
      RUNS,
    );
    assert.ok(found > 100);
  });

  test("the whole machine's answer names each victim once, and with `all` it names no fewer", () => {
    fc.assert(
      fc.property(anyGraph(), (graph) => {
        const victims = (all: boolean): string[] =>
          explainAll(graph, T0 + 5000, { all }).flatMap((group) => group.victims.map(({ process }) => process.id));
        const some = victims(false);
        const all = victims(true);
        assert.equal(new Set(all).size, all.length);
        for (const id of some) assert.ok(all.includes(id));
      }),
      RUNS,
    );
  });
});

function* explainEach(graph: Graph): Iterable<Explanation> {
  for (const process of graph.processes()) yield explain(graph, process, T0 + 5000);
}

/** From the asked process on, each hop begins where the one before ended: there, or at a thread of it. */
function assertHangsTogether(chain: readonly Hop[], asked: ProcessNode): void {
  let at = asked.id;
  for (const { from, to } of chain) {
    assert.equal(withoutThread(from), withoutThread(at), `${from} does not follow on ${at}`);
    at = to;
  }
}

/** Each member waits for something that the next has; the last for something that the first has. */
function assertIsCircle({ members }: Cause): void {
  for (const [place, member] of members.entries()) {
    const next = members[(place + 1) % members.length];
    const reaches = member.waits.some(({ to }) => to === next || to.holders.some((edge) => edge.to === next));
    assert.ok(reaches, `${member.id} does not wait for ${next?.id}`);
  }
}

/**
 * Who can move, or could if somebody halted were let go: found by trying again and again until nothing changes. A
 * process of one thread moves when any of its waits is over; a wait is over when one who holds the thing moves, or, of
 * owners, all of them; nobody counts as a holder of what he waits for himself, where there is another.
 */
function naivelyFree(graph: Graph): Set<ProcessNode> {
  const free = new Set<ProcessNode>();
  const isFree = (process: ProcessNode): boolean => {
    if (["stopped", "traced", "frozen", "zombie", "exit", "running"].includes(process.state)) return true;
    if (process.waits.length === 0) return true;
    return process.waits.some(({ to }) => {
      if (to.type === "process") return free.has(to);
      if (to.holders.length === 0) return true;
      const others = to.holders.filter((edge) => edge.to !== process);
      const holders = others.length > 0 ? others : to.holders;
      const isOver = (edge: { to: unknown }): boolean => free.has(edge.to as ProcessNode);
      return holders[0]?.detail === "owner" ? holders.every(isOver) : holders.some(isOver);
    });
  };
  for (let before = -1; before < free.size;) {
    before = free.size;
    for (const process of graph.processes()) if (isFree(process)) free.add(process);
  }
  return free;
}

function withoutThread(id: string): string {
  return id.replace(/\/tid-\d+$/, "");
}

const PIDS = 8;

/** Told with each state: one that comes back after its exit is another process, of which nothing is known. */
const ONE_THREAD: Attrs = { ppid: 1, threads: 1 };

/** Processes of one thread; a thing is either owned, or its holders may each act. */
function anyGraph(): fc.Arbitrary<Graph> {
  const pid = fc.integer({ min: 1, max: PIDS });
  const lock = fc.constantFrom("lock:1", "lock:2", "lock:3");
  const pipe = fc.constantFrom("pipe:1", "pipe:2", "unix:1-2", "gpu-0");
  const anyWait = fc.oneof(
    fc.tuple(pid, lock).map(([who, what]) => wait(who, what, "flock")),
    fc
      .tuple(pid, pipe, fc.constantFrom<Attrs>({}, { holder: "none" }, { serves: true }))
      .map(([who, what, attrs]) => wait(who, what, "pipe.read", attrs)),
    fc.tuple(pid, pid).map(([who, whom]) => wait(who, `pid-${whom}`, "child")),
    fc
      .tuple(pid, fc.constantFrom("sleep", "epoll", "tty.read", "futex"))
      .map(([who, kind]) => wait(who, `${kind}:${who}`, kind)),
  );
  const anyHolder = fc.oneof(
    fc.tuple(pid, lock).map(([who, what]) => held(who, what, "owner")),
    fc.tuple(pid, pipe).map(([who, what]) => held(who, what, "writer")),
    fc.tuple(pid, pid).map(([who, whom]) => held(who, `pid-${whom}`, "tracer")),
  );
  const states = fc.constantFrom("running", "sleeping", "sleeping", "sleeping", "stopped", "traced", "zombie", "exit");
  const anyState = fc.tuple(pid, states).map(([who, value]) => state(who, value, ONE_THREAD));
  const anyError = fc.constantFrom(
    event("error.hw", "gpu-0", "XID_79"),
    event("compute.util", "gpu-0", "1", { pid: 2 }),
  );
  const anything = fc.oneof(
    { weight: 8, arbitrary: anyWait },
    { weight: 8, arbitrary: anyHolder },
    { weight: 2, arbitrary: anyState },
    { weight: 1, arbitrary: anyError },
  );
  return fc.array(anything, { maxLength: 40, size: "max" }).map((events: Event[]) => {
    const graph = new Graph();
    for (let who = 1; who <= PIDS; who++) graph.apply(state(who, "sleeping", ONE_THREAD));
    for (const each of events) graph.apply(each);
    return graph;
  });
}
