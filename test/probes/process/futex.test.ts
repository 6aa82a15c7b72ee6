import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { firstNumber, Session } from "./support.ts";

/** glibc's locks by Python: its own are semaphores, of which no owner can be told. */
const PYTHON = `
import ctypes, mmap, os, threading, time
libc = ctypes.CDLL(None)
def mutex(memory, shared=0):
    attributes = ctypes.create_string_buffer(64)
    libc.pthread_mutexattr_init(attributes)
    libc.pthread_mutexattr_setpshared(attributes, shared)
    libc.pthread_mutex_init(memory, attributes)
    return memory
def other_thread_holds(lock):
    held = threading.Event()
    def hold():
        libc.pthread_mutex_lock(lock)
        held.set()
        time.sleep(1000)
    threading.Thread(target=hold, daemon=True).start()
    held.wait()
`;

describe("futex waits of real processes", { skip: skipReason() }, () => {
  let session: Session;
  before(() => (session = new Session()));
  after(() => session.stop());

  /** The last that was told of who has it, with its evidence. */
  const holding = (entity: string) =>
    session.seen.events.findLast((event) => event.event_type === "resource.held" && event.entity_id === entity);

  it("a mutex is its owner's, a thread", async () => {
    const { pid } = session.python(`${PYTHON}
lock = mutex(ctypes.create_string_buffer(64))
other_thread_holds(lock)
libc.pthread_mutex_lock(lock)`);
    const { entity, attrs } = await session.waitOf(pid, "futex");
    assert.match(entity, new RegExp(`^futex:${pid}:[0-9a-f]+$`));
    assert.deepEqual(session.seen.holders(entity), [`${pid}:owner`]);
    const told = holding(entity)?.attrs;
    assert.ok(Number(told?.tid) > 0 && told?.tid !== pid, `thread ${told?.tid}`);
    assert.match(String(told?.observed), new RegExp(`^mutex at 0x[0-9a-f]+: owner ${told?.tid}$`));
    assert.equal(attrs.holder, undefined);
  });

  it("a mutex locked twice is the waiter's own", async () => {
    const { pid } = session.python(`${PYTHON}
lock = mutex(ctypes.create_string_buffer(64))
libc.pthread_mutex_lock(lock)
libc.pthread_mutex_lock(lock)`);
    const { entity } = await session.waitOf(pid, "futex");
    assert.deepEqual(session.seen.holders(entity), [`${pid}:owner`]);
    assert.equal(holding(entity)?.attrs?.tid, pid);
  });

  it("a mutex copied by a fork while another thread had it is nobody's", async () => {
    const forker = session.python(`${PYTHON}
lock = mutex(ctypes.create_string_buffer(64))
other_thread_holds(lock)
child = os.fork()
if child == 0:
    libc.pthread_mutex_lock(lock)
print(child, flush=True)
time.sleep(1000)`);
    const { entity, attrs } = await session.waitOf(await firstNumber(forker), "futex");
    assert.deepEqual(session.seen.holders(entity), []);
    assert.equal(attrs.holder, "gone");
    assert.match(String(attrs.observed), new RegExp(`is a thread of ${forker.pid}; the lock was copied by a fork$`));
  });

  it("a mutex whose owner, a thread, has ended is nobody's", async () => {
    const { pid } = session.python(`${PYTHON}
lock = mutex(ctypes.create_string_buffer(64))
thread = threading.Thread(target=lambda: libc.pthread_mutex_lock(lock))
thread.start()
thread.join()
libc.pthread_mutex_lock(lock)`);
    const { entity, attrs } = await session.waitOf(pid, "futex");
    assert.deepEqual([session.seen.holders(entity), attrs.holder], [[], "gone"]);
  });

  it("a mutex in shared memory is the same for all who share it", async () => {
    const owner = session.python(`${PYTHON}
memory = mmap.mmap(-1, 4096)
lock = ctypes.c_char.from_buffer(memory)
mutex(ctypes.byref(lock), 1)
child = os.fork()
if child == 0:
    time.sleep(0.2)
    libc.pthread_mutex_lock(ctypes.byref(lock))
libc.pthread_mutex_lock(ctypes.byref(lock))
print(child, flush=True)
time.sleep(1000)`);
    const child = await firstNumber(owner);
    const { entity } = await session.waitOf(child, "futex");
    assert.match(entity, /^futex:[0-9a-f]+:[0-9a-f]+:\d+:0$/);
    assert.deepEqual(session.seen.holders(entity), [`${owner.pid}:owner`]);

    process.kill(owner.pid, "SIGKILL");
    const orphaned = await session.eventually("the mutex to be orphaned", async () => {
      const wait = await session.waitOf(child, "futex");
      return wait.attrs.holder === undefined ? undefined : wait;
    });
    assert.deepEqual([orphaned.entity, orphaned.attrs.holder], [entity, "gone"]);
    process.kill(child, "SIGKILL");
  });

  it("a join waits for that thread", async () => {
    const { pid } = session.python(`${PYTHON}
thread = ctypes.c_ulong()
libc.pthread_create(ctypes.byref(thread), None, libc.pause, None)
libc.pthread_join(thread, None)`);
    const { entity } = await session.waitOf(pid, "thread.join");
    assert.deepEqual(session.seen.holders(entity), [`${pid}:thread`]);
    assert.equal(entity, `thread:${pid}:${holding(entity)?.attrs?.tid}`);
  });

  it("a semaphore, as a lock of Python's is, is told as such and by whom it is waited for, and names nobody", async () => {
    const { pid } = session.python("import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()");
    const { entity, attrs } = await session.waitOf(pid, "futex");
    assert.deepEqual([session.seen.holders(entity), attrs.holder], [[], undefined]);
    assert.match(String(attrs.caller), /^(?:lib)?python[\d.]/);
    assert.match(String(attrs.observed), /: semaphore at 0, 1 waiting, called from (?:lib)?python/);
  });

  it("a wait that ends by the clock is a sleep", async () => {
    const { pid } = session.python("import threading\nthreading.Event().wait(1000)");
    const { attrs } = await session.waitOf(pid, "futex");
    assert.equal(attrs.cause, "process.sleeping");
  });

  it("a lock that passes to another thread is that one's alone", async () => {
    const { pid } = session.python(`${PYTHON}
lock = mutex(ctypes.create_string_buffer(64))
def hold(seconds):
    libc.pthread_mutex_lock(lock)
    time.sleep(seconds)
    libc.pthread_mutex_unlock(lock)
    time.sleep(1000)
threading.Thread(target=hold, args=(3,), daemon=True).start()
time.sleep(0.3)
second = threading.Thread(target=hold, args=(1000,), daemon=True)
second.start()
# It is to be the first in the queue; for the interpreter it waits a moment only.
waits = 0
while waits < 5:
    time.sleep(0.02)
    waits = waits + 1 if "futex" in open(f"/proc/self/task/{second.native_id}/wchan").read() else 0
libc.pthread_mutex_lock(lock)`);
    const { entity } = await session.waitOf(pid, "futex");
    const first = holding(entity)?.attrs?.tid;
    await session.eventually("another owner", async () => {
      await session.inspect(pid);
      return holding(entity)?.attrs?.tid !== first;
    });
    const ends = session.seen.events.filter((event) => event.entity_id === entity && event.value === "end");
    assert.ok(ends.some((event) => event.event_type === "resource.held" && event.attrs?.tid === first));
  });
});

function skipReason(): string | false {
  if (process.platform !== "linux") return "needs Linux";
  if (process.arch !== "x64" && process.arch !== "arm64") return `the layout of locks on ${process.arch} is not known`;
  try {
    return execFileSync("python3", ["-c", "import platform; print(platform.libc_ver()[0])"]).toString().trim() ===
      "glibc"
      ? false
      : "needs glibc";
  } catch {
    return "needs python3";
  }
}
