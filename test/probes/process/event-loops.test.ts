import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { firstNumber, Session } from "./support.ts";

const skip = process.platform === "linux" ? false : "needs Linux";

const SAY = "import asyncio,os,select,socket,sys,time\nsay=lambda n:print(n,flush=True)\n";
/** Accepts everything, reads and answers nothing. */
const MUTE = `${SAY}s=socket.create_server(("127.0.0.1",0))\nsay(s.getsockname()[1])\nkept=[s.accept() for _ in range(9)]`;

describe("event loops of real processes", { skip }, () => {
  let session: Session;
  before(() => (session = new Session()));
  after(() => session.stop());

  it("a loop over one connection and its own wake-ups waits for that one", async () => {
    const server = session.python(MUTE);
    const port = await firstNumber(server);
    const client = session.python(
      `${SAY}r,w=os.pipe()\nc=socket.create_connection(("127.0.0.1",${port}))\nselect.select([r,c],[],[])`,
    );
    const wait = await session.waitOf(client.pid, "tcp.recv");
    assert.equal(wait.attrs.certainty, "derived");
    assert.deepEqual(session.seen.holders(wait.entity), [`${server.pid}:peer`]);
  });

  it("a relay waits for the server that has not read what it passed on, and not for its client", async () => {
    const server = session.python(MUTE);
    const port = await firstNumber(server);
    const relay = session.python(
      `${SAY}l=socket.create_server(("127.0.0.1",0))\nsay(l.getsockname()[1])\na,_=l.accept()\n` +
        `b=socket.create_connection(("127.0.0.1",${port}))\nb.send(a.recv(9))\n` +
        `e=select.epoll()\n[e.register(s,1) for s in (a,b,l)]\ne.poll()`,
    );
    const here = await firstNumber(relay);
    session.python(`${SAY}c=socket.create_connection(("127.0.0.1",${here}))\nc.send(b"x")\nc.recv(1)`);
    const wait = await session.waitOf(relay.pid, "tcp.recv");
    assert.equal(wait.attrs.certainty, "inferred");
    assert.match(String(wait.attrs.observed), /1 bytes that it sent are not read/);
    assert.deepEqual(session.seen.holders(wait.entity), [`${server.pid}:peer`]);
    const kinds = session.seen.waits(relay.pid).map(({ kind }) => kind);
    assert.deepEqual(kinds.sort(), ["epoll", "tcp.recv"]);
  });

  it("a server with a client that says nothing rests", async () => {
    const server = session.python(
      `${SAY}l=socket.create_server(("127.0.0.1",0))\nsay(l.getsockname()[1])\na,_=l.accept()\n` +
        `e=select.epoll()\n[e.register(s,1) for s in (a,l)]\ne.poll()`,
    );
    const port = await firstNumber(server);
    session.python(`${SAY}c=socket.create_connection(("127.0.0.1",${port}))\ntime.sleep(600)`);
    const wait = await session.waitOf(server.pid, "epoll");
    assert.equal(wait.attrs.serves, true);
    assert.equal(session.seen.waits(server.pid).length, 1);
  });

  it("an eventfd that is read, and a FIFO that is opened with nobody at the other end", async () => {
    const reader = session.python("import os\nos.eventfd_read(os.eventfd(0))");
    await session.waitOf(reader.pid, "eventfd");
    const path = join(session.folder, "nobody");
    execFileSync("mkfifo", [path]);
    const opener = session.python("import os,sys\nos.chdir(os.path.dirname(sys.argv[1]))\nopen('nobody')", path);
    const wait = await session.waitOf(opener.pid, "fifo.open");
    assert.equal(wait.entity, `fifo:${path}`);
    assert.equal(wait.attrs.holder, "none");
  });

  it("a datagram socket whose receiver is full, by the address in the call", async () => {
    const path = join(session.folder, "log");
    const receiver = session.python(
      `${SAY}s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\ns.bind(sys.argv[1])\nsay(1)\ntime.sleep(600)`,
      path,
    );
    await firstNumber(receiver);
    const send = `s.sendto(b"x"*100,sys.argv[1])`;
    const sender = session.python(`${SAY}s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM)\nwhile True: ${send}`, path);
    const wait = await session.waitOf(sender.pid, "unix.send");
    assert.deepEqual(session.seen.holders(wait.entity), [`${receiver.pid}:peer`]);
    assert.equal(wait.attrs.label, path);
  });

  it("a connected UDP socket waits for the one it speaks to; any other for whoever comes", async () => {
    const server = session.python(
      `${SAY}s=socket.socket(type=socket.SOCK_DGRAM)\ns.bind(("127.0.0.1",0))\nsay(s.getsockname()[1])\ns.recv(1)`,
    );
    const port = await firstNumber(server);
    const serving = await session.waitOf(server.pid, "udp.recv");
    assert.equal(serving.attrs.serves, true);
    const client = session.python(
      `${SAY}s=socket.socket(type=socket.SOCK_DGRAM)\ns.connect(("127.0.0.1",${port}))\ns.recv(1)`,
    );
    const wait = await session.waitOf(client.pid, "udp.recv");
    assert.deepEqual(session.seen.holders(wait.entity), [`${server.pid}:peer`]);
  });
});
