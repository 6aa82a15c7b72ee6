/** Stalls on the other ways in which processes talk: FIFOs, datagrams, message queues, semaphores, and TCP on the way. */
import { execFileSync } from "node:child_process";
import type { Scenario } from "./scenario.ts";
import { asleep, childOf, until, waitsIn, type Stage } from "./stage.ts";

/** Makes a System V object, prints its id, and ends; the stage removes it. */
const SYSV = `
import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
IPC_CREAT, IPC_EXCL = 0o1000, 0o2000
print(libc.msgget(0, IPC_CREAT | 0o600) if sys.argv[1] == "queue" else libc.semget(0, 1, IPC_CREAT | 0o600))
`;

const MQUEUE = `
import ctypes, os, sys, time
libc = ctypes.CDLL(None, use_errno=True)
name = sys.argv[1].encode()
writes = sys.argv[2] == "write"
q = libc.mq_open(name, (os.O_WRONLY if writes else os.O_RDONLY) | os.O_CREAT, 0o600, None)
assert q >= 0, os.strerror(ctypes.get_errno())
print("ready")
if writes: time.sleep(1000)
libc.mq_receive(q, ctypes.create_string_buffer(8192), 8192, None)
`;

async function sysv(stage: Stage, what: "queue" | "semaphore"): Promise<string> {
  const { lines } = await stage.python(SYSV, what);
  const id = lines[0] as string;
  stage.defer(() => execFileSync("ipcrm", [what === "queue" ? "-q" : "-s", id], { stdio: "ignore" }));
  return id;
}

function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: "ignore" });
}

/** A network namespace joined to ours by a pair of interfaces; programs in it are started with `nsenter`. */
async function joined(stage: Stage): Promise<{ here: string; there: string; enter: string[] }> {
  const { pid } = await stage.start("unshare", "-n", "bash", "-c", "echo ready; exec sleep 1000");
  const network = `10.${200 + (pid % 50)}.${Math.floor(pid / 50) % 250}`;
  const [here, there, link] = [`${network}.1`, `${network}.2`, `xc${pid}`];
  const enter = ["-t", String(pid), "-n"];
  stage.defer(() => run("ip", "link", "del", link));
  run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", String(pid));
  run("ip", "addr", "add", `${here}/24`, "dev", link);
  run("ip", "link", "set", link, "up");
  run("nsenter", ...enter, "ip", "addr", "add", `${there}/24`, "dev", "eth0");
  run("nsenter", ...enter, "ip", "link", "set", "eth0", "up");
  return { here, there, enter };
}

/** Accepts one connection on the address, then sleeps in its own way: it is going to be stopped. */
const TCP_SERVER = `
import socket, sys, time
s = socket.create_server((sys.argv[1], 0))
print(s.getsockname()[1])
c, _ = s.accept()
print("accepted")
time.sleep(1000)
`;

const TCP_CLIENT = `
import socket, sys, time
print("ready")
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
print("connected")
if len(sys.argv) > 3: time.sleep(float(sys.argv[3])); c.send(b"x")
c.recv(1)
`;

