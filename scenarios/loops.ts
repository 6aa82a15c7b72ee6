/** Event loops: middle men whose backend is stopped, real servers at rest, and parents that wait in a loop. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import type { Scenario, Truth } from "./scenario.ts";
import { asleep, childOf, until, waitsIn, type Actor, type Stage } from "./stage.ts";

/** Accepts, reads what comes, and answers nothing until it is stopped; prints its port. */
const MUTE = `
import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])
while True:
    c, _ = s.accept()
    print("accepted")
    while c.recv(1024): print("asked")
`;

/** Asks once and waits for the answer. */
const ASK = `
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
c.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
print("asked")
c.recv(1)
`;

/** Asks by HTTP, for at most a quarter of an hour: with a timeout, Python waits by poll. */
const FETCH = `import sys, urllib.request
urllib.request.urlopen("http://127.0.0.1:" + sys.argv[1], timeout=900)`;

/** An asyncio relay to the port named; prints its own. */
const RELAY = `
import asyncio, sys
async def pump(reader, writer):
    while data := await reader.read(1024):
        writer.write(data)
        await writer.drain()
async def serve(reader, writer):
    there = await asyncio.open_connection("127.0.0.1", int(sys.argv[1]))
    await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))
async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1])
    await server.serve_forever()
asyncio.run(main())
`;

const portOf = ({ lines }: Actor): string => lines[0] as string;

/** A port that nobody has, for programs that do not choose one themselves. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function listening(port: number): Promise<void> {
  let open = false;
  await until(`port ${port} to be listened on`, () => {
    const socket = connect(port, "127.0.0.1", () => {
      open = true;
      socket.destroy();
    }).on("error", () => undefined);
    return open;
  });
}

async function nginx(stage: Stage, server: string): Promise<{ port: number; worker: number }> {
  const port = await freePort();
  mkdirSync(join(stage.folder, "logs"), { recursive: true });
  const config = `
daemon off; master_process on; worker_processes 1; pid ${stage.folder}/nginx.pid; error_log ${stage.folder}/error.log;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path ${stage.folder}/a; proxy_temp_path ${stage.folder}/b; fastcgi_temp_path ${stage.folder}/c;
  uwsgi_temp_path ${stage.folder}/d; scgi_temp_path ${stage.folder}/e;
  server { listen 127.0.0.1:${port}; ${server} }
}`;
  writeFileSync(join(stage.folder, "nginx.conf"), config);
  const { pid } = await stage.shell(`exec nginx -p ${stage.folder} -c ${stage.folder}/nginx.conf`);
  const worker = await childOf(pid, "nginx");
  await listening(port);
  return { port, worker };
}

async function redis(stage: Stage): Promise<{ port: number; server: number }> {
  const port = await freePort();
  const { pid } = await stage.shell(
    `exec redis-server --port ${port} --bind 127.0.0.1 --save '' --appendonly no --dir ${stage.folder}`,
  );
  await listening(port);
  return { port, server: pid };
}

/** A redis client that says this and waits for what comes, as redis-cli would. */
const REDIS_CLIENT = `
import socket, sys
c = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
c.send(sys.argv[2].encode() + b"\\r\\n")
print("asked")
while True: c.recv(1024)
`;

async function throughRelays(stage: Stage, count: number): Promise<Truth> {
  const backend = await stage.python(MUTE);
  let port = portOf(backend);
  for (let relay = 0; relay < count; relay++) port = portOf(await stage.python(RELAY, port));
  const client = await stage.python(ASK, port);
  await until("the backend to be asked", () => backend.lines.includes("asked"));
  stage.stop(backend.pid);
  await asleep(client.pid);
  return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: backend.pid, alarming: true };
}

