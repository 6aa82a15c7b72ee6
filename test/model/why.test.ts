import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import { explain, type Cause, type Explanation } from "../../src/model/why.ts";
import { event, held, state, T0, wait } from "./events.ts";

const NOW = T0 + 12_400;

function graphOf(...events: Event[]): Graph {
  const graph = new Graph();
  for (const each of events) graph.apply(each);
  return graph;
}

function why(graph: Graph, pid: number): Explanation {
  const process = graph.process(pid);
  assert.ok(process !== undefined);
  return explain(graph, process, NOW);
}

function bestOf(explanation: Explanation): Cause {
  const [cause] = explanation.causes;
  assert.ok(cause !== undefined, `no cause; verdict ${explanation.verdict}`);
  return cause;
}

/** `pid-10 waits_on pipe:1 held_by pid-11` */
function told({ chain }: Pick<Explanation, "chain">): string {
  return chain.map(({ from, edge, to }, place) => (place === 0 ? `${from} ${edge} ${to}` : `${edge} ${to}`)).join(" ");
}

/** The members of the deadlock that is the answer. */
function cycleOf(graph: Graph, pid: number): number[] {
  const cause = bestOf(why(graph, pid));
  assert.deepEqual([cause.kind, cause.actor], ["process.deadlock", undefined]);
  return cause.members.map((member) => member.pid);
}

/** A process with one thread that waits. */
function waiter(pid: number, entity: string, kind: string, attrs = {}): Event[] {
  return [state(pid, "sleeping", { threads: 1, start_ms: pid }), wait(pid, entity, kind, { tid: pid, ...attrs })];
}

describe("a pipeline whose reader is stopped", () => {
  const graph = graphOf(
    ...waiter(10, "pipe:1", "pipe.write"),
    held(11, "pipe:1", "reader"),
    ...waiter(11, "pipe:2", "pipe.write"),
    held(12, "pipe:2", "reader"),
    state(12, "stopped", { source: "/proc/12/stat", observed: "state T" }),
  );

  test("is held up by the stopped one, whoever is asked", () => {
    for (const pid of [10, 11]) {
      const cause = bestOf(why(graph, pid));
      assert.deepEqual(
        [cause.kind, cause.entityId, cause.actor?.pid, cause.certainty],
        ["process.stopped", "pid-12", 12, "observed"],
      );
      assert.deepEqual(cause.evidence, [{ source: "/proc/12/stat", observed: "state T" }]);
      assert.deepEqual(
        cause.advice.map((step) => step.command),
        ["kill -CONT 12"],
      );
    }
  });

  test("is told from the asked process to the cause", () => {
    const explanation = why(graph, 10);
    assert.equal(told(explanation), "pid-10 waits_on pipe:1 held_by pid-11 waits_on pipe:2 held_by pid-12");
    assert.deepEqual([explanation.verdict, explanation.blockedMs], ["blocked", 12_400]);
  });

  test("is a stop and no wait for the stopped one itself", () => {
    const { verdict, blockedMs, chain, causes } = why(graph, 12);
    assert.deepEqual([verdict, blockedMs, chain, causes.length], ["stopped", 12_400, [], 1]);
  });
});

test("a shell waits for a child that waits for a lock that a sleeper holds", () => {
  const graph = graphOf(
    ...waiter(10, "children:10", "child"),
    held(11, "children:10", "child"),
    ...waiter(11, "lock:08:01:5", "flock"),
    held(12, "lock:08:01:5", "owner"),
    ...waiter(12, "sleep:12", "sleep"),
  );
  const explanation = why(graph, 10);
  const cause = bestOf(explanation);
  assert.deepEqual([explanation.verdict, cause.kind, cause.actor?.pid], ["blocked", "process.sleeping", 12]);
  assert.equal(told(explanation), "pid-10 waits_on children:10 held_by pid-11 waits_on lock:08:01:5 held_by pid-12");
  assert.equal(why(graph, 12).verdict, "idle", "the sleeper itself does what it wants");
});

