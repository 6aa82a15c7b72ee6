import assert from "node:assert/strict";
import { execFileSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { isHelper } from "../../../src/kernel/helper-process.ts";
import { readChildren } from "../../../src/kernel/procfs.ts";
import { firstNumber, Session } from "./support.ts";

const skip = process.platform === "linux" ? false : "needs Linux";
const has = (tool: string) => {
  try {
    execFileSync("sh", ["-c", `command -v ${tool}`]);
    return true;
  } catch {
    return false;
  }
};
const needs = (tool: string) => skip || (has(tool) ? false : `needs ${tool}`);

// Prints its pid, or that of its child, and goes on.
const PYTHON = "import os,sys,socket,time,signal,threading\nsay=lambda n=None:print(n or os.getpid(),flush=True)\n";

describe("waits of real processes", { skip: needs("python3") }, () => {
  let session: Session;
  before(() => (session = new Session()));
  after(() => session.stop());

  it("a pipe's reader waits for its writer, a writer for its reader", async () => {
    const reads = session.shell("sleep 600 | cat >/dev/null; true");
    const cat = await childNamed(reads.pid, "cat");
    const sleep = await childNamed(reads.pid, "sleep");
    const wait = await session.waitOf(cat, "pipe.read");
    assert.match(wait.entity, /^pipe:\d+$/);
    assert.deepEqual(session.seen.holders(wait.entity), [`${sleep}:writer`]);
    assert.equal(wait.attrs.holder, undefined);
    assert.equal(wait.attrs.source, `/proc/${cat}/task/${cat}/syscall`);
    assert.match(String(wait.attrs.observed), /^read\(0, …\)/);

    const writes = session.shell("cat /dev/zero | sleep 600; true");
    const writer = await childNamed(writes.pid, "cat");
    const reader = await childNamed(writes.pid, "sleep");
    const blocked = await session.waitOf(writer, "pipe.write");
    assert.deepEqual(session.seen.holders(blocked.entity), [`${reader}:reader`]);
  });

  it("names a reader that kept the write end itself", async () => {
    const child = session.python("import os\nr,w=os.pipe()\nos.read(r,1)");
    const wait = await session.waitOf(child.pid, "pipe.read");
    assert.deepEqual(session.seen.holders(wait.entity), [`${child.pid}:writer`]);
  });

  it("a FIFO is a pipe by another name", async () => {
    const path = join(session.folder, "fifo");
    execFileSync("mkfifo", [path]);
    const writer = session.shell(`exec sleep 600 >${path}`);
    const reader = session.shell(`exec cat ${path}`);
    const wait = await session.waitOf(reader.pid, "pipe.read");
    assert.match(wait.entity, /^pipe:\d+$/);
    assert.equal(wait.attrs.label, path);
    assert.deepEqual(session.seen.holders(wait.entity), [`${writer.pid}:writer`]);
  });

  it("a poll on one socket is a read of it", async () => {
    // What Node makes for a child's standard input is a socket pair.
    const child = session.python("import select\np=select.poll()\np.register(0,select.POLLIN)\np.poll()");
    const wait = await session.waitOf(child.pid, "unix.recv");
    assert.deepEqual(session.seen.holders(wait.entity), [`${process.pid}:peer`]);
  });

  it("a select on one pipe is a read of it", async () => {
    const child = session.python("import os,select\nr,w=os.pipe()\nselect.select([r],[],[])");
    const wait = await session.waitOf(child.pid, "pipe.read");
    assert.deepEqual(session.seen.holders(wait.entity), [`${child.pid}:writer`]);
  });

  it("both ends of a unix stream, receiving and sending", async () => {
    const receiving = session.python(
      `${PYTHON}a,b=socket.socketpair()\npid=os.fork()\nif pid==0:\n b.close();a.recv(1)\na.close();say(pid);time.sleep(600)`,
    );
    const receiver = await firstNumber(receiving);
    const recv = await session.waitOf(receiver, "unix.recv");
    assert.match(recv.entity, /^unix:\d+-\d+$/);
    assert.deepEqual(session.seen.holders(recv.entity), [`${receiving.pid}:peer`]);

    const sending = session.python(
      `${PYTHON}a,b=socket.socketpair()\npid=os.fork()\nif pid==0:\n b.close();a.sendall(b'x'*9999999)\na.close();say(pid);time.sleep(600)`,
    );
    const sender = await firstNumber(sending);
    const send = await session.waitOf(sender, "unix.send");
    assert.deepEqual(session.seen.holders(send.entity), [`${sending.pid}:peer`]);
  });

  it("a unix server accepts, and a client of one that does not is told who should", async () => {
    const path = join(session.folder, "server");
    const server = session.python(
      `${PYTHON}s=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1]);s.listen(0);say()\nif len(sys.argv)>2:time.sleep(600)\ns.accept()`,
      path,
      "sleeps",
    );
    await firstNumber(server);
    const client = `import socket,sys\nc=socket.socket(socket.AF_UNIX)\nc.connect(sys.argv[1])\nc.recv(1)`;
    const first = session.python(client, path);
    const recv = await session.waitOf(first.pid, "unix.recv");
    assert.equal(recv.attrs.label, path);
    assert.deepEqual(session.seen.holders(recv.entity), [`${server.pid}:server`]);
    // The queue is full now: the next one does not even connect.
    const second = session.python(client, path);
    const connect = await session.waitOf(second.pid, "unix.connect");
    assert.deepEqual(session.seen.holders(connect.entity), [`${server.pid}:server`]);

    const other = join(session.folder, "accepting");
    const accepting = session.python(
      `import socket,sys\ns=socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1]);s.listen()\ns.accept()`,
      other,
    );
    const accept = await session.waitOf(accepting.pid, "unix.accept");
    assert.equal(accept.entity, `listen:${other}`);
    assert.equal(accept.attrs.serves, true);
  });

  for (const [family, host] of [
    ["AF_INET", "127.0.0.1"],
    ["AF_INET6", "::1"],
  ] as const) {
    it(`both ends of a TCP connection on ${host}, receiving and sending`, async () => {
      const server = session.python(
        `${PYTHON}s=socket.socket(socket.${family})\ns.bind(('${host}',0));s.listen();say(s.getsockname()[1])\n` +
          `a,_=s.accept();a.recv(1)\nb,_=s.accept();time.sleep(600)`,
      );
      const port = await firstNumber(server);
      const connect = `import socket,time\nc=socket.socket(socket.${family})\nc.connect(('${host}',${port}))\n`;
      const client = session.python(`${connect}c.recv(1)\nc.send(b'x')\ntime.sleep(600)`);
      const recv = await session.waitOf(client.pid, "tcp.recv");
      const shown = host.includes(":") ? `[${host}]` : host;
      assert.ok(recv.entity.startsWith("tcp:") && recv.entity.includes(`${shown}:${port}`), recv.entity);
      assert.equal(recv.attrs.serves, undefined);
      assert.ok(recv.entity.includes(String(recv.attrs.end)) && recv.attrs.end !== `${shown}:${port}`);
      const serving = await session.waitOf(server.pid, "tcp.recv");
      assert.equal(serving.entity, recv.entity);
      assert.equal(serving.attrs.serves, true);
      assert.deepEqual(session.seen.holders(recv.entity), [`${client.pid}:peer`, `${server.pid}:peer`].sort());

      // Nobody has accepted this one: the listener should.
      const early = session.python(`${connect}c.recv(1)`);
      const waiting = await session.waitOf(early.pid, "tcp.recv");
      assert.deepEqual(session.seen.holders(waiting.entity), [`${server.pid}:server`]);
      // Its data fills the queue of the server that doesn't read.
      const sender = session.python(`${connect}c.sendall(b'x'*99999999)`);
      const send = await session.waitOf(sender.pid, "tcp.send");
      assert.deepEqual(session.seen.holders(send.entity), [`${server.pid}:server`]);
    });
  }

  it("an accept loop waits for clients, by whatever address", async () => {
    const server = session.python(`${PYTHON}s=socket.create_server(('',0))\nsay(s.getsockname()[1])\ns.accept()`);
    const port = await firstNumber(server);
    const accept = await session.waitOf(server.pid, "tcp.accept");
    assert.equal(accept.entity, `listen:0.0.0.0:${port}`);
    assert.equal(accept.attrs.serves, true);
  });

  it("flock: who has it open, though its taker has exited", async () => {
    const path = join(session.folder, "flock");
    writeFileSync(path, "");
    const owner = session.python(
      `${PYTHON}import fcntl\nf=open(sys.argv[1],'w')\nif os.fork()==0:\n fcntl.flock(f,fcntl.LOCK_EX)\n os._exit(0)\nos.wait();say();time.sleep(600)`,
      path,
    );
    await firstNumber(owner);
    const waiter = session.python("import fcntl,sys\nfcntl.flock(open(sys.argv[1]),fcntl.LOCK_EX)", path);
    const wait = await session.waitOf(waiter.pid, "flock");
    assert.match(wait.entity, /^lock:[0-9a-f]+:[0-9a-f]+:\d+$/);
    assert.equal(wait.attrs.label, path);
    assert.deepEqual(session.seen.holders(wait.entity), [`${owner.pid}:owner`]);
  });

  it("POSIX locks: every owner in conflict, none beside", async () => {
    const path = join(session.folder, "posix");
    writeFileSync(path, "0123456789");
    const lock = (kind: string, start: number) =>
      session.python(
        `${PYTHON}import fcntl\nf=open(sys.argv[1],'r+')\nfcntl.lockf(f,fcntl.${kind},2,${start})\nsay();time.sleep(600)`,
        path,
      );
    const [first, second, beside] = [lock("LOCK_SH", 0), lock("LOCK_SH", 1), lock("LOCK_EX", 8)];
    await Promise.all([first, second, beside].map(firstNumber));
    const waiter = session.python("import fcntl,sys\nf=open(sys.argv[1],'r+')\nfcntl.lockf(f,fcntl.LOCK_EX,4)", path);
    const wait = await session.waitOf(waiter.pid, "posix_lock");
    assert.deepEqual(session.seen.holders(wait.entity), [`${first.pid}:owner`, `${second.pid}:owner`].sort());
  });

  it("open-file-description locks", async () => {
    const path = join(session.folder, "ofd");
    writeFileSync(path, "");
    const take = `${PYTHON}import fcntl,struct\nf=open(sys.argv[1],'r+')\nfcntl.fcntl(f,38,struct.pack('hhqqi4x',1,0,0,0,0))\nsay();time.sleep(600)`;
    const owner = session.python(take, path);
    await firstNumber(owner);
    const waiter = session.python(take, path);
    const wait = await session.waitOf(waiter.pid, "ofd_lock");
    assert.deepEqual(session.seen.holders(wait.entity), [`${owner.pid}:owner`]);
  });

  it("a lease: who has it must give it back", async () => {
    const path = join(session.folder, "leased");
    const holder = session.python(
      `${PYTHON}import fcntl\nsignal.signal(signal.SIGIO,signal.SIG_IGN)\nf=os.open(sys.argv[1],os.O_RDWR|os.O_CREAT)\n` +
        `fcntl.fcntl(f,fcntl.F_SETLEASE,fcntl.F_WRLCK);say();time.sleep(600)`,
      path,
    );
    await firstNumber(holder);
    const opener = session.python("import sys\nopen(sys.argv[1])", path);
    const wait = await session.waitOf(opener.pid, "lease");
    assert.match(wait.entity, /^lock:[0-9a-f]+:[0-9a-f]+:\d+$/);
    assert.equal(wait.attrs.label, path);
    assert.deepEqual(session.seen.holders(wait.entity), [`${holder.pid}:owner`]);
  });

  it("an open file's own read lock is not in the way of its write lock", async () => {
    const path = join(session.folder, "upgraded");
    const take =
      `${PYTHON}import fcntl,struct\nf=os.open(sys.argv[1],os.O_RDWR|os.O_CREAT)\n` +
      `lock=lambda how:fcntl.fcntl(f,38,struct.pack('hhqqi4x',how,0,0,0,0))\nlock(fcntl.F_RDLCK);say()\n`;
    const reader = session.python(`${take}time.sleep(600)`, path);
    await firstNumber(reader);
    const upgrading = session.python(`${take}lock(fcntl.F_WRLCK)`, path);
    const wait = await session.waitOf(upgrading.pid, "ofd_lock");
    assert.deepEqual(session.seen.holders(wait.entity), [`${reader.pid}:owner`]);
  });

  it("a pidfd stands for its process, child or not", async () => {
    const target = session.spawn("sleep", ["600"]);
    const waiter = session.python(
      `import os,select,sys\np=select.poll();p.register(os.pidfd_open(int(sys.argv[1])),select.POLLIN);p.poll()`,
      String(target.pid),
    );
    const wait = await session.waitOf(waiter.pid, "child");
    assert.deepEqual(session.seen.holders(wait.entity), [`${target.pid}:child`]);
  });

  it("a shell that waits for one child, and a parent for any", async () => {
    const any = session.python(`${PYTHON}pids=[]\nfor _ in (1,2):\n p=os.fork()\n if p==0:time.sleep(600)\nos.wait()`);
    const wait = await session.waitOf(any.pid, "child");
    assert.equal(wait.entity, `children:${any.pid}`);
    assert.equal(session.seen.holders(wait.entity).length, 2);

    const one = session.python(
      `${PYTHON}p=os.fork()\nif p==0:time.sleep(600)\nq=os.fork()\nif q==0:time.sleep(600)\nsay(p);os.waitpid(p,0)`,
    );
    const pid = await firstNumber(one);
    const waiting = await session.waitOf(one.pid, "child");
    assert.equal(waiting.entity, `child:${pid}`);
    assert.deepEqual(session.seen.holders(waiting.entity), [`${pid}:child`]);

    const shell = session.shell("sleep 600 & wait");
    const sleep = await childNamed(shell.pid, "sleep");
    const shellWait = await session.waitOf(shell.pid, "child");
    assert.deepEqual(session.seen.holders(shellWait.entity), [`${sleep}:child`]);
  });

  it("a parent in vfork waits for the child to exec", { skip: needs("cc") }, async () => {
    const source = join(session.folder, "vfork.c");
    writeFileSync(source, "#include <unistd.h>\nint main(){ if (vfork() == 0) { sleep(600); _exit(0); } }\n");
    execFileSync("cc", ["-w", "-o", `${source}.out`, source]);
    const parent = session.spawn(`${source}.out`, []);
    const wait = await session.waitOf(parent.pid, "vfork");
    const child = Number(wait.entity.replace("child:", ""));
    assert.deepEqual(session.seen.holders(wait.entity), [`${child}:child`]);
    assert.equal((await session.waitOf(child, "sleep")).entity, `sleep:${child}`);
    assert.equal(session.seen.states.get(parent.pid)?.value, "blocked");
  });

  it("a tracer waits for its tracee, child or not", async () => {
    const target = session.spawn("sleep", ["600"]);
    await session.stateOf(target.pid, "sleeping");
    const attach = `${PYTHON}import ctypes\nassert ctypes.CDLL(None).ptrace(0x4206,int(sys.argv[1]),0,0)==0\n`;
    for (const call of [`os.waitpid(int(sys.argv[1]),0x40000000)`, `os.waitpid(-1,0x40000000)`]) {
      const tracer = session.python(`${attach}say()\n${call}`, String(target.pid));
      await firstNumber(tracer);
      const wait = await session.waitOf(tracer.pid, "child");
      assert.deepEqual(session.seen.holders(wait.entity), [`${target.pid}:child`]);
      await endOf(tracer);
    }
  });

  it("a parent that SIGCHLD wakes waits, most likely, for its child", async () => {
    const wakes = [
      `signal.signal(signal.SIGCHLD,lambda*_:0);say(os.posix_spawn(sys.executable,[sys.executable,'-c','import time;time.sleep(600)'],{}));signal.pause()`,
      `signal.pthread_sigmask(0,{signal.SIGCHLD});say(os.posix_spawn(sys.executable,[sys.executable,'-c','import time;time.sleep(600)'],{}));signal.sigwait({signal.SIGCHLD})`,
    ];
    for (const program of wakes) {
      const parent = session.python(PYTHON + program);
      const child = await firstNumber(parent);
      const wait = await session.waitOf(parent.pid, "signal");
      assert.equal(wait.entity, `signal:${parent.pid}`);
      assert.deepEqual(session.seen.holders(wait.entity), [`${child}:child`]);
      const told = session.seen.events.findLast(
        ({ event_type, pid }) => event_type === "resource.held" && pid === child,
      );
      assert.equal(told?.attrs?.certainty, "inferred");
    }
  });

  it("a parent that SIGCHLD does not wake waits for nobody known", async () => {
    const child = `os.fork() or time.sleep(600)`;
    for (const program of [
      `${child};say();signal.pause()`,
      `${child};say();signal.sigwait({signal.SIGUSR1})`,
      `signal.signal(signal.SIGCHLD,lambda*_:0)\nfor _ in range(5):${child}\nsay();signal.pause()`,
    ]) {
      const parent = session.python(PYTHON + program);
      await firstNumber(parent);
      const wait = await session.waitOf(parent.pid, "signal");
      assert.deepEqual(session.seen.holders(wait.entity), []);
    }
  });

  it("exec that keeps the name is described anew", async () => {
    const shell = session.spawn("bash", ["-c", "sleep 3; exec bash -c 'sleep 600; true'"]);
    const described = (cmdline: string) => () =>
      session.seen.events.some(({ pid, attrs }) => pid === shell.pid && attrs?.cmdline === cmdline) || undefined;
    await session.eventually("the first program", described("bash -c sleep 3; exec bash -c 'sleep 600; true'"));
    await session.eventually("the second program", described("bash -c sleep 600; true"));
  });

  it("sleeps, by whatever call", async () => {
    const sleep = session.spawn("sleep", ["600"]);
    assert.equal((await session.waitOf(sleep.pid, "sleep")).entity, `sleep:${sleep.pid}`);
    const select = session.python("import select\nselect.select([],[],[],600)");
    assert.equal((await session.waitOf(select.pid, "sleep")).entity, `sleep:${select.pid}`);
    // After a stop it goes on as restart_syscall.
    sleep.kill("SIGSTOP");
    await session.stateOf(sleep.pid, "stopped");
    await session.eventually("its sleep has ended", () => session.seen.waits(sleep.pid).length === 0 || undefined);
    sleep.kill("SIGCONT");
    assert.equal((await session.waitOf(sleep.pid, "sleep")).entity, `sleep:${sleep.pid}`);
  });

  it("a thread that is not the main one", async () => {
    const child = session.python(
      `${PYTHON}r,w=os.pipe()\nt=threading.Thread(target=lambda:os.read(r,1))\nt.start()\nsay(t.native_id);time.sleep(600)`,
    );
    const tid = await firstNumber(child);
    const wait = await session.waitOf(child.pid, "pipe.read");
    assert.equal(wait.attrs.tid, tid);
    assert.equal((await session.waitOf(child.pid, "sleep")).attrs.tid, child.pid);
    assert.equal(session.seen.waits(child.pid).length, 2);
  });

  it("somebody should type", async () => {
    const child = session.python(
      `${PYTHON}import pty\npid,fd=pty.fork()\nif pid==0:os.execvp('cat',['cat'])\nsay(pid);time.sleep(600)`,
    );
    const cat = await firstNumber(child);
    const wait = await session.waitOf(cat, "tty.read");
    assert.match(wait.entity, /^tty:pts\/\d+$/);
    assert.equal(wait.attrs.label, `/dev/${wait.entity.replace("tty:", "")}`);
    const told = session.seen.events.findLast(({ pid, attrs }) => pid === cat && attrs?.tty !== undefined);
    assert.equal(`tty:${told?.attrs?.tty}`, wait.entity);
  });

  it("whoever should show what is written to a terminal, and whoever would write it", async () => {
    const deaf = session.python(
      `${PYTHON}import pty\npid,m=pty.fork()\nif pid==0:os.execvp('yes',['yes'])\nsay(pid);time.sleep(600)`,
    );
    const writer = await firstNumber(deaf);
    const write = await session.waitOf(writer, "tty.write");
    assert.match(write.entity, /^tty-output:pts\/\d+$/);
    assert.deepEqual(session.seen.holders(write.entity), [`${deaf.pid}:reader`]);

    const watching = session.python(
      `${PYTHON}import pty\npid,m=pty.fork()\nif pid==0:os.execvp('sleep',['sleep','600'])\nsay(pid);os.read(m,1)`,
    );
    const silent = await firstNumber(watching);
    const writers = await session.eventually("the program on the terminal is known", async () => {
      const read = await session.waitOf(watching.pid, "pty.read");
      const found = session.seen.holders(read.entity);
      return found.length > 0 ? found : undefined;
    });
    assert.deepEqual(writers, [`${silent}:writer`]);
  });

  it("output that a terminal was told to stop is nobody's to take", async () => {
    const watching = session.python(
      `${PYTHON}import pty,termios\npid,m=pty.fork()\n` +
        `if pid==0:\n termios.tcflow(1,termios.TCOOFF);os.write(1,b'x'*10)\nsay(pid);os.read(m,1)`,
    );
    const writer = await firstNumber(watching);
    const write = await session.eventually("the reader is seen to read", async () => {
      const wait = await session.waitOf(writer, "tty.write");
      return wait.attrs.cause === undefined ? undefined : wait;
    });
    assert.equal(write.attrs.cause, "input.terminal");
    assert.deepEqual(session.seen.holders(write.entity), []);
  });

  it("a background job that reads from its terminal is stopped in that call, and knows its shell", async () => {
    const person = session.python(
      `${PYTHON}import pty\npid,m=pty.fork()\nif pid==0:os.execvp('bash',['bash','--norc','-i'])\n` +
        `os.write(m,b'cat &\\n');say(pid)\nwhile True:os.read(m,9999)`,
    );
    const shell = await firstNumber(person);
    const job = await childNamed(shell, "cat");
    const stopped = await session.stateOf(job, "stopped");
    assert.equal(stopped.attrs?.object, `job:${shell}:terminal`);
    assert.match(
      String(stopped.attrs?.observed),
      /^stopped in read\(0, …\) of \/dev\/pts\/\d+, in the background(?:; SIGTTIN from the kernel)?$/,
    );
  });

  it("stopped: the state alone, and what it held it still holds", async () => {
    const shell = session.shell("sleep 600 | cat >/dev/null; true");
    const [cat, sleep] = [await childNamed(shell.pid, "cat"), await childNamed(shell.pid, "sleep")];
    process.kill(sleep, "SIGSTOP");
    const event = await session.stateOf(sleep, "stopped");
    assert.equal(event.attrs?.source, `/proc/${sleep}/stat`);
    assert.match(String(event.attrs?.observed), /state T/);
    const wait = await session.waitOf(cat, "pipe.read");
    assert.deepEqual(session.seen.holders(wait.entity), [`${sleep}:writer`]);
  });

  it("traced: the tracer holds the process", async () => {
    const target = session.spawn("sleep", ["600"]);
    const tracer = session.python(
      `${PYTHON}import ctypes\nassert ctypes.CDLL(None).ptrace(16,int(sys.argv[1]),0,0)==0\nsay();time.sleep(600)`,
      String(target.pid),
    );
    await firstNumber(tracer);
    await session.stateOf(target.pid, "traced");
    assert.deepEqual(session.seen.holders(`pid-${target.pid}`), [`${tracer.pid}:tracer`]);
    tracer.kill("SIGKILL");
    // It was stopped for the tracer to attach, and stays so.
    await session.stateOf(target.pid, "stopped");
    assert.deepEqual(session.seen.holders(`pid-${target.pid}`), []);
  });

  it("a zombie is one, and its parent is named", async () => {
    const parent = session.python(`${PYTHON}pid=os.fork()\nif pid==0:os._exit(0)\nsay(pid);time.sleep(600)`);
    const zombie = await firstNumber(parent);
    await session.stateOf(zombie, "zombie");
    assert.equal(session.seen.events.find(({ pid }) => pid === zombie)?.attrs?.ppid, parent.pid);
    assert.deepEqual(session.seen.waits(zombie), []);
  });

  it("an idle Node server waits by epoll, with nobody to blame", async () => {
    const server = session.spawn(process.execPath, ["-e", "require('http').createServer().listen(0,'127.0.0.1')"]);
    const wait = await session.waitOf(server.pid, "epoll");
    assert.match(wait.entity, new RegExp(`^epoll:${server.pid}:\\d+$`));
    assert.equal(wait.attrs.holder, undefined);
    assert.deepEqual(session.seen.holders(wait.entity), []);
  });

  it("tells a standing wait by itself, once it has lasted a second, and its end", async () => {
    const child = session.python("import os\nos.read(0,1)\nwhile True: pass");
    const told = await session.eventually("the wait", () => session.seen.waits(child.pid)[0]);
    assert.ok(Number(told.attrs.since_ms) <= Date.now());
    child.stdin?.write("x");
    await session.eventually("its end", () => session.seen.waits(child.pid).length === 0 || undefined);
    await session.eventually("running", () => session.seen.states.get(child.pid)?.value === "running" || undefined);
    child.kill("SIGKILL");
    await session.eventually("its exit", () => session.seen.states.get(child.pid)?.value === "exit" || undefined);
  });

  it("looks at its own helper when asked, and not by itself", async () => {
    const helper = readChildren("/proc", process.pid)?.find(isHelper) as number;
    // A futex's words are read by the helper, which sleeps anew after each of them.
    const child = session.python("import threading\na = threading.Lock()\na.acquire()\na.acquire()");
    await session.eventually("a wait that lasts", () => session.seen.waits(child.pid)[0]);
    assert.deepEqual(session.seen.waits(helper), []);
    await session.inspect(helper);
    assert.notDeepEqual(session.seen.waits(helper), []);
  });

  it("says nothing of a pid that is not there, and all of one that is", async () => {
    const nobody = 2 ** 22 + 1;
    assert.ok(!(await session.inspect(nobody)).some(({ pid }) => pid === nobody));
    const child = session.spawn("sleep", ["601"]);
    await session.waitOf(child.pid, "sleep");
    const own = session.seen.events.filter(({ pid }) => pid === child.pid);
    assert.equal(own[0]?.value, "start");
    const startMs = own[0]?.attrs?.start_ms;
    assert.ok(Math.abs(Number(startMs) - Date.now()) < 60_000);
    const told = own.filter(({ event_type }) => event_type === "process.state");
    assert.ok(told.every(({ attrs }) => attrs?.start_ms === startMs));
    await session.eventually("its command line", () => {
      const events = session.seen.events.filter(({ pid }) => pid === child.pid);
      return events.some(({ attrs }) => attrs?.cmdline === "sleep 601") || undefined;
    });
  });

  async function childNamed(parent: number, name: string): Promise<number> {
    return session.eventually(`child ${name} of ${parent}`, async () => {
      const list = execFileSync("ps", ["-eo", "pid=,ppid=,comm="], { encoding: "utf8" });
      const row = list.split("\n").map((line) => line.trim().split(/\s+/));
      const found = row.find(([, ppid, comm]) => Number(ppid) === parent && comm === name);
      return found === undefined ? undefined : Number(found[0]);
    });
  }
});

async function endOf(child: ChildProcess): Promise<void> {
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
