/**
 * Stalls of TCP connections on the way, and those that only look alike. One end is in a network namespace of its own,
 * with a firewall of its own, joined to ours by a pair of interfaces: nothing else on the machine is disturbed.
 */
import { execFileSync } from "node:child_process";
import type { CauseKind } from "../src/model/cause.ts";
import type { Scenario, Truth } from "./scenario.ts";
import { asleep, until, waitsIn, type Actor, type Stage } from "./stage.ts";

const NEEDS = ["root", "unshare", "nsenter", "ip", "iptables"] as const;
const PORT = 4711;

/**
 * Connections of which each end does, one after the other, what it is told: `recv`, `send`, `flood`, `wait` (for a file
 * of that name in the working folder), `sleep`, `loop` (an event loop over it); `ping` and `echo` go on for ever. It
 * prints when it is connected, and what it does.
 */
const PLAY = `
import os, select, socket, sys, time
def play(c, steps):
    print("connected")
    for step in steps:
        print(step)
        if step == "recv": c.recv(100)
        elif step == "send": c.sendall(b"hello")
        elif step == "sleep": time.sleep(1000)
        elif step == "loop":
            loop = select.epoll(); loop.register(c, select.EPOLLIN); loop.poll()
        elif step == "flood":
            while True: c.send(b"x" * 65536)
        elif step == "ping":
            while True: c.sendall(b"ping"); c.recv(4); time.sleep(0.02)
        elif step == "echo":
            while True: c.sendall(c.recv(4))
        elif step.startswith("wait:"):
            while not os.path.exists(step[5:]): time.sleep(0.05)
print("ready")
role, address, port, steps = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:]
while True:
    try:
        if role == "server": s = socket.create_server((address, port), backlog=0)
        else: c = socket.create_connection((address, port))
        break
    except OSError: time.sleep(0.05)
if role == "server":
    print("listens")
    if steps[0] == "deaf": time.sleep(1000)
    c, _ = s.accept()
play(c, steps)
`;

interface Pair {
  client: Actor;
  server: Actor;
  /** One more client, where the first is. */
  connect(...steps: string[]): Promise<Actor>;
  /** Runs iptables in the namespace that is apart from ours. */
  firewall(...rule: string[]): void;
}

/** The end of that role is apart, the other in our network namespace. */
async function pair(
  stage: Stage,
  apart: "client" | "server",
  steps: { client: readonly string[]; server: readonly string[] },
): Promise<Pair> {
  const keeper = await stage.start("unshare", "-n", "sh", "-c", "echo ready; exec sleep 1000");
  const { here, there } = join(stage, keeper.pid);
  const inside = ["-t", String(keeper.pid), "-n", "--"];
  const address = apart === "server" ? there : here;
  const play = (role: "client" | "server", ...does: readonly string[]): Promise<Actor> => {
    const program = ["python3", "-u", "-c", PLAY, role, address, String(PORT), ...does] as const;
    return apart === role ? stage.start("nsenter", ...inside, ...program) : stage.start(...program);
  };
  const server = await play("server", ...steps.server);
  await until("the server to listen", () => server.lines.includes("listens"));
  return {
    client: await play("client", ...steps.client),
    server,
    connect: (...does) => play("client", ...does),
    firewall: (...rule) => void run("nsenter", ...inside, "iptables", "-w", ...rule),
  };
}

/** A pair of interfaces between our namespace and that of the process; both go when it ends. */
function join(stage: Stage, pid: number): { here: string; there: string } {
  const net = `10.${64 + ((pid >> 14) & 63)}.${(pid >> 6) & 255}`;
  const [here, there] = [`${net}.${(pid & 63) * 4 + 1}`, `${net}.${(pid & 63) * 4 + 2}`];
  const name = `xh${pid}`;
  run("ip", "link", "add", name, "type", "veth", "peer", "name", "apart", "netns", String(pid));
  stage.defer(() => run("ip", "link", "delete", name));
  run("ip", "address", "add", `${here}/30`, "dev", name);
  run("ip", "link", "set", name, "up");
  const inside = ["-t", String(pid), "-n", "--", "ip"];
  run("nsenter", ...inside, "link", "set", "lo", "up");
  run("nsenter", ...inside, "address", "add", `${there}/30`, "dev", "apart");
  run("nsenter", ...inside, "link", "set", "apart", "up");
  return { here, there };
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { stdio: "pipe", encoding: "utf8" });
}

function touch(stage: Stage, name: string): void {
  run("touch", `${stage.folder}/${name}`);
}

/** A step is printed before it is taken. */
async function haveCome(actor: Actor, step: string): Promise<void> {
  await until(`pid ${actor.pid} to come to ${step}`, () => actor.lines.includes(step));
}

const DROP_ALL = ["-A", "INPUT", "-i", "apart", "-j", "DROP"];

