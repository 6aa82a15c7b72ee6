/** A daemon that is killed leaves nothing attached: links are held by its file descriptors alone. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { fileURLToPath } from "node:url";
import koffi from "koffi";
import { BpfTasks } from "../../src/kernel/bpf-tasks.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
const opened = await BpfTasks.open().catch((error: Error) => error.message);
const skip = typeof opened === "string" ? `no eBPF here: ${opened}` : false;
if (typeof opened !== "string") opened.close();

/** Two iterators over tasks, and tracepoints of each of the other objects. */
const LEAST_LINKS = 10;

it("nothing stays attached after SIGKILL of the daemon", { skip }, async () => {
  const library = koffi.load("libbpf.so.1");
  const fdOfLink = library.func("int bpf_link_get_fd_by_id(uint32_t)");
  const close = koffi.load("libc.so.6").func("int close(int)");
  const isAttached = (id: number): boolean => {
    const fd = fdOfLink(id) as number;
    if (fd >= 0) close(fd);
    return fd >= 0;
  };

  const folder = mkdtempSync(join(tmpdir(), "xctl-unload-"));
  const daemon = spawn(process.execPath, [MAIN, "run", "--port", String(await freePort())], {
    env: { ...process.env, XDG_RUNTIME_DIR: folder },
    stdio: "ignore",
  });
  try {
    await eventually("the daemon to attach its programs", () => linksOf(daemon.pid as number).length >= LEAST_LINKS);
    const links = linksOf(daemon.pid as number);
    assert.deepEqual(links.filter(isAttached), links);
    daemon.kill("SIGKILL");
    await once(daemon, "exit");
    await eventually("the kernel to let go of them", () => !links.some(isAttached));
  } finally {
    daemon.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
});

function linksOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/fdinfo`).flatMap((fd) => {
      const id = /^link_id:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, "utf8"))?.[1];
      return id === undefined ? [] : [Number(id)];
    });
  } catch {
    // It opens and closes files meanwhile.
    return [];
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

async function eventually(what: string, condition: () => boolean): Promise<void> {
  const end = Date.now() + 60_000;
  while (!condition()) {
    assert.ok(Date.now() < end, `waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
