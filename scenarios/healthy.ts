/** Processes that nothing is wrong with. An alarm about one of them is a defect. */
import type { Scenario } from "./scenario.ts";
import { asleep, childOf, waitsIn } from "./stage.ts";

export const healthy: readonly Scenario[] = [
  {
    name: "deliberate sleep",
    async setUp(stage) {
      const { pid } = await stage.shell("exec sleep 1000");
      await asleep(pid);
      return { ask: pid, verdict: "idle", kind: "process.sleeping", culprit: pid, alarming: false };
    },
  },
  {
    name: "server in its accept loop",
    async setUp(stage) {
      const { pid } = await stage.python(`
import socket
s = socket.create_server(("127.0.0.1", 0))
print("ready")
while True: s.accept()
`);
      await asleep(pid);
      return { ask: pid, verdict: "idle", kind: "process.idle", culprit: pid, alarming: false };
    },
  },
  {
    name: "Node server at rest",
    async setUp(stage) {
      const source = `require("http").createServer().listen(0, () => console.log("ready"))`;
      const { pid } = await stage.start(process.execPath, "-e", source);
      await asleep(pid);
      return { ask: pid, verdict: "idle", kind: "process.idle", culprit: pid, alarming: false };
    },
  },
  {
    name: "process that computes",
    async setUp(stage) {
      const { pid } = await stage.python(`print("ready")\nwhile True: pass`);
      return { ask: pid, verdict: "running", kind: "process.busy", culprit: pid, alarming: false };
    },
  },
  {
    name: "shell waiting for a child that computes",
    async setUp(stage) {
      const shell = await stage.shell("while :; do :; done & wait");
      const child = await childOf(shell.pid, "bash");
      await asleep(shell.pid);
      return { ask: shell.pid, verdict: "blocked", kind: "process.busy", culprit: child, alarming: false };
    },
  },
  {
    name: "shell waiting for timeout, whose command sleeps of its own will",
    needs: ["timeout"],
    async setUp(stage) {
      const shell = await stage.shell("timeout 1000 sleep 1000; true");
      const command = await childOf(shell.pid, "sleep");
      await asleep(command);
      await waitsIn(await childOf(shell.pid, "timeout"), /sigsuspend/);
      return { ask: shell.pid, verdict: "blocked", kind: "process.sleeping", culprit: command, alarming: false };
    },
  },
  {
    name: "shell at its prompt",
    async setUp(stage) {
      const { lines } = await stage.terminal("read line");
      const pid = Number(lines[0]);
      await asleep(pid);
      return { ask: pid, verdict: "idle", kind: "input.terminal", alarming: false };
    },
  },
  {
    name: "server between two requests of a client at rest",
    async setUp(stage) {
      const server = await stage.python(`
import os, socket, time
s = socket.create_server(("127.0.0.1", 0))
if os.fork() == 0:
    c = socket.create_connection(s.getsockname())
    s.close()
    time.sleep(1000)
c, _ = s.accept()
print("ready")
c.recv(1)
`);
      await asleep(server.pid);
      return { ask: server.pid, verdict: "idle", kind: [], alarming: false };
    },
  },
];