export const ipc: readonly Scenario[] = [
  {
    name: "FIFO that nobody opens for writing",
    async setUp(stage) {
      const { pid } = await stage.shell("mkfifo f; exec cat < f");
      await waitsIn(pid, /wait_for_partner/);
      return { ask: pid, verdict: "blocked", kind: "ipc.no_peer", alarming: true };
    },
  },
  {
    name: "FIFO that nobody opens for reading, in a child of a shell",
    async setUp(stage) {
      const { pid } = await stage.shell("mkfifo g; (exec yes > g); true");
      const child = await childOf(pid, "bash");
      await waitsIn(child, /wait_for_partner/);
      return { ask: pid, verdict: "blocked", kind: "ipc.no_peer", alarming: true };
    },
  },
  {
    name: "reader of a FIFO whose writer is stopped",
    async setUp(stage) {
      const writer = await stage.shell("mkfifo f; exec sleep 1000 <> f");
      const fifo = await stage.shell("exec cat < f");
      await waitsIn(fifo.pid, /pipe/);
      stage.stop(writer.pid);
      return { ask: fifo.pid, verdict: "blocked", kind: "process.stopped", culprit: writer.pid, alarming: true };
    },
  },
  {
    name: "one of a pipe's two writers is stopped, the other is at work",
    async setUp(stage) {
      const shell = await stage.shell("{ sleep 1000 & sleep 1000 & wait; } | cat");
      const reader = await childOf(shell.pid, "cat");
      const stopped = await childOf(shell.pid, "sleep");
      await asleep(reader);
      stage.stop(stopped);
      return { ask: reader, verdict: "blocked", kind: [], alarming: false };
    },
  },
  {
    name: "sender of datagrams to a receiver that is stopped and full",
    async setUp(stage) {
      const receiver = await stage.python(`
import socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("log")
print("ready")
time.sleep(1000)
`);
      const sender = await stage.python(`
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
print("ready")
while True: s.sendto(b"x" * 1000, "log")
`);
      await waitsIn(sender.pid, /unix|alloc_send/);
      stage.stop(receiver.pid);
      return { ask: sender.pid, verdict: "blocked", kind: "process.stopped", culprit: receiver.pid, alarming: true };
    },
  },
  {
    name: "receiver of datagrams at rest",
    async setUp(stage) {
      const { pid } = await stage.python(`
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("log")
print("ready")
s.recv(1)
`);
      await asleep(pid);
      return { ask: pid, verdict: "idle", kind: "process.idle", culprit: pid, alarming: false };
    },
  },
  {
    name: "client of a stopped server on an abstract seqpacket socket",
    async setUp(stage) {
      const server = await stage.python(`
import os, socket, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("\\0xctl-scenario-%d" % os.getpid())
s.listen()
print("ready")
c, _ = s.accept()
time.sleep(1000)
`);
      const client = await stage.python(
        `
import socket, sys
c = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
c.connect("\\0xctl-scenario-" + sys.argv[1])
print("ready")
c.recv(1)
`,
        String(server.pid),
      );
      await asleep(client.pid);
      stage.stop(server.pid);
      return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: server.pid, alarming: true };
    },
  },
  {
    name: "client that a stopped unix server has not accepted, beside another such server",
    async setUp(stage) {
      const source = `
import socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(5)
print("ready")
time.sleep(1000)
`;
      const connect = `
import socket, sys
c = socket.socket(socket.AF_UNIX)
c.connect(sys.argv[1])
print("ready")
c.recv(1)
`;
      const server = await stage.python(source, "one");
      await stage.python(source, "two");
      const client = await stage.python(connect, "one");
      await stage.python(connect, "two");
      await asleep(client.pid);
      stage.stop(server.pid);
      return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: server.pid, alarming: true };
    },
  },
  {
    name: "parent and child of a socket pair, each waiting for the other to speak",
    async setUp(stage) {
      const parent = await stage.python(`
import os, socket
a, b = socket.socketpair()
if os.fork() == 0:
    a.close()
    b.recv(1)
else:
    b.close()
    print("ready")
    a.recv(1)
`);
      const child = await childOf(parent.pid, "python3");
      await asleep(parent.pid);
      await asleep(child);
      const members = [parent.pid, child];
      return { ask: parent.pid, verdict: "blocked", kind: "process.deadlock", members, alarming: true };
    },
  },
  {
    name: "receiver of System V messages whose last sender is stopped",
    needs: ["ipcrm"],
    async setUp(stage) {
      const id = await sysv(stage, "queue");
      const sender = await stage.python(
        `
import ctypes, sys, time
libc = ctypes.CDLL(None)
class M(ctypes.Structure): _fields_ = [("type", ctypes.c_long), ("text", ctypes.c_char * 8)]
libc.msgsnd(int(sys.argv[1]), ctypes.byref(M(1, b"x")), 8, 0)
print("ready")
time.sleep(1000)
`,
        id,
      );
      const receiver = await stage.python(
        `
import ctypes, sys
libc = ctypes.CDLL(None)
b = ctypes.create_string_buffer(64)
libc.msgrcv(int(sys.argv[1]), b, 8, 0, 0)
print("ready")
libc.msgrcv(int(sys.argv[1]), b, 8, 0, 0)
`,
        id,
      );
      await waitsIn(receiver.pid, /msgrcv/);
      stage.stop(sender.pid);
      return { ask: receiver.pid, verdict: "blocked", kind: "process.stopped", culprit: sender.pid, alarming: true };
    },
  },
  {
    name: "System V semaphore taken by a process that is stopped",
    needs: ["ipcrm"],
    async setUp(stage) {
      const id = await sysv(stage, "semaphore");
      const take = `
import ctypes, sys, time
libc = ctypes.CDLL(None)
class S(ctypes.Structure): _fields_ = [("num", ctypes.c_ushort), ("op", ctypes.c_short), ("flg", ctypes.c_short)]
def change(by): libc.semop(int(sys.argv[1]), ctypes.byref(S(0, by, 0)), 1)
if sys.argv[2] == "first": change(1)
print("ready")
change(-1)
print("taken")
time.sleep(1000)
`;
      const holder = await stage.python(take, id, "first");
      await until("the semaphore to be taken", () => holder.lines.includes("taken"));
      const waiter = await stage.python(take, id, "then");
      await waitsIn(waiter.pid, /semtimedop/);
      stage.stop(holder.pid);
      return { ask: waiter.pid, verdict: "blocked", kind: "process.stopped", culprit: holder.pid, alarming: true };
    },
  },
  {
    name: "receiver of a POSIX message queue whose sender is stopped",
    async setUp(stage) {
      const name = `/xctl-scenario-${process.pid}`;
      stage.defer(() => execFileSync("python3", ["-c", `import ctypes; ctypes.CDLL(None).mq_unlink(b"${name}")`]));
      const sender = await stage.python(MQUEUE, name, "write");
      const receiver = await stage.python(MQUEUE, name, "read");
      await waitsIn(receiver.pid, /wq_sleep|mq_/);
      stage.stop(sender.pid);
      return { ask: receiver.pid, verdict: "blocked", kind: "process.stopped", culprit: sender.pid, alarming: true };
    },
  },
  {
    name: "connect to an address that answers nothing",
    needs: ["root", "ip", "unshare"],
    async setUp(stage) {
      const { here, there, enter } = await joined(stage);
      // Its packets go out, and nothing comes back: a route into nowhere, as a firewall makes it.
      execFileSync("nsenter", [...enter, "ip", "route", "add", "blackhole", `${here}/32`]);
      const client = await stage.python(TCP_CLIENT, there, "80");
      await waitsIn(client.pid, /connect|wait_woken/);
      return { ask: client.pid, verdict: "blocked", kind: "network.unreachable", alarming: true };
    },
  },
  {
    name: "client of a stopped server in another network namespace",
    needs: ["root", "ip", "unshare"],
    async setUp(stage) {
      const { there, enter } = await joined(stage);
      const server = await stage.start("nsenter", ...enter, "python3", "-u", "-c", TCP_SERVER, there);
      const client = await stage.python(TCP_CLIENT, there, server.lines[0] as string);
      await until("the server to accept", () => server.lines.includes("accepted"));
      await asleep(client.pid);
      stage.stop(server.pid);
      return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: server.pid, alarming: true };
    },
  },
  {
    name: "client whose packets get lost on the way to a sound server",
    needs: ["root", "ip", "unshare"],
    async setUp(stage) {
      const { here, there, enter } = await joined(stage);
      const server = await stage.start("nsenter", ...enter, "python3", "-u", "-c", TCP_SERVER, there);
      const client = await stage.python(TCP_CLIENT, there, server.lines[0] as string, "0.5");
      await until("the client to be connected", () => client.lines.includes("connected"));
      execFileSync("nsenter", [...enter, "ip", "route", "add", "blackhole", `${here}/32`]);
      await waitsIn(client.pid, /wait_woken|sk_wait_data/);
      return { ask: client.pid, verdict: "blocked", kind: "network.unreachable", alarming: true };
    },
  },
  {
    name: "client of a stopped UDP server",
    async setUp(stage) {
      const server = await stage.python(`
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])
s.recv(1)
`);
      stage.stop(server.pid);
      const client = await stage.python(
        `
import socket, sys
c = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
c.connect(("127.0.0.1", int(sys.argv[1])))
c.send(b"x")
print("ready")
c.recv(1)
`,
        server.lines[0] as string,
      );
      await asleep(client.pid);
      return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: server.pid, alarming: true };
    },
  },
  {
    name: "UDP server at rest",
    async setUp(stage) {
      const { pid } = await stage.python(`
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 0))
print("ready")
s.recvfrom(1)
`);
      await asleep(pid);
      return { ask: pid, verdict: "idle", kind: "process.idle", culprit: pid, alarming: false };
    },
  },
];
