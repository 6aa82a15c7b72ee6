/**
 * Event streams as a busy machine tells them, made from a seed: the same for every run.
 *
 * Half are measures of GPUs, each naming a process and its job; the rest is what the process probe tells, with all the
 * attributes that it sends. Processes come in no order, so that each event meets another one than the last did. Every
 * process uses one GPU and two locks, each of which it shares with others. It knows nothing of what is measured.
 */
import type { Event, EventType } from "../src/model/event.ts";

const MIX = [
  ["compute.util", 35],
  ["compute.mem", 15],
  ["process.state", 20],
  ["process.wait", 15],
  ["resource.held", 10],
  ["transport.bw", 5],
] as const;

const START_MS = 1_700_000_000_000;
const EVENTS_A_MS = 100;
/** GPUs of a large node or of a small cluster. */
const MAX_GPUS = 1024;

export interface LoadShape {
  processes: number;
  locks: number;
}

/** Processes and locks that make a graph of about so many nodes. */
export function shapeOf(nodes: number): LoadShape {
  return { processes: Math.ceil(nodes * 0.9), locks: Math.max(2, Math.floor(nodes * 0.1)) };
}

/** `count` events of `shape`, one at a time. The first ones bring up every process, from pid 1 on. */
export function* load(count: number, { processes, locks }: LoadShape): Generator<Event> {
  const random = generator(42);
  const types: EventType[] = MIX.flatMap(([type, share]) => Array.from({ length: share }, () => type));
  for (let index = 0; index < count; index++) {
    const isNew = index < processes;
    const type = isNew ? "process.state" : (types[Math.floor(random() * types.length)] as EventType);
    const pid = 1 + (isNew ? index : Math.floor(random() * processes));
    const lock = `lock:08:01:${(pid * 7 + Math.floor(random() * 2)) % locks}`;
    yield eventOf(type, { pid, lock, ts: START_MS + Math.floor(index / EVENTS_A_MS) }, random);
  }
}

interface Subject {
  pid: number;
  lock: string;
  ts: number;
}

function eventOf(type: EventType, { pid, lock, ts }: Subject, random: () => number): Event {
  const node = "node-1";
  switch (type) {
    case "process.state": {
      const [value, letter] = [
        ["running", "R"],
        ["sleeping", "S"],
        ["blocked", "D"],
      ][Math.floor(random() * 3)] as [string, string];
      const evidence = { source: `/proc/${pid}/stat`, observed: `state ${letter} (${value})` };
      const attrs = {
        comm: `worker-${pid % 97}`,
        start_ms: pid * 10,
        threads: 4,
        ppid: 1,
        since_ms: ts - 10,
        ...evidence,
      };
      return { ts, event_type: type, entity_id: `pid-${pid}`, pid, value, node, attrs };
    }
    case "process.wait": {
      if (random() < 0.5)
        return { ts, event_type: type, entity_id: lock, pid, value: "end", node, attrs: { tid: pid } };
      const call = { syscall: "flock", wchan: "locks_lock_inode_wait", certainty: "observed" };
      const evidence = { source: `/proc/${pid}/task/${pid}/syscall`, observed: "flock(3, LOCK_EX)" };
      const attrs = { tid: pid, since_ms: ts - 1500, ...evidence, ...call };
      return { ts, event_type: type, entity_id: lock, pid, value: "flock", node, attrs };
    }
    case "resource.held": {
      if (random() < 0.5) return { ts, event_type: type, entity_id: lock, pid, value: "end", node };
      const attrs = { source: "/proc/locks", observed: `FLOCK ADVISORY WRITE ${pid}`, certainty: "observed" };
      return { ts, event_type: type, entity_id: lock, pid, value: "owner", node, attrs };
    }
    case "transport.bw":
      return { ts, event_type: type, entity_id: `eth${pid % 8}`, value: String(Math.floor(random() * 10_000)), node };
    default: {
      const value = String(Math.floor(random() * 100));
      return { ts, event_type: type, entity_id: `gpu-${pid % MAX_GPUS}`, pid, job_id: `job-${pid % 50}`, value, node };
    }
  }
}

/** A linear congruential generator: numbers in 0..1, the same for the same seed. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 0x1_0000_0000;
  };
}
