/**
 * Stalls of TCP connections whose interface is down or gone, and those that only look alike. The server is in a network
 * namespace of its own, joined to ours by pairs of interfaces of the scenario's own.
 */
import { execFileSync } from "node:child_process";
import { needing } from "./mounts.ts";
import type { Scenario, Truth } from "./scenario.ts";
import { until, waitsIn, type Stage } from "./stage.ts";

const PORT = 4712;
/** The network probe looks every two seconds. */
const BETWEEN_LOOKS_MS = 2500;

const SERVER = `
import socket, sys, time
print("ready")
while True:
    try: s = socket.create_server((sys.argv[1], int(sys.argv[2]))); break
    except OSError: time.sleep(0.05)
print("listens")
c, _ = s.accept()
c.recv(5)
print("asked")
time.sleep(1000)
`;

/** It has asked, and waits for the answer. */
const CLIENT = `
import socket, sys, time
print("ready")
while True:
    try: c = socket.create_connection((sys.argv[1], int(sys.argv[2]))); break
    except OSError: time.sleep(0.05)
c.sendall(b"hello")
c.recv(1)
`;

/** A pair of interfaces: `here` in our namespace, `apart` in the other. */
interface Pair {
  here: string;
  apart: string;
  address: string;
}

interface Cast {
  client: number;
  server: number;
  first: Pair;
  second: Pair;
  /** Runs ip in the namespace that is apart. */
  ipApart(...args: string[]): void;
}

/** A server that never answers, apart; a client of it, here or there; and two ways between the namespaces. */
async function play(stage: Stage, { isClientApart = false } = {}): Promise<Cast> {
  const keeper = await stage.start("unshare", "-n", "sh", "-c", "echo ready; exec sleep 1000");
  const inside = ["-t", String(keeper.pid), "-n", "--"];
  const ipApart = (...args: string[]) => run("nsenter", ...inside, "ip", ...args);
  const [first, second] = [0, 1].map((which) => join(stage, keeper.pid, which, ipApart)) as [Pair, Pair];
  const address = isClientApart ? otherEnd(first.address) : first.address;
  const start = (isApart: boolean, source: string) => {
    const program = ["python3", "-u", "-c", source, address, String(PORT)] as const;
    return isApart ? stage.start("nsenter", ...inside, ...program) : stage.start(...program);
  };
  const server = await start(!isClientApart, SERVER);
  await until("the server to listen", () => server.lines.includes("listens"));
  const client = await start(isClientApart, CLIENT);
  await until("the server to be asked", () => server.lines.includes("asked"));
  await waitsIn(client.pid, /wait_woken|sk_wait|recv/);
  // The interface must have been seen as it was: what nobody saw alive, nobody misses.
  await pause(BETWEEN_LOOKS_MS);
  return { client: client.pid, server: server.pid, first, second, ipApart };
}

function join(stage: Stage, pid: number, which: number, ipApart: (...args: string[]) => void): Pair {
  const net = `10.${128 + ((pid >> 13) & 63)}.${(pid >> 5) & 255}`;
  const last = ((pid & 31) * 2 + which) * 4;
  const [here, apart] = [`xl${which}${pid}`, `apart${which}`];
  run("ip", "link", "add", here, "type", "veth", "peer", "name", apart, "netns", String(pid));
  stage.defer(() => exists(here) && run("ip", "link", "delete", here));
  run("ip", "address", "add", `${net}.${last + 1}/30`, "dev", here);
  ipApart("address", "add", `${net}.${last + 2}/30`, "dev", apart);
  ipApart("link", "set", apart, "up");
  run("ip", "link", "set", here, "up");
  return { here, apart, address: `${net}.${last + 2}` };
}

/** Of a /30 network, whose first address is ours. */
function otherEnd(address: string): string {
  return address.replace(/\d+$/, (last) => String(Number(last) - 1));
}

function exists(name: string): boolean {
  return run("ip", "-o", "link", "show").includes(`: ${name}@`);
}

function run(program: string, ...args: string[]): string {
  return execFileSync(program, args, { stdio: "pipe", encoding: "utf8" });
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function linkDown({ client }: Cast): Truth {
  return { ask: client, verdict: "blocked", kind: "network.link_down", alarming: true };
}

/** Nothing is wrong with the way: the server has been asked, and sleeps. */
function serverSleeps({ client, server }: Cast): Truth {
  return { ask: client, verdict: "blocked", kind: "process.sleeping", culprit: server, alarming: false };
}

const scenarios: readonly Scenario[] = [
  {
    name: "TCP client whose interface has lost its link: the other end was set down",
    async setUp(stage) {
      const cast = await play(stage);
      cast.ipApart("link", "set", cast.first.apart, "down");
      return linkDown(cast);
    },
  },
  {
    name: "TCP client whose interface was unplugged",
    async setUp(stage) {
      const cast = await play(stage);
      run("ip", "link", "delete", cast.first.here);
      return linkDown(cast);
    },
  },
  {
    name: "TCP client whose interface was set down",
    async setUp(stage) {
      const cast = await play(stage);
      run("ip", "link", "set", cast.first.here, "down");
      return linkDown(cast);
    },
  },
  {
    name: "TCP client in a container whose interface has lost its link",
    async setUp(stage) {
      const cast = await play(stage, { isClientApart: true });
      run("ip", "link", "set", cast.first.here, "down");
      return linkDown(cast);
    },
  },
  {
    name: "TCP client whose interface lost its link, and has it again",
    async setUp(stage) {
      const cast = await play(stage);
      cast.ipApart("link", "set", cast.first.apart, "down");
      await pause(BETWEEN_LOOKS_MS);
      cast.ipApart("link", "set", cast.first.apart, "up");
      return serverSleeps(cast);
    },
  },
  {
    name: "TCP client over one interface while another is down",
    async setUp(stage) {
      const cast = await play(stage);
      cast.ipApart("link", "set", cast.second.apart, "down");
      return serverSleeps(cast);
    },
  },
];

export const links: readonly Scenario[] = needing(["root", "unshare", "nsenter", "ip"], scenarios);
