/** One case for all tests of the model's side: 10 reads from 11, which waits for a lock of 12, which is stopped. */
import type { CaseFile } from "../../src/diagnose/case.ts";
import type { Answer } from "../../src/diagnose/answer-schema.ts";
import type { Event } from "../../src/model/event.ts";

export const EVENTS: Event[] = [
  { ts: 1000, event_type: "process.wait", entity_id: "pipe:1", pid: 10, value: "pipe.read", attrs: { since_ms: 500 } },
  { ts: 1000, event_type: "resource.held", entity_id: "pipe:1", pid: 11, value: "writer" },
  { ts: 1500, event_type: "process.wait", entity_id: "lock:8:1:33", pid: 11, value: "flock" },
  { ts: 1500, event_type: "resource.held", entity_id: "lock:8:1:33", pid: 12, value: "owner" },
  { ts: 2000, event_type: "process.state", entity_id: "pid-12", pid: 12, value: "stopped", attrs: { comm: "holder" } },
];

/** As caseFile() makes it of such events. */
export const CASE: CaseFile = {
  schema: "xctl.case/1",
  asked_ms: 2000,
  why: {
    schema: "xctl.why/1",
    process: {
      node: "",
      pid: 10,
      start_ms: null,
      comm: "reader",
      cmdline: "reader",
      state: "sleeping",
      job_id: null,
      rank: null,
      job_role: null,
      flight_record: null,
      container: null,
      ended: null,
    },
    verdict: "blocked",
    blocked_ms: 1500,
    chain: [
      { from: "pid-10", edge: "waits_on", to: "pipe:1", detail: "pipe.read", certainty: "observed" },
      { from: "pipe:1", edge: "held_by", to: "pid-11", detail: "writer", certainty: "observed" },
      { from: "pid-11", edge: "waits_on", to: "lock:8:1:33", detail: "flock", certainty: "observed" },
      { from: "lock:8:1:33", edge: "held_by", to: "pid-12", detail: "owner", certainty: "observed" },
    ],
    root_causes: [
      {
        kind: "process.stopped",
        entity_id: "pid-12",
        pid: 12,
        pids: [12],
        tids: [],
        confidence: 0.97,
        certainty: "observed",
        summary: "holder (12) is stopped by a signal.",
        evidence: [{ source: "/proc/12/stat", observed: "state T" }],
        advice: [{ text: "Let holder (12) go on.", command: "kill -CONT 12", risk: "safe" }],
      },
    ],
    blind_spots: [],
    names: { "pid-10": "reader", "pid-11": "writer", "pid-12": "holder" },
  },
  processes: [],
  events: [],
  probes: [],
  entities: ["pid-10", "pipe:1", "pid-11", "lock:8:1:33", "pid-12"],
  left_out: { processes: 0, events: 0 },
};

/** All of it is borne out by the case. */
export const GOOD: Answer = {
  root_cause: "process.stopped",
  explanation: "holder was stopped while it had the lock, so writer and reader wait for it.",
  steps: [{ text: "Let holder go on.", command: "kill -CONT 12", risk: "safe" }],
  prevention: ["Do not stop a process that holds a lock."],
  confidence: 0.9,
  cited: ["pid-12", "lock:8:1:33"],
};

/** Cites what is not there. */
export const WRONG: Answer = { ...GOOD, cited: ["pid-12", "pid-99"] };
