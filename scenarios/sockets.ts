/** Stalls on sockets between processes of this machine: TCP over v4 and v6, unix. */
import type { Scenario, Truth } from "./scenario.ts";
import { asleep, until, type Stage } from "./stage.ts";

/** Accepts one connection and then does what the last argument says; prints where it listens. */
const SERVER = `
import socket, sys, time
family = {"4": socket.AF_INET, "6": socket.AF_INET6, "unix": socket.AF_UNIX}[sys.argv[1]]
s = socket.socket(family)
s.bind({"4": ("127.0.0.1", 0), "6": ("::1", 0), "unix": "server"}[sys.argv[1]])
s.listen()
print(s.getsockname()[1] if sys.argv[1] != "unix" else "server")
c, _ = s.accept()
print("accepted")
if sys.argv[2] == "sleep": time.sleep(1000)
if sys.argv[2] == "recv": c.recv(1); time.sleep(1000)
`;

/** Connects and then receives, or sends until it cannot. */
const CLIENT = `
import socket, sys
family = {"4": socket.AF_INET, "6": socket.AF_INET6, "unix": socket.AF_UNIX}[sys.argv[1]]
c = socket.socket(family)
c.connect({"4": ("127.0.0.1", int(sys.argv[2] or 0)), "6": ("::1", int(sys.argv[2] or 0)), "unix": "server"}[sys.argv[1]])
print("ready")
if sys.argv[3] == "recv": c.recv(1)
while sys.argv[3] == "send": c.send(b"x" * 65536)
`;

/**
 * One end of a connection is a child's, which receives in a thread while its main thread waits for a child of its own.
 * The other is shared by this process, which receives too, and a child that only sleeps. Tells the two sleepers, each in
 * one write, for both processes write.
 */
const SHARED_END = `
import os, socket, sys, threading, time
def sleeper():
    pid = os.fork()
    if pid == 0:
        time.sleep(1000)
        os._exit(0)
    return pid
if sys.argv[1] == "unix":
    near, far = socket.socketpair()
else:
    listener = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listener.getsockname())
    far, _ = listener.accept()
    listener.close()
if os.fork() == 0:
    near.close()
    os.write(1, f"awaited {sleeper()}\\n".encode())
    threading.Thread(target=far.recv, args=(1,)).start()
    os.wait()
far.close()
os.write(1, f"sharer {sleeper()}\\n".encode())
near.recv(1)
`;

function stoppedSharer(family: "tcp" | "unix") {
  return async (stage: Stage): Promise<Truth> => {
    const waiter = await stage.python(SHARED_END, family);
    await until("both to be told", () => waiter.lines.length === 2);
    const told = (name: string) => Number(waiter.lines.find((line) => line.startsWith(name))?.split(" ")[1]);
    stage.stop(told("sharer"));
    await asleep(waiter.pid);
    return { ask: waiter.pid, verdict: "blocked", kind: "process.sleeping", culprit: told("awaited"), alarming: false };
  };
}

function stoppedServer(family: "4" | "6" | "unix", does: "recv" | "send") {
  return async (stage: Stage): Promise<Truth> => {
    const server = await stage.python(SERVER, family, "sleep");
    const port = family === "unix" ? "0" : (server.lines[0] as string);
    const client = await stage.python(CLIENT, family, port, does);
    await asleep(client.pid);
    stage.stop(server.pid);
    return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: server.pid, alarming: true };
  };
}

export const sockets: readonly Scenario[] = [
  { name: "client of a stopped TCP server", setUp: stoppedServer("4", "recv") },
  { name: "client of a stopped TCP server, v6", setUp: stoppedServer("6", "recv") },
  { name: "sender to a stopped TCP server, window full", setUp: stoppedServer("4", "send") },
  { name: "client of a stopped unix server", setUp: stoppedServer("unix", "recv") },
  { name: "sender to a stopped unix server, buffer full", setUp: stoppedServer("unix", "send") },
  { name: "TCP connection whose own end is shared with a stopped process", setUp: stoppedSharer("tcp") },
  { name: "unix connection whose own end is shared with a stopped process", setUp: stoppedSharer("unix") },
  {
    name: "client and server, each waiting for the other to speak",
    async setUp(stage) {
      const server = await stage.python(SERVER, "4", "recv");
      const client = await stage.python(CLIENT, "4", server.lines[0] as string, "recv");
      await asleep(client.pid);
      await asleep(server.pid);
      const members = [client.pid, server.pid];
      return { ask: client.pid, verdict: "blocked", kind: "process.deadlock", members, alarming: true };
    },
  },
];