describe("a deadlock", () => {
  test("of two on locks has both as members, in the order of the waits", () => {
    const graph = graphOf(
      ...waiter(10, "lock:b", "flock"),
      ...waiter(11, "lock:a", "flock"),
      held(10, "lock:a", "owner"),
      held(11, "lock:b", "owner"),
    );
    assert.deepEqual(
      [cycleOf(graph, 10), cycleOf(graph, 11)],
      [
        [10, 11],
        [11, 10],
      ],
    );
    assert.equal(bestOf(why(graph, 10)).entityId, bestOf(why(graph, 11)).entityId, "it is one deadlock");
    assert.equal(bestOf(why(graph, 10)).certainty, "observed");
    assert.deepEqual(
      bestOf(why(graph, 10)).advice.map((step) => step.command),
      ["xctl zap 11"],
    );
  });

  test("of three, over pipes and locks, is seen from outside too", () => {
    const graph = graphOf(
      ...waiter(10, "lock:a", "flock"),
      held(11, "lock:a", "owner"),
      ...waiter(11, "pipe:1", "pipe.read"),
      held(12, "pipe:1", "writer"),
      ...waiter(12, "unix:1-2", "unix.recv"),
      held(10, "unix:1-2", "peer"),
      ...waiter(20, "pipe:9", "pipe.read"),
      held(11, "pipe:9", "writer"),
    );
    assert.deepEqual(cycleOf(graph, 10), [10, 11, 12]);
    assert.deepEqual(cycleOf(graph, 20), [11, 12, 10]);
    assert.match(
      told(why(graph, 20)),
      /^pid-20 waits_on pipe:9 held_by pid-11 waits_on pipe:1 held_by pid-12 .* pid-11$/,
    );
  });

  test("of a process with itself: it alone has the other end of its pipe", () => {
    const graph = graphOf(...waiter(10, "pipe:1", "pipe.read"), held(10, "pipe:1", "writer"));
    assert.deepEqual(cycleOf(graph, 10), [10]);
  });

  test("of two threads on mutexes names the threads", () => {
    const graph = graphOf(
      state(10, "sleeping", { threads: 2 }),
      wait(10, "futex:a", "futex", { tid: 10 }),
      wait(10, "futex:b", "futex", { tid: 12 }),
      held(10, "futex:a", "owner", { tid: 12 }),
      held(10, "futex:b", "owner", { tid: 10 }),
    );
    const cause = bestOf(why(graph, 10));
    assert.deepEqual([cause.kind, cause.tids, cause.certainty], ["process.deadlock", [10, 12], "observed"]);
    assert.equal(told(why(graph, 10)), "pid-10 waits_on futex:a held_by pid-10/tid-12 waits_on futex:b held_by pid-10");
  });

  test("through a member with more threads, one of which may still act, is no more than likely", () => {
    const graph = graphOf(
      ...waiter(10, "pipe:1", "pipe.read"),
      held(11, "pipe:1", "writer"),
      ...waiter(11, "pipe:2", "pipe.read"),
      held(10, "pipe:2", "writer"),
      state(11, "sleeping", { threads: 8 }),
    );
    assert.deepEqual(cycleOf(graph, 10), [10, 11]);
    assert.equal(bestOf(why(graph, 10)).certainty, "inferred");
  });

  test("needs all owners of a lock to be stuck, or one of them is enough", () => {
    // A shared lock has several owners, and each must let go: one that is stuck with the waiter holds it for ever.
    const owners = [held(11, "lock:a", "owner"), held(12, "lock:a", "owner"), ...waiter(12, "sleep:12", "sleep")];
    const stuck = [...waiter(10, "lock:a", "flock"), ...waiter(11, "lock:b", "flock"), held(10, "lock:b", "owner")];
    assert.deepEqual(cycleOf(graphOf(...stuck, ...owners), 10), [10, 11]);
  });

  for (const role of ["writer", "reader", "peer", "child"]) {
    test(`is none where another ${role} is free to act`, () => {
      const graph = graphOf(
        ...waiter(10, "pipe:1", "any"),
        held(11, "pipe:1", role),
        held(12, "pipe:1", role),
        ...waiter(11, "pipe:2", "any"),
        held(10, "pipe:2", role),
        ...waiter(12, "sleep:12", "sleep"),
      );
      for (const pid of [10, 11]) {
        assert.ok(
          why(graph, pid).causes.every((cause) => cause.kind !== "process.deadlock"),
          `${pid}`,
        );
      }
    });
  }

  test("is none where a stopped process is in the circle: it can be continued", () => {
    const graph = graphOf(
      ...waiter(10, "pipe:1", "pipe.read"),
      held(11, "pipe:1", "writer"),
      wait(11, "pipe:2", "pipe.read"),
      state(11, "stopped"),
      held(10, "pipe:2", "writer"),
    );
    assert.deepEqual(
      why(graph, 10).causes.map((cause) => cause.kind),
      ["process.stopped"],
    );
  });

  test("is none where a member runs: another thread of it is at work", () => {
    const graph = graphOf(
      ...waiter(10, "pipe:1", "pipe.read"),
      held(11, "pipe:1", "writer"),
      state(11, "running", { threads: 2 }),
      wait(11, "pipe:2", "pipe.read", { tid: 11 }),
      held(10, "pipe:2", "writer"),
    );
    const cause = bestOf(why(graph, 10));
    assert.deepEqual([cause.kind, cause.entityId, cause.certainty], ["process.busy", "pid-11", "inferred"]);
  });
});

