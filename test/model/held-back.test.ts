import assert from "node:assert/strict";
import { test } from "node:test";
import type { Event } from "../../src/model/event.ts";
import { Graph } from "../../src/model/graph.ts";
import { explain, isAlarming } from "../../src/model/why.ts";
import { held, state, T0, wait } from "./events.ts";

const LIMIT = "/sys/fs/cgroup/cpu/a b/cpu.cfs_quota_us";
const QUOTA = { cause: "cpu.throttled", object: LIMIT, setting: "100000", source: "cpu.stat", observed: "throttled" };

function why(pid: number, ...events: Event[]) {
  const graph = new Graph();
  for (const event of events) graph.apply(event);
  const process = graph.process(pid);
  assert.ok(process !== undefined);
  const explanation = explain(graph, process, T0 + 5000);
  const [cause] = explanation.causes;
  return {
    verdict: explanation.verdict,
    alarming: isAlarming(explanation),
    kind: cause?.kind,
    entity: cause?.entityId,
    pid: cause?.actor?.pid,
    commands: cause?.advice.map(({ command }) => command),
  };
}

const busy = (pid: number, threads = 1) => state(pid, "running", { threads, start_ms: pid });

test("a process out of quota is starved, and the limit is what to raise", () => {
  assert.deepEqual(why(10, busy(10), wait(10, "cgroup:/a b", "cpu.quota", { tid: 10, ...QUOTA })), {
    verdict: "starved",
    alarming: true,
    kind: "cpu.throttled",
    entity: "cgroup:/a b",
    pid: 10,
    commands: [`echo 100000 | sudo tee '${LIMIT}'`, "systemd-cgtop -b -n 2"],
  });
});

test("who waits for it is blocked by that", () => {
  const answer = why(
    11,
    state(11, "sleeping", { threads: 1, start_ms: 11 }),
    wait(11, "pipe:1", "pipe.read", { tid: 11 }),
    held(10, "pipe:1", "writer"),
    busy(10),
    wait(10, "cgroup:/a b", "cpu.quota", { tid: 10, ...QUOTA }),
  );
  assert.deepEqual([answer.verdict, answer.kind, answer.pid, answer.alarming], ["blocked", "cpu.throttled", 10, true]);
});

test("whoever has the CPU must give way", () => {
  const starved = wait(10, "cpu:1", "cpu.runqueue", { tid: 10, cause: "cpu.starved", actor: 12 });
  const answer = why(10, busy(10), busy(12), starved);
  assert.deepEqual([answer.verdict, answer.kind, answer.entity, answer.pid], ["starved", "cpu.starved", "cpu:1", 12]);
  assert.equal(answer.commands?.[0], "sudo chrt --idle --all-tasks --pid 0 12");
});

test("nobody is named where nobody is known", () => {
  const answer = why(10, busy(10), wait(10, "cpu", "cpu.runqueue", { tid: 10, cause: "cpu.starved" }));
  assert.deepEqual([answer.verdict, answer.kind, answer.pid], ["starved", "cpu.starved", undefined]);
  assert.deepEqual(answer.commands, ["top -b -n 1 -H"]);
});

test("a main thread that joins workers which are out of quota", () => {
  const answer = why(
    10,
    busy(10, 3),
    wait(10, "futex:10:7f", "futex", { tid: 10 }),
    wait(10, "cgroup:/a", "cpu.quota", { tid: 12, ...QUOTA }),
  );
  assert.deepEqual([answer.verdict, answer.kind, answer.pid], ["starved", "cpu.throttled", 10]);
});

test("a process in a full memory cgroup", () => {
  const full = { cause: "memory.oom", object: "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", setting: "83886080" };
  const answer = why(
    10,
    state(10, "blocked", { threads: 1 }),
    wait(10, "cgroup:/a", "memory.oom", { tid: 10, ...full }),
  );
  assert.deepEqual([answer.verdict, answer.kind, answer.pid, answer.alarming], ["blocked", "memory.oom", 10, true]);
  assert.equal(answer.commands?.[0], `echo 83886080 | sudo tee ${full.object}`);
});
