import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { after, describe, test } from "node:test";
import type { Event } from "../../../src/model/event.ts";
import { Connections } from "../../../src/probes/network/connections.ts";

/** A listener with a backlog of 0 that never accepts, and one who connects and waits. */
const DEAF = `
import socket, time
s = socket.create_server(("127.0.0.1", 0), backlog=0)
c = socket.create_connection(s.getsockname())
print(s.getsockname()[1])
time.sleep(1000)
`;

/** A server that accepts and does not read. */
const UNREADING = `
import socket, time
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])
c, _ = s.accept()
time.sleep(1000)
`;

const SENDER = `
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
print("connected")
while True: c.send(b"x" * 65536)
`;

const DEADLINE_MS = 30_000;
const skip = process.platform === "linux" ? false : "needs Linux";

async function untilTold(connections: Connections, told: Event[], what: (event: Event) => boolean): Promise<Event> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    told.push(...(await connections.look(Date.now())));
    const found = told.find(what);
    if (found !== undefined) return found;
    assert.ok(performance.now() < deadline, JSON.stringify(told.slice(-5)));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

describe("connections of this machine", { skip }, () => {
  const programs: ChildProcess[] = [];
  after(() => programs.forEach((program) => program.kill("SIGKILL")));

  async function python(source: string, ...args: string[]): Promise<{ program: ChildProcess; line: string }> {
    const program = spawn("python3", ["-u", "-c", source, ...args], { stdio: ["ignore", "pipe", "ignore"] });
    programs.push(program);
    const [chunk] = (await once(program.stdout.setEncoding("utf8"), "data")) as [string];
    return { program, line: chunk.trim() };
  }

  test("a full accept queue is told of its server, and ends with it", async (t) => {
    const connections = new Connections({ proc: "/proc", now: Date.now });
    t.after(() => connections.close());
    const { program, line: port } = await python(DEAF);
    const told: Event[] = [];
    const entity = `listen:127.0.0.1:${port}`;
    const full = await untilTold(connections, told, ({ entity_id: id }) => id === entity);
    assert.partialDeepStrictEqual(full, {
      event_type: "error.net",
      value: "ACCEPT_QUEUE_FULL",
      pid: program.pid,
      attrs: {
        severity: "warning",
        scope: "process",
        observed: `127.0.0.1:${port}: 1 connections wait to be accepted, backlog 0`,
      },
    });
    program.kill("SIGKILL");
    await untilTold(connections, told, ({ entity_id: id, attrs }) => id === entity && attrs?.ended === true);
    // Its only client has sent nothing, and is well.
    assert.deepEqual(
      told.filter(({ entity_id: id, event_type: type }) => id.startsWith("tcp:") && type === "error.net"),
      [],
    );
  });

  test("who sends to one that does not read waits on the connection; the network is sound", async (t) => {
    const connections = new Connections({ proc: "/proc", now: Date.now });
    t.after(() => connections.close());
    const { program: server, line: port } = await python(UNREADING);
    const { program: sender } = await python(SENDER, port);
    const told: Event[] = [];
    const stall = await untilTold(
      connections,
      told,
      ({ value, pid }) => value.startsWith("STALL_") && pid === sender.pid,
    );
    assert.equal(stall.event_type, "transport.drop");
    assert.match(stall.entity_id, new RegExp(`^tcp:127\\.0\\.0\\.1:\\d+-127\\.0\\.0\\.1:\\d+$`));
    assert.ok(stall.entity_id.includes(`:${port}`));
    assert.equal(stall.attrs?.holder, "hidden");
    assert.equal(stall.attrs?.cause, undefined);
    const isFigure = ({ event_type: type, pid }: Event) => type === "transport.bw" && pid === sender.pid;
    const figure = await untilTold(connections, told, isFigure);
    assert.ok(Number(figure.attrs?.tx_queue_bytes) > 0);
    server.kill("SIGKILL");
    const { entity_id: entity } = stall;
    await untilTold(connections, told, (event) => event.entity_id === entity && event.attrs?.ended === true);
    assert.deepEqual(
      told.filter((event) => event.entity_id === entity && event.event_type === "error.net"),
      [],
    );
  });

  test("the sums are told at every look", async () => {
    const connections = new Connections({ proc: "/proc", now: Date.now });
    await connections.look(1);
    const [sums] = await connections.look(2);
    assert.partialDeepStrictEqual(sums, { ts: 2, event_type: "transport.drop", entity_id: "tcp" });
    assert.ok(Number(sums?.attrs?.segments_sent_total) > 0);
    assert.equal(typeof sums?.attrs?.listening, "number");
  });
});

test("without /proc and without connections nothing is made up", async () => {
  const connections = new Connections({ proc: "/nowhere", now: Date.now });
  const [sums] = await connections.look(1);
  assert.equal(sums?.attrs?.segments_sent_total, undefined);
});
