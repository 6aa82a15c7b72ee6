/**
 * Connections whose both ends are in a container: nothing of them shows in our network namespace. Only eBPF sees that
 * their packets are dropped, and that others lose none.
 */
import { execFileSync } from "node:child_process";
import { needing } from "./mounts.ts";
import type { Scenario } from "./scenario.ts";
import { asleep, until, type Actor, type Stage } from "./stage.ts";

const PORT = 4714;

const SERVER = `
import socket
print("ready")
s = socket.create_server(("127.0.0.1", ${PORT}))
print("listens")
c, _ = s.accept()
c.sendall(b"welcome")
while c.recv(65536): pass
`;

/** When it is told to, it asks, and waits for the answer. */
const CLIENT = `
import os, socket, time
print("ready")
c = socket.create_connection(("127.0.0.1", ${PORT}))
c.recv(7)
print("welcomed")
while not os.path.exists("go"): time.sleep(0.05)
c.sendall(b"hello")
print("asked")
c.recv(1)
`;

const FLOOD = CLIENT.replace(/while not[^]*/, 'while True: c.sendall(b"x" * 65536)\n');

/** Answers are dropped as well as what is asked: at the one interface that both ends have. */
const DROP = ["iptables", "-w", "-A", "INPUT", "-p", "tcp", "--dport", String(PORT), "-j", "DROP"];

interface Container {
  server: Actor;
  client: Actor;
  run(...words: readonly string[]): void;
}

async function container(stage: Stage, client: string): Promise<Container> {
  const keeper = await stage.start("unshare", "-n", "sh", "-c", "ip link set lo up; echo ready; exec sleep 1000");
  const inside = ["-t", String(keeper.pid), "-n", "--"];
  const server = await stage.start("nsenter", ...inside, "python3", "-u", "-c", SERVER);
  await until("the server to listen", () => server.lines.includes("listens"));
  const actor = await stage.start("nsenter", ...inside, "python3", "-u", "-c", client);
  await until("the client to be welcomed", () => actor.lines.includes("welcomed"));
  const run = (...words: readonly string[]) => void execFileSync("nsenter", [...inside, ...words], { stdio: "pipe" });
  return { server, client: actor, run };
}

const scenarios: readonly Scenario[] = [
  {
    name: "TCP client inside a container whose packets a firewall drops",
    async setUp(stage) {
      const { client, run } = await container(stage, CLIENT);
      run(...DROP);
      execFileSync("touch", [`${stage.folder}/go`]);
      await until("the client to ask", () => client.lines.includes("asked"));
      await asleep(client.pid);
      return { ask: client.pid, verdict: "blocked", kind: "network.unreachable", alarming: true };
    },
  },
  {
    name: "TCP transfer at full speed inside a container",
    async setUp(stage) {
      const { server } = await container(stage, FLOOD);
      const verdict = ["running", "blocked", "idle", "starved"] as const;
      return { ask: server.pid, verdict, kind: [], alarming: false };
    },
  },
];

export const ebpf: readonly Scenario[] = needing(["root", "unshare", "nsenter", "ip", "iptables"], scenarios);