describe("its own pipe", () => {
  test("is fed by another thread where it has several", () => {
    const graph = graphOf(
      state(10, "sleeping", { threads: 4 }),
      wait(10, "pipe:1", "pipe.read", { tid: 10 }),
      held(10, "pipe:1", "writer"),
    );
    assert.deepEqual([why(graph, 10).verdict, bestOf(why(graph, 10)).kind], ["idle", "process.idle"]);
  });

  test("is no matter of its own where another process can act", () => {
    const graph = graphOf(
      ...waiter(10, "pipe:1", "pipe.read"),
      held(10, "pipe:1", "writer"),
      held(11, "pipe:1", "writer"),
      state(11, "stopped"),
    );
    assert.equal(bestOf(why(graph, 10)).entityId, "pid-11");
  });

  test("does not count among the other end where it shares the waiter's", () => {
    const graph = graphOf(
      ...waiter(10, "pipe:1", "pipe.read", { end: "read" }),
      held(11, "pipe:1", "reader", { end: "read" }),
      held(12, "pipe:1", "writer", { end: "write" }),
      state(11, "stopped"),
      ...waiter(12, "sleep:12", "sleep"),
    );
    assert.deepEqual(
      why(graph, 10).causes.map((cause) => cause.entityId),
      ["pid-12"],
    );
  });
});

describe("who cannot go on", () => {
  test("for a tracer: the tracer must act", () => {
    const graph = graphOf(
      state(10, "traced"),
      held(20, "pid-10", "tracer", { source: "/proc/10/status", observed: "TracerPid: 20" }),
      ...waiter(9, "pid-10", "child"),
    );
    for (const pid of [9, 10]) {
      const cause = bestOf(why(graph, pid));
      assert.deepEqual([cause.kind, cause.entityId, cause.actor?.pid], ["process.traced", "pid-10", 20]);
      assert.deepEqual(cause.evidence, [{ source: "/proc/10/status", observed: "TracerPid: 20" }]);
    }
    assert.equal(told(why(graph, 9)), "pid-9 waits_on pid-10 held_by pid-20");
    assert.equal(why(graph, 10).verdict, "stopped");
  });

  test("because it is dead: its parent must reap it", () => {
    const graph = graphOf(state(5, "sleeping"), state(10, "zombie", { ppid: 5 }));
    const { verdict, blockedMs } = why(graph, 10);
    const cause = bestOf(why(graph, 10));
    assert.deepEqual([verdict, blockedMs, cause.kind, cause.actor?.pid], ["exited", null, "process.zombie", 5]);
  });

  test("because its cgroup is frozen: whoever froze it, nobody of the graph must act", () => {
    const graph = graphOf(state(10, "frozen", { cgroup: "/a b" }), ...waiter(9, "pid-10", "child"));
    const cause = bestOf(why(graph, 9));
    assert.deepEqual([cause.kind, cause.actor?.pid], ["process.frozen", 10]);
    assert.deepEqual(
      cause.advice.map((step) => step.command),
      ["echo 0 | sudo tee '/sys/fs/cgroup/a b/cgroup.freeze'"],
    );
  });

  test("for an error on what it consumes", () => {
    const graph = graphOf(
      state(10, "blocked"),
      event("compute.util", "gpu-03", "0", { pid: 10 }),
      event("error.hw", "gpu-03", "XID_79"),
    );
    const { verdict } = why(graph, 10);
    const cause = bestOf(why(graph, 10));
    assert.deepEqual(
      [verdict, cause.kind, cause.entityId, cause.actor, cause.detail],
      ["blocked", "gpu.error", "gpu-03", undefined, "XID_79"],
    );
    assert.match(told(why(graph, 10)), /^pid-10 consumes gpu-03 blocked_by /);
  });

  test("for a link that is down", () => {
    const graph = graphOf(...waiter(10, "eth0", "IO_WAIT"), event("topo.link_down", "eth0", ""));
    assert.deepEqual([bestOf(why(graph, 10)).kind, bestOf(why(graph, 10)).entityId], ["network.link_down", "eth0"]);
  });

  for (const [kind, holder, cause] of [
    ["pipe.read", "none", "ipc.no_peer"],
    ["tcp.recv", "remote", "network.peer_silent"],
    ["tcp.send", "remote", "network.peer_not_reading"],
    ["tcp.connect", "remote", "network.unreachable"],
    ["futex", "gone", "lock.orphaned"],
  ] as const) {
    test(`for want of anyone at the other end: ${kind}, ${holder}`, () => {
      const { verdict } = why(graphOf(...waiter(10, "x:1", kind, { holder })), 10);
      assert.equal(verdict, "blocked");
      assert.equal(bestOf(why(graphOf(...waiter(10, "x:1", kind, { holder })), 10)).kind, cause);
    });
  }

  test("for something that could not be seen is not explained", () => {
    const graph = graphOf(...waiter(10, "pipe:1", "pipe.read", { holder: "hidden", blind: "fds,peers" }));
    const { verdict, causes, blindSpots } = why(graph, 10);
    assert.deepEqual(
      [verdict, causes[0]?.kind, causes[0]?.certainty, blindSpots],
      ["unknown", "unknown", "unknown", ["fds", "peers"]],
    );
  });
});

