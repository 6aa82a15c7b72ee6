/** Stalls across and inside containers: processes in pid, network and mount namespaces of their own, asked from outside. */
import { execFileSync } from "node:child_process";
import type { Scenario, Truth } from "./scenario.ts";
import { asleep, childOf, until, waitsIn, type Stage } from "./stage.ts";
import { readStat, readStatus } from "../src/kernel/procfs.ts";

const LOCK_WAIT = /lock|setlk/;

/** A program in namespaces of its own, as a container runtime would make them; its pid as seen from outside. */
async function contained(stage: Stage, flags: readonly string[], ...command: string[]): Promise<number> {
  const { pid } = await stage.start("unshare", ...flags, "--kill-child", "--", ...command);
  if (!flags.includes("-f")) return pid;
  return childOf(pid, (command[0] as string).slice(0, 15));
}

const CONTAINER = ["-p", "-m", "-n", "-f", "--mount-proc"];

const HOLD = `
import fcntl, sys, time
f = open(sys.argv[1], "w")
getattr(fcntl, sys.argv[2])(f, fcntl.LOCK_EX)
print("ready")
time.sleep(1000)
`;

const TAKE = `
import fcntl, sys
f = open(sys.argv[1], "a")
print("ready")
getattr(fcntl, sys.argv[2])(f, fcntl.LOCK_EX)
`;

/** Takes a flock, hands it down to a child, and exits. */
const HAND_DOWN = `
import fcntl, os, sys, time
f = open(sys.argv[1], "w")
if os.fork() == 0:
    if os.fork() == 0:
        time.sleep(0.5)
        print("ready")
        time.sleep(1000)
    fcntl.flock(f, fcntl.LOCK_EX)
    os._exit(0)
os.wait()
time.sleep(1000)
`;

/** A server in this namespace that does nothing with the connection it accepted; the client waits for its answer. */
const UNIX_PAIR = `
import os, socket, time
s = socket.socket(socket.AF_UNIX)
s.bind("\\0xctl-scenario")
s.listen()
if os.fork() == 0:
    c = socket.socket(socket.AF_UNIX)
    c.connect("\\0xctl-scenario")
    s.close()
    print("ready")
    c.recv(1)
c, _ = s.accept()
time.sleep(1000)
`;

const TCP_SERVER = `
import socket, subprocess, sys, time
subprocess.run(["ip", "link", "set", "lo", "up"])
print("ready")
while subprocess.run(["ip", "addr", "add", "10.99.7.1/24", "dev", "xs0"], stderr=subprocess.DEVNULL).returncode: time.sleep(0.05)
subprocess.run(["ip", "link", "set", "xs0", "up"])
s = socket.create_server(("10.99.7.1", 4711))
print("listens")
c, _ = s.accept()
time.sleep(1000)
`;

const TCP_CLIENT = `
import socket, subprocess, sys, time
print("ready")
while subprocess.run(["ip", "addr", "add", "10.99.7.2/24", "dev", "xs1"], stderr=subprocess.DEVNULL).returncode: time.sleep(0.05)
subprocess.run(["ip", "link", "set", "xs1", "up"])
while True:
    try: c = socket.create_connection(("10.99.7.1", 4711), timeout=1)
    except OSError: time.sleep(0.05); continue
    break
c.settimeout(None)
c.recv(1)
`;

const python = (source: string, ...args: string[]) => ["python3", "-u", "-c", source, ...args];