export const loops: readonly Scenario[] = [
  { name: "client behind a relay in asyncio, its backend stopped", setUp: (stage) => throughRelays(stage, 1) },
  { name: "client behind three relays, the backend stopped", setUp: (stage) => throughRelays(stage, 3) },
  {
    name: "client behind socat, its server stopped",
    needs: ["socat"],
    async setUp(stage) {
      const backend = await stage.python(MUTE);
      stage.stop(backend.pid);
      const port = await freePort();
      await stage.shell(`exec socat TCP-LISTEN:${port},bind=127.0.0.1,fork TCP:127.0.0.1:${portOf(backend)}`);
      await until("socat to listen", () => listens(port));
      const client = await stage.python(ASK, String(port));
      await asleep(client.pid);
      return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: backend.pid, alarming: true };
    },
  },
  {
    name: "socat between a client and a server at rest",
    needs: ["socat"],
    async setUp(stage) {
      const backend = await stage.python(MUTE);
      const port = await freePort();
      const socat = await stage.shell(
        `exec socat TCP-LISTEN:${port},bind=127.0.0.1,fork TCP:127.0.0.1:${portOf(backend)}`,
      );
      await until("socat to listen", () => listens(port));
      await stage.python(
        `import socket, sys, time\nc = socket.create_connection(("127.0.0.1", int(sys.argv[1])))\nprint("ready")\ntime.sleep(1000)`,
        String(port),
      );
      const relay = await childOf(socat.pid, "socat");
      await until("the backend to accept", () => backend.lines.includes("accepted"));
      await asleep(relay);
      return { ask: relay, verdict: ["idle", "blocked"], kind: ["process.idle", "process.sleeping"], alarming: false };
    },
  },
  {
    name: "client of nginx, whose backend is stopped",
    needs: ["nginx"],
    async setUp(stage) {
      const backend = await stage.python(MUTE);
      const { port } = await nginx(stage, `location / { proxy_pass http://127.0.0.1:${portOf(backend)}; }`);
      const client = await stage.shell(`python3 -c '${FETCH}' ${port} & wait`);
      const fetching = await childOf(client.pid, "python3");
      await until("the backend to be asked", () => backend.lines.includes("asked"));
      stage.stop(backend.pid);
      await asleep(fetching);
      return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: backend.pid, alarming: true };
    },
  },
  {
    name: "nginx at rest, with a client that keeps its connection",
    needs: ["nginx"],
    async setUp(stage) {
      const { port, worker } = await nginx(stage, "location / { return 200 fine; }");
      await stage.python(
        `import http.client, sys, time\nc = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]))\nc.request("GET", "/")\nc.getresponse().read()\nprint("ready")\ntime.sleep(1000)`,
        String(port),
      );
      await asleep(worker);
      return { ask: worker, verdict: "idle", kind: "process.idle", culprit: worker, alarming: false };
    },
  },
  {
    name: "client of a redis server that is stopped",
    needs: ["redis-server"],
    async setUp(stage) {
      const { port, server } = await redis(stage);
      stage.stop(server);
      const client = await stage.python(REDIS_CLIENT, String(port), "PING");
      await asleep(client.pid);
      return { ask: client.pid, verdict: "blocked", kind: "process.stopped", culprit: server, alarming: true };
    },
  },
  {
    name: "redis client that waits for work, while another subscriber is stopped",
    needs: ["redis-server"],
    async setUp(stage) {
      const { port, server } = await redis(stage);
      const stuck = await stage.python(REDIS_CLIENT, String(port), "SUBSCRIBE news");
      const client = await stage.python(REDIS_CLIENT, String(port), "BLPOP jobs 0");
      await asleep(client.pid);
      stage.stop(stuck.pid);
      const teller = connect(port, "127.0.0.1");
      await new Promise<void>((told) => teller.end("PUBLISH news now\r\n", told));
      return { ask: client.pid, verdict: "blocked", kind: "process.idle", culprit: server, alarming: false };
    },
  },
  {
    name: "redis server at rest",
    needs: ["redis-server"],
    async setUp(stage) {
      const { server } = await redis(stage);
      return { ask: server, verdict: "idle", kind: "process.idle", culprit: server, alarming: false };
    },
  },
  {
    name: "HTTP client with a timeout, its server stopped",
    async setUp(stage) {
      const server = await stage.python(
        `import http.server\ns = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)\nprint(s.server_port)\ns.serve_forever()`,
      );
      stage.stop(server.pid);
      const { pid } = await stage.python(`print("ready")\n${FETCH}`, portOf(server));
      await waitsIn(pid, /poll/);
      return { ask: pid, verdict: "blocked", kind: "process.stopped", culprit: server.pid, alarming: true };
    },
  },
  {
    name: "Python that collects output and errors of a child that is stopped",
    async setUp(stage) {
      const parent = await stage.python(`
import subprocess
p = subprocess.Popen(["sleep", "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
print("ready")
p.communicate()
`);
      const child = await childOf(parent.pid, "sleep");
      stage.stop(child);
      await asleep(parent.pid);
      return { ask: parent.pid, verdict: "blocked", kind: "process.stopped", culprit: child, alarming: true };
    },
  },
  {
    name: "Node that waits for a child that is stopped",
    async setUp(stage) {
      const source = `require("child_process").spawn("sleep", ["1000"], { stdio: "ignore" }); console.log("ready")`;
      const parent = await stage.start(process.execPath, "-e", source);
      const child = await childOf(parent.pid, "sleep");
      stage.stop(child);
      await asleep(parent.pid);
      return { ask: parent.pid, verdict: "blocked", kind: "process.stopped", culprit: child, alarming: true };
    },
  },
  {
    name: "psql that waits for a row which an idle transaction has locked",
    needs: ["root", "pg_ctlcluster"],
    async setUp(stage) {
      const port = await freePort();
      const { lines } = await stage.shell(`bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1); echo $bin; chown postgres .
runuser -u postgres -- $bin/initdb -D data -A trust --no-sync >/dev/null 2>&1
exec runuser -u postgres -- $bin/postgres -D data -p ${port} -k ${stage.folder} -c fsync=off -c shared_buffers=1MB`);
      await until("the binaries to be found", () => lines.length > 1);
      await until("postgres to listen", () => listens(port));
      const psql = `exec ${lines[1]}/psql -h 127.0.0.1 -p ${port} -U postgres -q`;
      const holder = await stage.shell(
        `(echo 'create table t as select 1 as a; begin; update t set a = 2; \\echo locked'; sleep 1000) | ${psql}`,
      );
      await until("the row to be locked", () => holder.lines.includes("locked"));
      const waiter = await stage.shell(`${psql} -c 'update t set a = 3'`);
      await waitsIn(waiter.pid, /poll/);
      // That one backend waits for another is told in shared memory alone: no alarm, and nobody is blamed.
      return { ask: waiter.pid, verdict: "blocked", kind: ["unknown", "process.idle"], alarming: false };
    },
  },
  {
    name: "program that sends its log to a server which answers nothing, by design",
    async setUp(stage) {
      const server = await stage.python(MUTE);
      const source = `require("net").connect(${portOf(server)}, "127.0.0.1").write("one line"); console.log("ready")`;
      const { pid } = await stage.start(process.execPath, "-e", source);
      await until("the line to arrive", () => server.lines.includes("asked"));
      await asleep(pid);
      return { ask: pid, verdict: ["idle", "blocked"], kind: [], alarming: false };
    },
  },
];

function listens(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return new RegExp(`:${hex} 00000000:0000 0A `).test(execFileSync("cat", ["/proc/net/tcp"]).toString());
}