describe("who has nothing to complain of", () => {
  for (const kind of ["tcp.accept", "epoll", "sleep", "tty.read"]) {
    test(`idles in ${kind}`, () => {
      const { verdict, blockedMs } = why(graphOf(...waiter(10, `${kind}:10`, kind)), 10);
      assert.deepEqual([verdict, blockedMs], ["idle", null]);
    });
  }

  test("computes", () => {
    const { verdict, causes } = why(graphOf(state(10, "running")), 10);
    assert.deepEqual([verdict, causes.map((cause) => cause.kind)], ["running", ["process.busy"]]);
  });

  test("computes in another thread than its resting main one", () => {
    const graph = graphOf(state(10, "running", { threads: 2 }), wait(10, "epoll:10", "epoll", { tid: 10 }));
    assert.equal(why(graph, 10).verdict, "running");
  });

  test("serves, and waits for the request of a client that sleeps; the client is the one to be blocked by its server", () => {
    const tcp = "tcp:127.0.0.1:80-127.0.0.1:999";
    const server = [...waiter(10, tcp, "tcp.recv", { serves: true }), held(11, tcp, "peer")];
    assert.equal(why(graphOf(...server, ...waiter(11, "sleep:11", "sleep")), 10).verdict, "idle");
    const client = [...waiter(11, tcp, "tcp.recv"), held(10, tcp, "server"), ...waiter(10, "sleep:10", "sleep")];
    assert.deepEqual(
      [why(graphOf(...client), 11).verdict, bestOf(why(graphOf(...client), 11)).actor?.pid],
      ["blocked", 10],
    );
  });

  test("has exited", () => {
    const { verdict, causes } = why(graphOf(state(10, "running"), state(10, "exit")), 10);
    assert.deepEqual([verdict, causes], ["exited", []]);
  });

  test("or is not known to wait at all: then nothing is claimed", () => {
    assert.equal(why(graphOf(state(10, "sleeping")), 10).verdict, "unknown");
    assert.equal(why(graphOf(state(10, "blocked")), 10).verdict, "blocked");
  });
});

describe("threads", () => {
  test("answer for a process whose main thread rests", () => {
    const graph = graphOf(
      state(10, "sleeping", { threads: 3 }),
      wait(10, "epoll:10", "epoll", { tid: 10 }),
      wait(10, "futex:9", "futex", { tid: 12 }),
      wait(10, "pipe:1", "pipe.read", { tid: 13, since_ms: T0 - 600 }),
      held(11, "pipe:1", "writer"),
      state(11, "stopped"),
    );
    const explanation = why(graph, 10);
    assert.equal(told(explanation), "pid-10 waits_on pid-10/tid-13 waits_on pipe:1 held_by pid-11");
    assert.deepEqual(
      explanation.chain.map((hop) => hop.certainty),
      ["inferred", "observed", "observed"],
    );
    assert.deepEqual([explanation.verdict, explanation.blockedMs], ["blocked", 13_000]);
  });

  test("do not answer for one whose main thread waits itself", () => {
    const graph = graphOf(
      state(10, "sleeping", { threads: 3 }),
      wait(10, "pipe:1", "pipe.read", { tid: 10 }),
      wait(10, "pipe:2", "pipe.read", { tid: 12 }),
      held(11, "pipe:1", "writer"),
      held(12, "pipe:2", "writer"),
      ...waiter(11, "sleep:11", "sleep"),
      state(12, "stopped"),
    );
    assert.equal(bestOf(why(graph, 10)).entityId, "pid-11");
  });

  test("of the same process may be waited for: a join is no deadlock with itself", () => {
    const graph = graphOf(
      state(10, "sleeping", { threads: 2 }),
      wait(10, "pid-10/tid-12", "join", { tid: 10 }),
      wait(10, "pipe:1", "pipe.read", { tid: 12 }),
      held(11, "pipe:1", "writer"),
      state(11, "stopped"),
    );
    const explanation = why(graph, 10);
    assert.equal(told(explanation), "pid-10 waits_on pid-10/tid-12 waits_on pipe:1 held_by pid-11");
    assert.equal(bestOf(explanation).kind, "process.stopped");
  });
});