export const namespaces: readonly Scenario[] = [
  {
    name: "waiter outside a container, file lock held inside by a stopped process",
    needs: ["root", "unshare"],
    async setUp(stage) {
      const holder = await contained(stage, CONTAINER, ...python(HOLD, "lock", "flock"));
      const waiter = await stage.python(TAKE, "lock", "flock");
      await waitsIn(waiter.pid, LOCK_WAIT);
      stage.stop(holder);
      return { ask: waiter.pid, verdict: "blocked", kind: "process.stopped", culprit: holder, alarming: true };
    },
  },
  {
    name: "waiter in a container, POSIX lock held in another one",
    needs: ["root", "unshare"],
    async setUp(stage) {
      const holder = await contained(stage, CONTAINER, ...python(HOLD, "lock", "lockf"));
      const waiter = await contained(stage, CONTAINER, ...python(TAKE, "lock", "lockf"));
      await waitsIn(waiter, LOCK_WAIT);
      return { ask: waiter, verdict: "blocked", kind: "process.sleeping", culprit: holder, alarming: true };
    },
  },
  {
    name: "flock in a container, taken by one who has exited, file known by another path there",
    needs: ["root", "unshare"],
    async setUp(stage) {
      await stage.shell("mkdir there; touch lock");
      const script = 'mount --bind . there && cd there && exec python3 -u -c "$0" lock';
      const { pid } = await stage.start("unshare", ...CONTAINER, "--kill-child", "sh", "-c", script, HAND_DOWN);
      const init = await childOf(pid, "python3");
      const waiter = await stage.python(TAKE, "lock", "flock");
      await waitsIn(waiter.pid, LOCK_WAIT);
      const heir = await childOf(init, "python3");
      stage.stop(heir);
      return { ask: waiter.pid, verdict: "blocked", kind: "process.stopped", culprit: heir, alarming: true };
    },
  },
  {
    name: "unix socket inside a network namespace, its server stopped",
    needs: ["root", "unshare"],
    async setUp(stage) {
      const server = await contained(stage, CONTAINER, ...python(UNIX_PAIR));
      const client = await childOf(server, "python3");
      await asleep(client);
      await until("the server to sleep", () => readStat("/proc", server)?.state === "S");
      stage.stop(server);
      return { ask: client, verdict: "blocked", kind: "process.stopped", culprit: server, alarming: true };
    },
  },
  {
    name: "TCP over veth between two network namespaces, the server stopped",
    needs: ["root", "unshare", "ip"],
    async setUp(stage) {
      const server = await stage.start("unshare", "-n", ...python(TCP_SERVER));
      const client = await stage.start("unshare", "-n", ...python(TCP_CLIENT));
      const [one, other] = [`xa${server.pid}`, `xb${server.pid}`];
      ip("link", "add", one, "type", "veth", "peer", "name", other);
      ip("link", "set", one, "netns", String(server.pid), "name", "xs0");
      ip("link", "set", other, "netns", String(client.pid), "name", "xs1");
      await until("the server to listen", () => server.lines.includes("listens"));
      await waitsIn(client.pid, /wait_woken|sk_wait|recv/);
      stage.stop(server.pid);
      return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: server.pid, alarming: true };
    },
  },
  {
    name: "shell in a container, waiting for a stopped child",
    needs: ["root", "unshare"],
    async setUp(stage) {
      const shell = await contained(stage, CONTAINER, "bash", "-c", "echo ready; sleep 1000; true");
      const child = await childOf(shell, "sleep");
      stage.stop(child);
      await asleep(shell);
      return { ask: shell, verdict: "blocked", kind: "process.stopped", culprit: child, alarming: true };
    },
  },
  {
    name: "init of a pid namespace that cannot finish: a member is held by a stopped tracer",
    needs: ["root", "unshare", "strace"],
    async setUp(stage) {
      const { init, tracer } = await unfinishable(stage);
      return blockedByTracer(init, tracer);
    },
  },
  {
    name: "whoever waits for the container whose init cannot finish",
    needs: ["root", "unshare", "strace"],
    async setUp(stage) {
      const { runtime, tracer } = await unfinishable(stage);
      return blockedByTracer(runtime, tracer);
    },
  },
  {
    name: "server at rest in a container",
    needs: ["root", "unshare"],
    async setUp(stage) {
      const source = `import socket\ns = socket.create_server(("0.0.0.0", 8080))\nprint("ready")\ns.accept()`;
      const server = await contained(stage, CONTAINER, ...python(source));
      await asleep(server);
      return { ask: server, verdict: "idle", kind: "process.idle", culprit: server, alarming: false };
    },
  },
  {
    name: "unix server at rest in a container",
    needs: ["root", "unshare"],
    async setUp(stage) {
      const source = `import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind("\\0rest")\ns.listen()\nprint("ready")\ns.accept()`;
      const server = await contained(stage, CONTAINER, ...python(source));
      await asleep(server);
      return { ask: server, verdict: "idle", kind: "process.idle", culprit: server, alarming: false };
    },
  },
];

function ip(...args: string[]): void {
  execFileSync("ip", args, { stdio: "pipe" });
}

/** A container whose init was killed and cannot finish: a member is held by a tracer, which is stopped itself. */
async function unfinishable(stage: Stage): Promise<{ init: number; runtime: number; tracer: number }> {
  const init = await contained(stage, CONTAINER, "bash", "-c", "sleep 1000 & echo ready; wait; true");
  const runtime = readStat("/proc", init)?.ppid as number;
  const member = await childOf(init, "sleep");
  const tracer = await stage.shell(`exec strace -o /dev/null -p ${member}`);
  await until("strace to attach", () => readStatus("/proc", member)?.tracerPid === tracer.pid);
  await asleep(tracer.pid);
  stage.stop(tracer.pid);
  await asleep(tracer.pid, "T");
  process.kill(init, "SIGKILL");
  await until("init to end", () => ((readStat("/proc", init)?.flags ?? 0) & 4) !== 0);
  return { init, runtime, tracer: tracer.pid };
}

function blockedByTracer(ask: number, culprit: number): Truth {
  return { ask, verdict: "blocked", kind: ["process.traced", "process.stopped"], culprit, alarming: true };
}
