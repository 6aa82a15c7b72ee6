/**
 * A process of its own that reads what may never return: /proc/PID/{cmdline,environ,maps,mem} wait for the process's
 * mmap lock, or for a page of its memory, and a sick file system can hold both for ever. Whoever started it kills it
 * then (blocking.ts). It answers in the order in which it is asked, so the first unanswered question is the sick one.
 *
 * A stat or statfs of what lies on a dead server does not return either: those too are asked of this process.
 *
 * Environments hold secrets: of those only the variables that were asked for leave this process.
 *
 * It also looks into network namespaces, because a thread that enters one takes everything that runs on it along.
 *
 * Lines of JSON: {path, limit, position?, unix?, links?, stat?, drm?, variables?} in, {data?: base64} out; `ready` comes first.
 * The reads run in libuv's pool, so this thread sees its standard input end even while one hangs.
 */
import { open, stat, statfs } from "node:fs/promises";
import { createInterface } from "node:readline";
import { DrmSampler, type DrmSample } from "./drm-sampler.ts";
import { pickVariables, type Variables } from "./environ.ts";
import type { FileState, FileSystemUse } from "./file-use.ts";
import type { Question } from "./helper-process.ts";
import { inNetNamespace } from "./namespaces.ts";
import { readLinkTable } from "./rtnetlink.ts";
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

async function read(question: Question): Promise<Buffer | undefined> {
  const { path, limit, position, unix, links, drm, variables, stat: what } = question;
  if (unix) return unixSockets(path);
  if (links) return linkTable(path);
  if (drm) return drmSample(path);
  if (variables) return variablesOf(path, limit, new Set(variables));
  if (what === "file") return fileState(path);
  if (what === "file system") return fileSystemUse(path);
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

const ENVIRON_CHUNK_BYTES = 16 * 1024;

/** Most environments are small, and some hold a megabyte. */
async function variablesOf(path: string, limit: number, names: ReadonlySet<string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  await using file = await open(path, "r");
  for (let length = 0; length < limit;) {
    const chunk = Buffer.allocUnsafe(ENVIRON_CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, limit - length), null);
    if (bytesRead === 0) break;
    chunks.push(chunk.subarray(0, bytesRead));
    length += bytesRead;
  }
  return json<Variables>(pickVariables(Buffer.concat(chunks), names));
}

async function unixSockets(namespace: string): Promise<Buffer | undefined> {
  const peers = await inNetNamespace(namespace, () => unixPeers());
  return peers === undefined || typeof peers === "string" ? undefined : Buffer.from(JSON.stringify([...peers]));
}

async function linkTable(namespace: string): Promise<Buffer | undefined> {
  const table = await inNetNamespace(namespace, () => readLinkTable());
  return table === undefined || typeof table === "string" ? undefined : Buffer.from(JSON.stringify(table));
}

async function fileState(path: string): Promise<Buffer> {
  const { size, mtimeMs, dev, ino } = await stat(path);
  return json<FileState>({ sizeBytes: size, modifiedMs: mtimeMs, device: dev, inode: ino });
}

async function fileSystemUse(path: string): Promise<Buffer> {
  const { bsize, blocks, bfree, bavail, files, ffree } = await statfs(path);
  return json<FileSystemUse>({
    blockBytes: bsize,
    blocks,
    freeBlocks: bfree,
    availableBlocks: bavail,
    inodes: files,
    freeInodes: ffree,
  });
}

let sampler: DrmSampler | undefined;

/** Many small reads, which would take ten times as long by way of the pool. What they hang on keeps this thread. */
function drmSample(root: string): Buffer {
  sampler ??= new DrmSampler(root);
  return json<DrmSample>(sampler.sample(performance.now()));
}

function json<T>(value: T): Buffer {
  return Buffer.from(JSON.stringify(value));
}
