/**
 * Processes on GPUs that fail, throttle, hang or do well: the stand-in for NVML under daemons of the scenarios' own.
 * Those that wait for their GPU are a probe's invention, for there is no GPU that a real one could wait for.
 */
import { StandIn } from "../test/probes/nvml/standin.ts";
import { gpuId } from "../src/model/entity.ts";
import type { Event } from "../src/model/event.ts";
import { needing } from "./mounts.ts";
import { Observer } from "./observer.ts";
import type { Scenario, Truth } from "./scenario.ts";
import type { Stage } from "./stage.ts";

const ANSWER_WITHIN_MS = 1000;
const TOLD_WITHIN_MS = 30_000;
/** Two looks of the probe, one a second: a fault that lasts is told by then. */
const TWO_LOOKS_MS = 2500;
/** The probe gives a call three seconds. */
const HANG_IS_TOLD_MS = 5000;

/** Nothing of it can be seen but that it is on the GPU. */
const SLEEPS = `import time\nprint("ready")\ntime.sleep(1000)`;

/** Above Linux's largest (PID_MAX_LIMIT): no real process has it. */
const INVENTED_PID = 4_300_100;

/** A machine with seventeen GPUs and a daemon, for as long as a scenario needs it. */
class Machine {
  static readonly #machines = new Map<string, Promise<Machine>>();
  readonly standIn: StandIn;
  readonly observer: Observer;
  #users = 0;
  #taken = 0;

