import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { test } from "node:test";
import { BlockingReader } from "../../src/kernel/blocking.ts";
import { namespaceOf } from "../../src/kernel/namespaces.ts";
import { until } from "./support.ts";

const skip =
  process.platform !== "linux" ? "needs Linux" : process.getuid?.() === 0 ? false : "needs root, to make namespaces";

/** An abstract name is of one network namespace, so both may have the same. */
const LISTEN = `import socket, time
s = socket.socket(socket.AF_UNIX); s.bind("\\0xctl-namespace-test"); s.listen(); time.sleep(600)`;

test("the unix sockets of another network namespace, seen from outside it", { skip }, async (context) => {
  const inside = spawn("unshare", ["-n", "python3", "-c", LISTEN], { stdio: "ignore" });
  const outside = spawn("python3", ["-c", LISTEN.replace("namespace-test", "outside-test")], { stdio: "ignore" });
  const reader = new BlockingReader();
  context.after(() => {
    inside.kill("SIGKILL");
    outside.kill("SIGKILL");
    reader.close();
  });
  const namesOf = async (pid: number): Promise<(string | undefined)[]> => {
    const sockets = await reader.unixPeers(pid, 20_000);
    return typeof sockets === "string" ? [sockets] : Array.from(sockets.values(), ({ path }) => path);
  };
  await until(async () => (await namesOf(inside.pid as number)).includes("@xctl-namespace-test"), "it listens inside");
  await until(async () => (await namesOf(outside.pid as number)).includes("@xctl-outside-test"), "it listens outside");
  assert.notEqual(namespaceOf("/proc", inside.pid as number, "net"), namespaceOf("/proc", process.pid, "net"));
  assert.deepEqual(await namesOf(inside.pid as number), ["@xctl-namespace-test"]);
  // The helper has come back out, and is where it was for whoever is asked of next.
  assert.ok(!(await namesOf(outside.pid as number)).includes("@xctl-namespace-test"));
});

test("a namespace that cannot be entered is told as such", async (context) => {
  const reader = new BlockingReader("/nowhere");
  context.after(() => reader.close());
  assert.equal(typeof (await reader.unixPeers(1, 20_000)), "string");
  assert.equal(namespaceOf("/nowhere", 1, "pid"), undefined);
});
