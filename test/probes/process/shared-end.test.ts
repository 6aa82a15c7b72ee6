/** Who keeps a waiter waiting, where a third process shares an end of the connection: the probe's events, explained. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { Graph } from "../../../src/model/graph.ts";
import { explain } from "../../../src/model/why.ts";
import { namedNumbers, Session } from "./support.ts";

const skip =
  process.platform !== "linux" ? "needs Linux" : spawnSync("python3", ["-V"]).status === 0 ? false : "needs python3";

/**
 * `sys.argv[1]` is how the two sockets are made. A child has the one and receives in a thread, while its main thread
 * waits for a child of its own. The other is shared by this process, which receives, and a child that does nothing.
 * Prints all three children by name.
 */
const THREE_AT_TWO_ENDS = `
import os, socket, sys, threading, time
# In one piece: two processes print.
say = lambda line: os.write(1, (line + "\\n").encode())
if sys.argv[1] == "unix":
    near, far = socket.socketpair()
else:
    listener = socket.create_server(("127.0.0.1", 0))
    near = socket.create_connection(listener.getsockname())
    far, _ = listener.accept()
    listener.close()
across = os.fork()
if across == 0:
    near.close()
    awaited = os.fork()
    if awaited == 0:
        far.close()
        time.sleep(600)
        os._exit(0)
    say(f"awaited {awaited}")
    threading.Thread(target=far.recv, args=(1,)).start()
    os.wait()
far.close()
sharer = os.fork()
if sharer == 0:
    time.sleep(600)
    os._exit(0)
say(f"across {across} sharer {sharer}")
near.recv(1)
`;

describe("a shared end of a connection", { skip }, () => {
  let session: Session;
  before(() => (session = new Session()));
  after(() => session.stop());

  for (const family of ["unix", "tcp"] as const) {
    it(`${family}: the culprit is across, not beside`, async () => {
      const waiter = session.python(THREE_AT_TWO_ENDS, family);
      const { across, sharer, awaited } = await namedNumbers(waiter, 3);
      assert.ok(across !== undefined && sharer !== undefined && awaited !== undefined);
      process.kill(sharer, "SIGSTOP");
      await session.stateOf(sharer, "stopped");
      await session.waitOf(awaited, "sleep");
      const theirs = await session.waitOf(across, `${family}.recv`);
      const own = await session.waitOf(waiter.pid, `${family}.recv`);
      assert.equal(own.entity, theirs.entity);
      assert.notEqual(own.attrs.end, theirs.attrs.end);
      // From across, both who share the end are peers.
      const expected = [`${across}:peer`, `${sharer}:peer`, `${waiter.pid}:peer`].sort();
      assert.deepEqual(session.seen.holders(own.entity), expected);

      const [cause] = causesOf(waiter.pid);
      assert.equal(cause?.kind, "process.sleeping");
      assert.equal(cause?.actor?.pid, awaited);
      assert.ok(!causesOf(waiter.pid).some(({ actor }) => actor?.pid === sharer));
    });
  }

  it("who has both ends is told of neither", async () => {
    const child = session.python("import socket\na,b=socket.socketpair()\na.recv(1)");
    const wait = await session.waitOf(child.pid, "unix.recv");
    assert.ok(wait.attrs.end !== undefined);
    const told = session.seen.events.findLast(
      ({ event_type, pid }) => event_type === "resource.held" && pid === child.pid,
    );
    assert.equal(told?.entity_id, wait.entity);
    assert.equal(told?.attrs?.end, undefined);
    assert.equal(causesOf(child.pid)[0]?.kind, "process.deadlock");
  });

  function causesOf(pid: number) {
    const graph = new Graph();
    for (const event of session.seen.events) graph.apply(event);
    const process = graph.process(pid);
    assert.ok(process !== undefined);
    return explain(graph, process, Date.now()).causes;
  }
});