  /** The one of this name, which ends with the last stage that uses it. */
  static async of(name: string, stage: Stage): Promise<Machine> {
    const machine = await (Machine.#machines.get(name) ?? Machine.#start(name));
    machine.#users++;
    stage.defer(() => {
      if (--machine.#users > 0) return;
      Machine.#machines.delete(name);
      void machine.observer.stop();
      machine.standIn.remove();
    });
    return machine;
  }

  static #start(name: string): Promise<Machine> {
    const standIn = new StandIn(GPUS);
    const machine = Observer.start(standIn.environment).then((observer) => new Machine(standIn, observer));
    Machine.#machines.set(name, machine);
    return machine;
  }

  private constructor(standIn: StandIn, observer: Observer) {
    this.standIn = standIn;
    this.observer = observer;
  }

  /** The number of a GPU that nobody else has. */
  take(): number {
    return this.#taken++;
  }
}

/** The last one, which has nothing to do. */
const IDLE_GPU = 16;

const GPUS = `gpus 17\n${Array.from(
  { length: 17 },
  (_, gpu) => `${gpu} util ${gpu === IDLE_GPU ? "0 0" : "97 40"}\n${gpu} memory 81559 60000\n${gpu} pcie 16 16 5 5 0`,
).join("\n")}`;

interface Play {
  pid: number;
  gpu: number;
  observer: Observer;
  standIn: StandIn;
}

/** A process on a GPU of its own; `isSplit`: on one of its two MIG instances. */
async function play(stage: Stage, name = "healthy driver", isSplit = false): Promise<Play> {
  const { pid } = await stage.python(SLEEPS);
  const machine = await Machine.of(name, stage);
  const { observer, standIn } = machine;
  const gpu = machine.take();
  standIn.add(
    isSplit
      ? `${gpu} mig 2 5 0\n${gpu} mig 3 6 0\n${gpu} process ${pid} 1000 -1 6 0`
      : `${gpu} process ${pid} 59000 97`,
  );
  const place = isSplit ? `${gpuId(gpu)}/mig-3` : gpuId(gpu);
  await untilTold("the process on its GPU", async () => {
    const { answer } = await observer.ps();
    return answer.processes.some((row) => row.pid === pid && row.resources.includes(place));
  });
  return { pid, gpu, observer, standIn };
}

async function untilTold(what: string, isTold: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + TOLD_WITHIN_MS;
  while (!(await isTold())) {
    if (Date.now() > deadline) throw new Error(`waited in vain until the daemon knew ${what}`);
    await pause(500);
  }
}

/** A process that does nothing but wait for its GPU, by the word of a probe. */
async function waiting(stage: Stage, name = "healthy driver"): Promise<Play> {
  const machine = await Machine.of(name, stage);
  const { observer, standIn } = machine;
  const gpu = machine.take();
  const pid = INVENTED_PID + gpu;
  const entity = gpuId(gpu);
  const attrs = { since_ms: Date.now(), cause: "gpu.busy", certainty: "inferred" };
  const emitter = observer.emit((): Event[] => {
    const common = { ts: Date.now(), pid };
    return [
      { ...common, event_type: "process.state", entity_id: `pid-${pid}`, value: "sleeping", attrs: { comm: "train" } },
      { ...common, event_type: "process.wait", entity_id: entity, value: "gpu.sync", attrs },
    ];
  });
  stage.defer(() => emitter.kill());
  await untilTold("the wait for the GPU", async () => {
    const { answer } = await observer.why(pid);
    return "chain" in answer && answer.chain.some(({ to }) => to === entity);
  });
  return { pid, gpu, observer, standIn };
}

async function bare(name: string, stage: Stage): Promise<Pick<Play, "observer" | "standIn"> & { take(): number }> {
  const machine = await Machine.of(name, stage);
  return { observer: machine.observer, standIn: machine.standIn, take: () => machine.take() };
}

/** The pid of one of two ranks that runs the script. */
async function rankOn(stage: Stage, rank: number, script: string): Promise<number> {
  const job = [`TORCHELASTIC_RUN_ID=xctl-gpu-${process.pid}`, "WORLD_SIZE=2"];
  const actor = await stage.start("env", `RANK=${rank}`, `LOCAL_RANK=${rank}`, ...job, "python3", "-c", script);
  await untilTold(`rank ${rank} at work`, async () => actor.lines.includes("ready"));
  return actor.pid;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Nothing holds it up. */
const sound = ({ pid, observer }: Play): Truth => ({
  ask: pid,
  verdict: "idle",
  kind: "process.sleeping",
  culprit: pid,
  alarming: false,
  observer,
});

const scenarios: readonly Scenario[] = [
  {
    name: "process on a healthy GPU",
    setUp: async (stage) => sound(await play(stage)),
  },
  {
    name: "process on a GPU with an XID that needs a reset",
    async setUp(stage) {
      const { pid, gpu, observer, standIn } = await play(stage);
      standIn.add(`${gpu} xid ${nextXid()} 119`);
      await pause(TWO_LOOKS_MS);
      return { ask: pid, verdict: "blocked", kind: "gpu.error", alarming: true, observer };
    },
  },
  {
    name: "process on the GPU beside one with an XID",
    async setUp(stage) {
      const scene = await play(stage);
      const { gpu } = await play(stage);
      scene.standIn.add(`${gpu} xid ${nextXid()} 119`);
      await pause(TWO_LOOKS_MS);
      return sound(scene);
    },
  },
  {
    name: "process on a GPU with an XID of some program that is not known",
    async setUp(stage) {
      const scene = await play(stage);
      scene.standIn.add(`${scene.gpu} xid ${nextXid()} 31`);
      await pause(TWO_LOOKS_MS);
      return sound(scene);
    },
  },
  {
    name: "process on a GPU that is lost from the bus",
    async setUp(stage) {
      const { pid, gpu, observer, standIn } = await play(stage);
      standIn.add(`${gpu} lost`);
      await pause(TWO_LOOKS_MS);
      return { ask: pid, verdict: "blocked", kind: "gpu.error", alarming: true, observer };
    },
  },
  {
    name: "process on a part of a GPU that needs a reset",
    async setUp(stage) {
      const { pid, gpu, observer, standIn } = await play(stage, "healthy driver", true);
      standIn.add(`${gpu} xid ${nextXid()} 119`);
      await pause(TWO_LOOKS_MS);
      return { ask: pid, verdict: "blocked", kind: "gpu.error", alarming: true, observer };
    },
  },
  {
    name: "process on a part of a healthy GPU",
    setUp: async (stage) => sound(await play(stage, "healthy driver", true)),
  },
  {
    name: "process on a throttled GPU",
    async setUp(stage) {
      const scene = await play(stage);
      scene.standIn.add(`${scene.gpu} reasons 72`);
      await pause(TWO_LOOKS_MS);
      return sound(scene);
    },
  },
  {
    name: "process that waits for its throttled GPU",
    async setUp(stage) {
      const { pid, gpu, observer, standIn } = await waiting(stage);
      standIn.add(`${gpu} reasons 72`);
      await pause(TWO_LOOKS_MS);
      return { ask: pid, verdict: "blocked", kind: "gpu.throttled", alarming: true, observer };
    },
  },
  {
    name: "job of two ranks, one of which gives its GPU nothing to do",
    heavy: true,
    async setUp(stage) {
      const { observer, standIn, take } = await bare("healthy driver", stage);
      // As CUDA waits for its GPU; and as Python does for whatever its other threads are to do first.
      const spinning = await rankOn(stage, 0, `print("ready", flush=True)\nwhile True: pass`);
      const late = await rankOn(stage, 1, `import threading\nprint("ready", flush=True)\nthreading.Event().wait()`);
      standIn.add(`${take()} process ${spinning} 59000 97\n${IDLE_GPU} process ${late} 59000 0`);
      await untilTold("both ranks on their GPUs", async () => {
        const { answer } = await observer.ps();
        return [spinning, late].every((pid) =>
          answer.processes.some((row) => row.pid === pid && row.resources.length > 0),
        );
      });
      await pause(TWO_LOOKS_MS);
      const who = { kind: "unknown", members: [late] } as const;
      return {
        ask: spinning,
        verdict: "blocked",
        alarming: false,
        observer,
        ...who,
        job: { ranks: [spinning, late], ...who },
      };
    },
  },
  {
    name: "process that waits for its busy GPU",
    async setUp(stage) {
      const { pid, observer } = await waiting(stage);
      return { ask: pid, verdict: "blocked", kind: "gpu.busy", alarming: false, observer };
    },
  },
  {
    name: "process on a GPU while the driver answers nobody",
    async setUp(stage) {
      const scene = await play(stage, "hanging driver");
      scene.standIn.add(HANG);
      await pause(HANG_IS_TOLD_MS);
      for (const { tookMs } of [await scene.observer.ps(), await scene.observer.why(scene.pid)]) {
        if (tookMs > ANSWER_WITHIN_MS) throw new Error(`an answer took ${tookMs.toFixed(0)} ms`);
      }
      return sound(scene);
    },
  },
  {
    name: "process that waits for its GPU while the driver answers nobody",
    async setUp(stage) {
      const { pid, observer, standIn } = await waiting(stage, "driver that hangs later");
      standIn.add(HANG);
      await pause(HANG_IS_TOLD_MS);
      return { ask: pid, verdict: "blocked", kind: "gpu.error", alarming: true, observer };
    },
  },
];

const HANG = "hang nvmlDeviceGetUtilizationRates 1";

let xids = 0;

/** The stand-in hands out what has a higher number than what it handed out before. */
function nextXid(): number {
  return ++xids;
}

export const gpu: readonly Scenario[] = needing(["gcc"], scenarios);