/** The client has asked once and been answered; what it then sends is dropped on the way. */
function cutSender(does: readonly string[]) {
  return async (stage: Stage): Promise<Truth> => {
    const steps = { client: ["send", "recv", "wait:cut", ...does], server: ["recv", "send", "recv", "sleep"] };
    const { client, firewall } = await pair(stage, "server", steps);
    await haveCome(client, "wait:cut");
    firewall(...DROP_ALL);
    touch(stage, "cut");
    await haveCome(client, does.at(-1) as string);
    await waitsIn(client.pid, /wait_woken|sk_wait|sk_stream|recv|poll/);
    return unreachable(client.pid);
  };
}

/** The client has nothing more to send and waits; what the server then answers is dropped on the way. */
function cutAnswer(apart: "client" | "server") {
  return async (stage: Stage): Promise<Truth> => {
    const steps = { client: ["send", "recv"], server: ["recv", "wait:cut", "send", "sleep"] };
    const { client, server, firewall } = await pair(stage, apart, steps);
    await haveCome(server, "wait:cut");
    await waitsIn(client.pid, /wait_woken|sk_wait|recv/);
    // The answer passes the firewall inwards where the client is apart, and outwards where the server is.
    firewall("-A", apart === "client" ? "INPUT" : "OUTPUT", "-p", "tcp", "-j", "DROP");
    touch(stage, "cut");
    await haveCome(server, "sleep");
    return unreachable(client.pid);
  };
}

function unreachable(ask: number): Truth {
  return { ask, verdict: "blocked", kind: "network.unreachable", alarming: true };
}

const ALIVE: readonly CauseKind[] = ["process.idle", "process.sleeping", "process.busy", "unknown"];

export const network: readonly Scenario[] = [
  {
    name: "client whose request a firewall drops on an established connection",
    needs: NEEDS,
    setUp: cutSender(["send", "recv"]),
  },
  {
    name: "sender of much whose data a firewall drops on an established connection",
    needs: NEEDS,
    setUp: cutSender(["flood"]),
  },
  {
    name: "event loop whose request a firewall drops on its only connection",
    needs: NEEDS,
    setUp: cutSender(["send", "loop"]),
  },
  {
    name: "client in a container, the server's answer dropped by a firewall",
    needs: NEEDS,
    setUp: cutAnswer("client"),
  },
  {
    name: "client of a server in a container, the answer dropped by a firewall",
    needs: NEEDS,
    setUp: cutAnswer("server"),
  },
  {
    name: "connect to a port that a firewall drops",
    needs: NEEDS,
    async setUp(stage) {
      const steps = { client: ["sleep"], server: ["sleep"] };
      const { server, connect, firewall } = await pair(stage, "server", steps);
      await haveCome(server, "sleep");
      firewall(...DROP_ALL);
      const late = await connect("recv");
      await waitsIn(late.pid, /connect|wait_woken/);
      return unreachable(late.pid);
    },
  },
  {
    name: "connect to a stopped server whose accept queue is full",
    needs: NEEDS,
    async setUp(stage) {
      const { client, server, connect } = await pair(stage, "server", { client: ["recv"], server: ["deaf"] });
      await haveCome(client, "recv");
      stage.stop(server.pid);
      const late = await connect("recv");
      await waitsIn(late.pid, /connect|wait_woken/);
      return { ask: late.pid, verdict: "blocked", kind: "process.stopped", culprit: server.pid, alarming: true };
    },
  },
  {
    name: "sender to a stopped server in a container, window full",
    needs: NEEDS,
    async setUp(stage) {
      const { client, server } = await pair(stage, "server", { client: ["flood"], server: ["sleep"] });
      await haveCome(client, "flood");
      stage.stop(server.pid);
      await waitsIn(client.pid, /wait_woken|sk_stream/);
      return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: server.pid, alarming: true };
    },
  },
  {
    name: "connection that loses packets, but lives",
    needs: NEEDS,
    async setUp(stage) {
      const { client, firewall } = await pair(stage, "server", { client: ["ping"], server: ["echo"] });
      await haveCome(client, "ping");
      const atRandom = ["-m", "statistic", "--mode", "random", "--probability", "0.05"];
      firewall("-A", "INPUT", "-p", "tcp", ...atRandom, "-j", "DROP");
      const kind: readonly CauseKind[] = [...ALIVE, "network.loss"];
      return { ask: client.pid, verdict: ["idle", "running", "blocked", "unknown"], kind, alarming: false };
    },
  },
  {
    name: "long idle connection, its server waits for the next request",
    needs: NEEDS,
    async setUp(stage) {
      const steps = { client: ["send", "recv", "sleep"], server: ["recv", "send", "recv"] };
      const { client, server } = await pair(stage, "server", steps);
      await haveCome(client, "sleep");
      await asleep(server.pid);
      return { ask: server.pid, verdict: ["idle", "blocked"], kind: [], alarming: false };
    },
  },
];