describe("what stands first", () => {
  test("is a fault before what slows down, before the harmless", () => {
    const graph = graphOf(
      ...waiter(10, "lock:a", "flock"),
      held(11, "lock:a", "owner"),
      held(12, "lock:a", "owner"),
      held(13, "lock:a", "owner"),
      ...waiter(11, "sleep:11", "sleep"),
      ...waiter(12, "tcp:a-b", "tcp.recv", { holder: "remote" }),
      state(13, "stopped"),
    );
    assert.deepEqual(
      why(graph, 10).causes.map((cause) => cause.kind),
      ["process.stopped", "network.peer_silent"],
    );
  });

  test("is less sure over guesses than over observations", () => {
    const [sure, guess] = ["observed", "inferred"].map((certainty) => {
      const read = waiter(10, "pipe:1", "pipe.read", { certainty });
      return bestOf(why(graphOf(...read, held(11, "pipe:1", "writer"), state(11, "stopped")), 10));
    }) as [Cause, Cause];
    assert.deepEqual([sure.certainty, guess.certainty], ["observed", "inferred"]);
    assert.ok(sure.confidence > guess.confidence && sure.confidence <= 1 && guess.confidence > 0);
  });
});

describe("a tangle beyond any budget", () => {
  test("a chain of 10,000 is followed as far as it may be, and the rest is said to be unseen", () => {
    const graph = new Graph();
    for (let pid = 1; pid < 10_000; pid++) {
      for (const each of waiter(pid, `pipe:${pid}`, "pipe.read")) graph.apply(each);
      graph.apply(held(pid + 1, `pipe:${pid}`, "writer"));
    }
    graph.apply(state(10_000, "stopped"));
    const far = why(graph, 1);
    assert.deepEqual([far.verdict, far.causes, far.blindSpots], ["unknown", [], ["truncated"]]);
    const near = why(graph, 9000);
    assert.deepEqual([bestOf(near).entityId, near.chain.length, near.blindSpots], ["pid-10000", 2000, []]);
  });

  test("one thing with 100,000 holders is looked at in part, and nobody is accused for the part", () => {
    const graph = graphOf(...waiter(1, "pipe:1", "pipe.read"));
    for (let pid = 2; pid <= 100_000; pid++) {
      graph.apply(held(pid, "pipe:1", "writer"));
      if (pid < 1000) for (const each of waiter(pid, "pipe:2", "pipe.read")) graph.apply(each);
    }
    graph.apply(held(1, "pipe:2", "writer"));
    const { causes, blindSpots, openEnds } = why(graph, 1);
    assert.ok(causes.every((cause) => cause.kind !== "process.deadlock"));
    assert.deepEqual(blindSpots, ["truncated"]);
    assert.ok(openEnds.length < 1000);
  });

  test("a process with 200,000 waiting threads is answered for", () => {
    const graph = graphOf(state(1, "sleeping", { threads: 200_000 }));
    for (let tid = 2; tid <= 200_000; tid++) graph.apply(wait(1, "pipe:1", "pipe.read", { tid }));
    graph.apply(held(2, "pipe:1", "writer"));
    graph.apply(state(2, "stopped"));
    assert.deepEqual([bestOf(why(graph, 1)).entityId, why(graph, 1).blindSpots], ["pid-2", ["truncated"]]);
  });

  test("everybody waits for everybody, and everything is broken", () => {
    const graph = new Graph();
    const things = Array.from({ length: 60 }, (_, index) => `pipe:${index}`);
    for (let pid = 1; pid <= 200; pid++) {
      graph.apply(state(pid, "sleeping", { threads: 1 }));
      for (const thing of things) {
        graph.apply(wait(pid, thing, "pipe.read"));
        graph.apply(held(pid, thing, "writer"));
        graph.apply(event("compute.util", thing, "1", { pid }));
      }
    }
    for (const thing of things) for (let n = 0; n < 16; n++) graph.apply(event("error.net", thing, `fault-${n}`));
    const { causes, blindSpots } = why(graph, 1);
    assert.ok(causes.length > 0 && causes.length <= 5);
    assert.deepEqual(blindSpots, ["truncated"]);
  });
});
