import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { readChildren, readStat } from "../../../src/kernel/procfs.ts";
import { firstNumber, Session } from "./support.ts";

const skip = canMakeNamespaces();

function canMakeNamespaces(): string | false {
  try {
    execFileSync("unshare", ["-p", "-f", "true"]);
    return false;
  } catch {
    return "needs Linux and the right to make a pid namespace";
  }
}

let session: Session;
before(() => (session = new Session()));
after(() => session.stop());

/** Attaches and, when the tracee dies, does not care. */
const TRACE = `import ctypes,sys,time
PTRACE_SEIZE=0x4206
libc=ctypes.CDLL(None)
libc.ptrace.argtypes=[ctypes.c_long,ctypes.c_long,ctypes.c_void_p,ctypes.c_void_p]
assert libc.ptrace(PTRACE_SEIZE,int(sys.argv[1]),None,None)==0
print(sys.argv[1],flush=True)
time.sleep(600)`;

test("the init of a pid namespace that has ended waits for the members that do not go", { skip }, async () => {
  const runtime = session.spawn("unshare", ["-p", "-f", "sh", "-c", "sleep 600 & sleep 601; true"]);
  const [init, member] = await session.eventually("a shell with two children", () => {
    const [first] = readChildren("/proc", runtime.pid) ?? [];
    const below = first === undefined ? [] : (readChildren("/proc", first) ?? []);
    return below.length === 2 ? ([first, below[0]] as [number, number]) : undefined;
  });
  const tracer = session.spawn("python3", ["-c", TRACE, String(member)], ["ignore", "pipe", "ignore"]);
  await firstNumber(tracer);
  process.kill(init, "SIGKILL");
  const wait = await session.waitOf(init, "pid_namespace");
  assert.match(wait.entity, /^pidns:\d+$/);
  assert.deepEqual(session.seen.holders(wait.entity), [`${member}:child`]);
  const tracers = await session.eventually("the member's tracer is known", () => {
    const holders = session.seen.holders(`pid-${member}`);
    return holders.length > 0 ? holders : undefined;
  });
  assert.deepEqual(tracers, [`${tracer.pid}:tracer`]);
  // Who waits for the container waits for its init.
  const parent = await session.waitOf(runtime.pid, "child");
  assert.deepEqual(session.seen.holders(parent.entity), [`${init}:child`]);
  tracer.kill("SIGKILL");
  await session.eventually("the namespace ends", () => readStat("/proc", init) === undefined || undefined);
});
