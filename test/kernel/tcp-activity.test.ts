import assert from "node:assert/strict";
import { connect, createServer, type AddressInfo } from "node:net";
import { test } from "node:test";
import { awaitsAnswer, tcpActivity } from "../../src/kernel/tcp-activity.ts";

test("an answer is due to who has sent last", () => {
  const quiet = { sentMs: 500, receivedMs: 500, bytesAcked: 1, bytesReceived: 0 };
  assert.equal(awaitsAnswer(quiet), false);
  assert.equal(awaitsAnswer({ ...quiet, bytesAcked: 20 }), true);
  assert.equal(awaitsAnswer({ ...quiet, bytesAcked: 20, bytesReceived: 9 }), false);
  assert.equal(awaitsAnswer({ sentMs: 100, receivedMs: 500, bytesAcked: 20, bytesReceived: 9 }), true);
  assert.equal(awaitsAnswer({ sentMs: 500, receivedMs: 100, bytesAcked: 20, bytesReceived: 9 }), false);
});

const skip = process.platform === "linux" ? false : "needs Linux";

test("a real connection that has asked", { skip }, async (t) => {
  const server = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
  t.after(() => server.close());
  await new Promise((resolve) => server.once("listening", resolve));
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  t.after(() => client.destroy());
  await new Promise<void>((sent) => client.write("hello", () => sent()));
  for (let tries = 0; ; tries++) {
    const all = await tcpActivity(5000);
    if (typeof all === "string") return t.skip(all);
    const asked = [...all.values()].some((it) => it.bytesAcked === 6 && it.bytesReceived === 0 && awaitsAnswer(it));
    if (asked) return undefined;
    assert.ok(tries < 100, "never seen");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
