/**
 * A process of its own that reads what may never return: /proc/PID/{cmdline,environ,maps,mem} wait for the process's
 * mmap lock, or for a page of its memory, and a sick file system can hold both for ever. Whoever started it kills it
 * then (blocking.ts). It answers in the order in which it is asked, so the first unanswered question is the sick one.
 *
 * It also looks into network namespaces, because a thread that enters one takes everything that runs on it along.
 *
 * Lines of JSON: {path, limit, position?, unix?} in, {data?: base64} out; `ready` comes first.
 * The reads run in libuv's pool, so this thread sees its standard input end even while one hangs.
 */
import { open } from "node:fs/promises";
import { createInterface } from "node:readline";
import type { Question } from "./helper-process.ts";
import { inNetNamespace } from "./namespaces.ts";
import { unixPeers } from "./sockets.ts";

// exit() would wait for the pool's threads, and one of them may hang.
process.stdin.once("end", () => process.kill(process.pid, "SIGKILL"));
// Ctrl-C goes to the whole foreground group; the daemon decides when it ends.
process.on("SIGINT", () => {});

process.stdout.write("ready\n");
void answer();

async function answer(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const data = await read(JSON.parse(line) as Question).catch(() => undefined);
    process.stdout.write(`${JSON.stringify({ data: data?.toString("base64") })}\n`);
  }
}

async function read({ path, limit, position, unix }: Question): Promise<Buffer | undefined> {
  if (unix) return unixSockets(path);
  const file = await open(path, "r");
  try {
    const buffer = Buffer.alloc(limit);
    let length = 0;
    while (length < limit) {
      const at = position === undefined ? null : BigInt(position) + BigInt(length);
      const { bytesRead } = await file.read(buffer, length, limit - length, at);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}

async function unixSockets(namespace: string): Promise<Buffer | undefined> {
  const peers = await inNetNamespace(namespace, () => unixPeers());
  return peers === undefined || typeof peers === "string" ? undefined : Buffer.from(JSON.stringify([...peers]));
}
