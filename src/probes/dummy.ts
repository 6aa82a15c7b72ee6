/**
 * An invented job on four GPUs, for demos and for tests of what consumes events. Its third rank waits for the network
 * half of the time, and its last GPU fails now and then. The pids are above Linux's largest (PID_MAX_LIMIT, 4194304), so that
 * nobody takes them for real ones and nothing can be signalled by them.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Event } from "../model/event.ts";
import type { Probe } from "./probe.ts";

const FIRST_PID = 4_300_001;
const RANKS = 4;
const JOB = "dummy-job";
const STALLED_RANK = 2;
const STALL_PERIOD = 20;
const FAILURE_PERIOD = 120;

export function dummyProbe(): Probe {
  return {
    name: "dummy",
    summary: "an invented job on four GPUs",
    supported: () => true,
    async *run({ signal, now, interval }) {
      const startMs = now();
      yield dummyStart(startMs);
      for (let tick = 0; !signal.aborted; tick++) {
        yield dummyTick(tick, now());
        await delay(interval, undefined, { signal }).catch(() => {});
      }
    },
  };
}

/** The job's birth: each rank's process, and the job it belongs to. */
export function dummyStart(ts: number): Event[] {
  return ranks().flatMap(({ rank, pid }): Event[] => {
    const attrs = { comm: "train.py", ppid: 1, start_ms: ts, rank, world_size: RANKS };
    return [
      { ts, event_type: "process.state", entity_id: `pid-${pid}`, pid, job_id: JOB, value: "start", attrs },
      { ts, event_type: "intent.run", entity_id: JOB, pid, job_id: JOB, value: "dummy" },
    ];
  });
}

/** The job at its n-th tick: the same tick tells the same. */
export function dummyTick(tick: number, ts: number): Event[] {
  const stalls = tick % (2 * STALL_PERIOD) >= STALL_PERIOD;
  const events = ranks().flatMap(({ rank, pid, gpu }): Event[] => {
    const waits = stalls && rank === STALLED_RANK;
    const wave = Math.sin(tick / 5 + rank);
    const common = { ts, job_id: JOB, pid };
    return [
      { ...common, event_type: "compute.util", entity_id: gpu, value: (waits ? 0 : 85 + 10 * wave).toFixed(0) },
      { ...common, event_type: "compute.mem", entity_id: gpu, value: (70 + 5 * wave).toFixed(0) },
      { ...common, event_type: "process.state", entity_id: `pid-${pid}`, value: waits ? "sleeping" : "running" },
      waits
        ? { ...common, event_type: "transport.bw", entity_id: "eth0", value: "IO_WAIT" }
        : { ts, event_type: "transport.bw", entity_id: "eth0", value: (9000 + 500 * wave).toFixed(0) },
    ];
  });
  if (tick % FAILURE_PERIOD === FAILURE_PERIOD - 1) {
    events.push({ ts, event_type: "error.hw", entity_id: "gpu-03", value: "XID_79" });
  }
  return events;
}

function ranks(): { rank: number; pid: number; gpu: string }[] {
  return Array.from({ length: RANKS }, (_, rank) => ({ rank, pid: FIRST_PID + rank, gpu: `gpu-0${rank}` }));
}
