/**
 * What everything that xctl attaches costs loads that meet it most often: two processes that hand a byte to and fro, and
 * TCP over the loopback. With and without take turns in one run, so that whatever else the machine does hits both alike.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { BpfBlock } from "../src/kernel/bpf-block.ts";
import { BpfLifecycle } from "../src/kernel/bpf-lifecycle.ts";
import { BpfNetwork } from "../src/kernel/bpf-network.ts";
import { BpfStalls } from "../src/kernel/bpf-stalls.ts";
import { medianOf, rounded, type Benchmark, type Result } from "./measure.ts";

const TURNS = 24;
const TURN_MS = 400;
/** Loading takes a core, and the load some time to be as fast as before. */
const REST_MS = 150;
const MAX_COST_PERCENT = 2;

/** Workers count in memory that they share with their parent, which tells the count for each line on its input. */
const LOAD = `
import mmap, os, socket, struct, sys
memory = mmap.mmap(-1, 8)
def count(n): memory[:] = struct.pack("<Q", n)
def switches():
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    there, back = os.pipe(), os.pipe()
    if os.fork() == 0:
        while os.read(there[0], 1): os.write(back[1], b"x")
    n = 0
    while True:
        for _ in range(100):
            os.write(there[1], b"x")
            os.read(back[0], 1)
        n += 200
        count(n)
def tcp():
    listener = socket.create_server(("127.0.0.1", 0))
    if os.fork() == 0:
        c = socket.create_connection(listener.getsockname())
        block = b"x" * 262144
        while True: c.sendall(block)
    c, _ = listener.accept()
    space, n = bytearray(262144), 0
    while True:
        n += c.recv_into(space)
        count(n)
if os.fork() == 0: globals()[sys.argv[1]]()
for line in sys.stdin: print(struct.unpack("<Q", memory[:])[0], flush=True)
`;

export const attachedBenchmark: Benchmark = {
  name: "ebpf-attached",
  run: async () => [...(await slowDown("switches", "switches/s")), ...(await slowDown("tcp", "bytes/s"))],
};

/** The median of what neighbouring turns, one with and one without, say of the load's speed. */
async function slowDown(load: "switches" | "tcp", unit: string): Promise<Result[]> {
  const workers = spawn("python3", ["-u", "-c", LOAD, load], { detached: true, stdio: ["pipe", "pipe", "inherit"] });
  try {
    const lines = createInterface({ input: workers.stdout })[Symbol.asyncIterator]();
    const counted = async () => {
      workers.stdin.write("\n");
      return Number((await lines.next()).value);
    };
    const costs: number[] = [];
    const speeds: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      const first = turn % 2 === 0;
      const one = await perSecond(counted, first);
      const other = await perSecond(counted, !first);
      const [withPrograms, without] = first ? [one, other] : [other, one];
      costs.push(100 * (1 - withPrograms / without));
      speeds.push(without);
    }
    const name = `everything attached, ${load}`;
    return [
      { name: `${load} without`, nodes: null, figure: rounded(medianOf(speeds)), unit },
      { name, nodes: null, figure: rounded(medianOf(costs)), unit: "% slower", target: { atMost: MAX_COST_PERCENT } },
    ];
  } finally {
    // All of them: it leads a process group.
    process.kill(-(workers.pid as number), "SIGKILL");
  }
}

async function perSecond(counted: () => Promise<number>, isAttached: boolean): Promise<number> {
  const objects = [await BpfLifecycle.open(), await BpfStalls.open(), await BpfBlock.open(), await BpfNetwork.open()];
  const detach = () => objects.splice(0).forEach((object) => object.close());
  if (!isAttached) detach();
  try {
    await sleep(REST_MS);
    const [count, startMs] = [await counted(), performance.now()];
    await sleep(TURN_MS);
    return (1000 * ((await counted()) - count)) / (performance.now() - startMs);
  } finally {
    detach();
  }
}
