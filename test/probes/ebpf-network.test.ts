/** Real connections between two network namespaces, and what the kernel does to their packets. */
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, afterEach, before, describe, test } from "node:test";
import { BpfNetwork } from "../../src/kernel/bpf-network.ts";
import { check, type Event } from "../../src/model/event.ts";
import { ebpfNetworkProbe } from "../../src/probes/ebpf-network/index.ts";
import { Watch } from "../../src/probes/ebpf-network/watch.ts";

const DEADLINE_MS = 40_000;
const BETWEEN_LOOKS_MS = 250;
const PORT = 4713;

const SERVER = `
import socket, sys
listener = socket.create_server((sys.argv[1], ${PORT}))
print("listens")
connection, _ = listener.accept()
connection.sendall(b"welcome")
while connection.recv(65536): pass
`;

/** Does what its input says: any line but an empty one is sent, and an answer waited for. */
const CLIENT = `
import socket, sys
connection = socket.create_connection((sys.argv[1], ${PORT}))
connection.recv(7)
print("welcomed")
for line in sys.stdin:
    connection.sendall(line.encode())
    connection.recv(1)
`;

const SENDER = CLIENT.replace(/for line[^]*/, 'while True: connection.sendall(b"x" * 65536)\n');
/** Leaves what came unread: the kernel then sends a reset instead of an end. */
const ABRUPT = SERVER.replace(/while[^]*/, "import time; time.sleep(1); connection.close(); time.sleep(1000)\n");

const skip = await obstacle();

async function obstacle(): Promise<string | false> {
  const supported = ebpfNetworkProbe().supported();
  if (supported !== true) return supported;
  try {
    (await BpfNetwork.open()).close();
    for (const tool of ["ip", "iptables", "nsenter", "unshare"]) execFileSync("sh", ["-c", 'command -v "$0"', tool]);
    execFileSync("unshare", ["--net", "iptables", "--list"], { stdio: "pipe" });
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("connections, by eBPF", { skip }, () => {
  const programs: ChildProcess[] = [];
  const link = `xe${process.pid}`;
  const net = `10.${192 + (process.pid % 60)}.${(process.pid >> 6) & 255}`;
  const [here, there] = [`${net}.1`, `${net}.2`];
  let apart: string[] = [];
  let network: BpfNetwork;
  let watch: Watch;
  const told: Event[] = [];

  before(async () => {
    const keeper = await start("unshare", "--net", "sh", "-c", "echo ready; exec sleep 1000");
    apart = ["nsenter", "--target", String(keeper.pid), "--net", "--"];
    run("ip", "link", "add", link, "type", "veth", "peer", "name", "apart0", "netns", String(keeper.pid));
    run("ip", "address", "add", `${here}/30`, "dev", link);
    run("ip", "link", "set", link, "up");
    run(...apart, "ip", "address", "add", `${there}/30`, "dev", "apart0");
    run(...apart, "ip", "link", "set", "apart0", "up");
    network = await BpfNetwork.open();
    watch = new Watch("/proc", network);
  });

  afterEach(() => {
    for (const program of programs.splice(1)) program.kill("SIGKILL");
    run(...apart, "iptables", "--flush");
    told.length = 0;
  });

  after(() => {
    network?.close();
    for (const program of programs) program.kill("SIGKILL");
    // It goes with the namespace that has its other end, but not at once.
    try {
      run("ip", "link", "delete", link);
    } catch {
      // It has gone.
    }
  });

  test("packets that a firewall drops are told with its reason, and whose they are", async () => {
    await start(...apart, "python3", "-u", "-c", SERVER, there);
    const client = await start("python3", "-u", "-c", CLIENT, there);
    run(...apart, "iptables", "--append", "INPUT", "--protocol", "tcp", "--dport", String(PORT), "--jump", "DROP");
    client.stdin?.write("hello\n");

    const isOf = (event: Event) => event.entity_id.includes(`${there}:${PORT}`);
    const stall = await untilTold((event) => isOf(event) && /^STALL_\d+ms$/.test(event.value));
    assert.deepEqual(
      [stall.event_type, stall.pid, stall.attrs?.cause],
      ["transport.drop", client.pid, "network.unreachable"],
    );
    const drop = await untilTold(
      (event) => isOf(event) && event.value === "DROP_NETFILTER_DROP" && event.attrs?.severity === "fault",
    );
    assert.equal(drop.attrs?.cause, "network.unreachable");
    const again = await untilTold((event) => isOf(event) && event.value.startsWith("RETRANSMIT:"));
    assert.match(String(again.attrs?.observed), /segments sent again|times again/);

    run(...apart, "iptables", "--flush");
    for (const head of ["RETRANSMIT", "DROP_NETFILTER_DROP"]) {
      await untilTold((event) => isOf(event) && event.value.startsWith(head) && event.attrs?.ended === true);
    }
    const end = await untilTold((event) => event.event_type === "transport.drop" && event.attrs?.ended === true);
    assert.equal(end.pid, client.pid);
  });

  test("a connection inside a container is put to its process there", async () => {
    run(...apart, "ip", "link", "set", "lo", "up");
    await start(...apart, "python3", "-u", "-c", SERVER, "127.0.0.1");
    const sender = await start(...apart, "python3", "-u", "-c", SENDER, "127.0.0.1");
    const figure = await untilTold(
      (event) => event.event_type === "transport.bw" && event.pid === sender.pid && Number(event.value) > 0,
    );
    assert.match(figure.entity_id, /^tcp:127\.0\.0\.1:\d+-127\.0\.0\.1:\d+$/);
    assert.deepEqual(told.filter(isError), [], "a healthy transfer");
  });

  test("a connection that the other end resets is told to have ended so", async () => {
    await start(...apart, "python3", "-u", "-c", ABRUPT, there);
    const client = await start("python3", "-u", "-c", CLIENT, there);
    client.stdin?.write("never read\n");
    // Others on this machine may reset connections as well.
    const isOfMine = (event: Event) => event.entity_id.includes(`${there}:${PORT}`);
    const received = await untilTold((event) => event.value.startsWith("RESET_BY_PEER") && isOfMine(event));
    const isSameSent = (event: Event) => event.value.startsWith("RESET_SENT") && event.entity_id === received.entity_id;
    const sent = await untilTold(isSameSent);
    for (const { attrs } of [received, sent]) assert.deepEqual([attrs?.severity, attrs?.scope], ["warning", "process"]);
  });

  async function untilTold(what: (event: Event) => boolean): Promise<Event> {
    const deadline = performance.now() + DEADLINE_MS;
    for (;;) {
      const found = told.find(what);
      if (found !== undefined) return found;
      assert.ok(performance.now() < deadline, JSON.stringify(told.slice(-5)));
      const events = await watch.look(Date.now());
      for (const event of events) assert.equal(check(event), event, JSON.stringify(event));
      // Whatever else the machine's connections do is not of this test.
      told.push(...events.filter(({ entity_id: id }) => id.includes(`:${PORT}`)));
      await new Promise((resolve) => setTimeout(resolve, BETWEEN_LOOKS_MS));
    }
  }

  async function start(...words: string[]): Promise<ChildProcess> {
    const [command, ...args] = words as [string, ...string[]];
    const program = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
    programs.push(program);
    await once(program.stdout as NodeJS.ReadableStream, "data");
    return program;
  }
});

function isError({ event_type: type }: Event): boolean {
  return type === "error.net" || type === "transport.drop";
}

function run(...words: string[]): string {
  const [command, ...args] = words as [string, ...string[]];
  return execFileSync(command, args, { stdio: "pipe", encoding: "utf8" });
}
