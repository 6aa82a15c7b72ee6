/**
 * What the programs of the probe `ebpf-network` cost TCP over the loopback at full speed: the same connections, with and
 * without them attached, taking turns in one run, so that whatever else the machine does hits both alike.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { BpfNetwork } from "../src/kernel/bpf-network.ts";
import { medianOf, rounded, type Benchmark, type Result } from "./measure.ts";

const TURNS = 60;
const TURN_MS = 250;
const REST_MS = 100;
const MAX_COST_PERCENT = 2;

/** Both ends in one program each; asked by a line on its input, the receiver tells how many bytes came. */
const PEERS = `
import os, socket, sys, threading
size = int(sys.argv[1])
listener = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    c = socket.create_connection(listener.getsockname())
    block = b"x" * size
    while True: c.sendall(block)
c, _ = listener.accept()
space = bytearray(size)
def answer():
    for line in sys.stdin: print(received, flush=True)
    os._exit(0)
received = 0
threading.Thread(target=answer, daemon=True).start()
print("ready", flush=True)
while True:
    n = c.recv_into(space)
    if n == 0: break
    received += n
`;

export const ebpfNetworkBenchmark: Benchmark = {
  name: "ebpf-network",
  run: async () => [await slowDown("bulk", 256 * 1024), await slowDown("small messages", 512)],
};

/** The median of what neighbouring turns, one with and one without, say of the bytes that got through. */
async function slowDown(load: string, messageBytes: number): Promise<Result> {
  const peers = spawn("python3", ["-u", "-c", PEERS, String(messageBytes)], {
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
  });
  try {
    const lines = createInterface({ input: peers.stdout })[Symbol.asyncIterator]();
    await lines.next();
    const received = async () => {
      peers.stdin.write("\n");
      return Number((await lines.next()).value);
    };
    const costs: number[] = [];
    for (let turn = 0; turn < TURNS; turn++) {
      const first = turn % 2 === 0;
      const one = await bytesPerMs(received, first);
      const other = await bytesPerMs(received, !first);
      const [withPrograms, without] = first ? [one, other] : [other, one];
      costs.push(100 * (1 - withPrograms / without));
    }
    const figure = rounded(medianOf(costs));
    return {
      name: `ebpf-network: ${load}`,
      nodes: null,
      figure,
      unit: "% slower",
      target: { atMost: MAX_COST_PERCENT },
    };
  } finally {
    // Both of them: it leads a process group.
    process.kill(-(peers.pid as number), "SIGKILL");
  }
}

async function bytesPerMs(received: () => Promise<number>, isAttached: boolean): Promise<number> {
  const network = await BpfNetwork.open();
  if (!isAttached) network.close();
  try {
    // Loading takes a core, and the peers some time to be as fast as before.
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const [bytes, startMs] = [await received(), performance.now()];
    await new Promise((resolve) => setTimeout(resolve, TURN_MS));
    return ((await received()) - bytes) / (performance.now() - startMs);
  } finally {
    network.close();
  }
}
