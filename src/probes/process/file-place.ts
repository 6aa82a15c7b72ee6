/**
 * Which mount a blocked call is about: by the descriptor or the path among its arguments, or by the memory map where
 * it is a page that is waited for. The mounts are only read about; nothing here touches a file that may hang.
 */
import { readlinkSync } from "node:fs";
import { readFd, readFdinfo } from "../../kernel/fds.ts";
import { mountOf, normalised, type Mount } from "../../kernel/mounts.ts";
import { int32, kernelFunction, type BlockedTask } from "./blocked-task.ts";
import type { Certainty } from "./fact.ts";
import type { View } from "./view.ts";

export interface Place {
  mount: Mount;
  /** As the process names it, where that is known. */
  path: string | undefined;
  /** Of an open file. */
  inode: number | undefined;
  certainty: Certainty;
}

type Accepts = (mount: Mount) => boolean;

/** The first thing that the call is about which lies on such a mount. */
export async function placeOn(task: BlockedTask, view: View, accepts: Accepts): Promise<Place | undefined> {
  const mounts = view.storage.mounts.of(task.pid);
  const named = byDescriptor(task, view, mounts) ?? (await byPath(task, view, mounts, accepts));
  if (named !== undefined && accepts(named.mount)) return named;
  return byMemory(task, view, mounts, accepts);
}

/** Which argument is a descriptor, where file-use.ts does not say. */
const DESCRIPTOR: Readonly<Record<string, number>> = Object.fromEntries([
  ...[
    ...["fsync", "fdatasync", "syncfs", "sync_file_range", "ftruncate", "fallocate", "fadvise64", "readahead"],
    ...["getdents", "getdents64", "lseek", "fstat", "fstatfs", "fchmod", "fchown", "fsetxattr", "fgetxattr"],
    ...["ioctl", "flock", "fcntl", "copy_file_range", "preadv2", "pwritev2"],
  ].map((name) => [name, 0] as const),
  ["mmap", 4],
]);

/** Certain: the descriptor's mount is named by its number. */
function byDescriptor({ pid, file, syscall }: BlockedTask, view: View, mounts: readonly Mount[]): Place | undefined {
  const argument = syscall === undefined ? undefined : DESCRIPTOR[syscall.name];
  const register = argument === undefined ? undefined : syscall?.args[argument];
  const fd = file?.fd ?? (register === undefined ? -1 : int32(register));
  if (fd < 0) return undefined;
  const info = readFdinfo(view.proc, pid, fd);
  const mount = info?.mntId === undefined ? undefined : mounts.find(({ id }) => id === info.mntId);
  if (mount === undefined) return undefined;
  return { mount, path: readFd(view.proc, pid, fd), inode: info?.ino, certainty: "observed" };
}

interface PathArgument {
  /** Of the descriptor of the folder that a relative path begins at; -1: the working directory. */
  folder: number;
  path: number;
}

const PLAIN: PathArgument = { folder: -1, path: 0 };
const AT: PathArgument = { folder: 0, path: 1 };

const PATHS: Readonly<Record<string, readonly PathArgument[]>> = Object.fromEntries([
  ...[
    ...["open", "creat", "truncate", "stat", "lstat", "statfs", "access", "readlink", "unlink", "mkdir", "rmdir"],
    ...["chmod", "chown", "lchown", "mknod", "execve", "setxattr", "getxattr", "umount2"],
  ].map((name) => [name, [PLAIN]] as const),
  ...[
    ...["openat", "openat2", "newfstatat", "statx", "faccessat", "faccessat2", "readlinkat", "unlinkat", "mkdirat"],
    ...["mknodat", "fchmodat", "fchownat", "utimensat", "execveat"],
  ].map((name) => [name, [AT]] as const),
  ...["rename", "link"].map((name) => [name, [PLAIN, { folder: -1, path: 1 }]] as const),
  ...["renameat", "renameat2", "linkat"].map((name) => [name, [AT, { folder: 2, path: 3 }]] as const),
  ["symlink", [{ folder: -1, path: 1 }]] as const,
  ["symlinkat", [{ folder: 1, path: 2 }]] as const,
  ["mount", [PLAIN, { folder: -1, path: 1 }]] as const,
]);

/** A link on the way may lead elsewhere than the names say: what they say is derived. */
async function byPath(
  task: BlockedTask,
  view: View,
  mounts: readonly Mount[],
  accepts: Accepts,
): Promise<Place | undefined> {
  const { syscall } = task;
  for (const argument of PATHS[syscall?.name ?? ""] ?? []) {
    const path = await pathOf(task, argument, view);
    const mount = path === undefined ? undefined : mountOf(mounts, path);
    if (mount !== undefined && accepts(mount)) return { mount, path, inode: undefined, certainty: "derived" };
  }
  return undefined;
}

async function pathOf(task: BlockedTask, argument: PathArgument, view: View): Promise<string | undefined> {
  const name = await readName(task, task.syscall?.args[argument.path] ?? 0n, view);
  if (name === undefined) return undefined;
  if (name.startsWith("/")) return normalised(name);
  const fd = argument.folder < 0 ? AT_FDCWD : int32(task.syscall?.args[argument.folder] ?? 0n);
  const folder = fd === AT_FDCWD ? workingFolder(view.proc, task.pid) : readFd(view.proc, task.pid, fd);
  return folder?.startsWith("/") ? normalised(`${folder}/${name}`) : undefined;
}

const AT_FDCWD = -100;
const MAX_PATH = 4096;
/** The smallest there is: memory is readable or not by whole pages. */
const PAGE_BYTES = 4096n;

/** A C string out of the caller's memory: up to the end of its page, then of the next. */
async function readName({ pid }: BlockedTask, address: bigint, view: View): Promise<string | undefined> {
  if (address === 0n) return undefined;
  let text = Buffer.alloc(0);
  while (text.length < MAX_PATH) {
    const at = address + BigInt(text.length);
    const bytes = await view.memory(pid, at, Number(PAGE_BYTES - (at % PAGE_BYTES)));
    if (bytes === undefined) return undefined;
    text = Buffer.concat([text, bytes]);
    const end = text.indexOf(0);
    if (end >= 0) return text.toString("utf8", 0, end);
  }
  return undefined;
}

function workingFolder(proc: string, pid: number): string | undefined {
  try {
    return readlinkSync(`${proc}/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

const FAULT = /fault|get_user_pages|__gup|populate|mincore|madvise/;
/** They change the memory map, so they hold its lock: whoever reads the map would hang. */
const LOCKS_MAP: ReadonlySet<string> = new Set(["mmap", "munmap", "mremap", "mprotect", "brk", "execve", "execveat"]);

/**
 * A page of a mapped file: of the mapping that msync names, or of the only file system among those mapped that it may
 * be. Whoever unmaps shows no file any more: then the only such mount there is.
 */
async function byMemory(
  task: BlockedTask,
  view: View,
  mounts: readonly Mount[],
  accepts: Accepts,
): Promise<Place | undefined> {
  const unmaps = task.exiting || LOCKS_MAP.has(task.syscall?.name ?? "") || task.syscall?.name === "close";
  const isFault = task.syscall === undefined || kernelFunction(task, FAULT) !== undefined;
  const synced = task.syscall?.name === "msync" ? task.syscall.args[0] : undefined;
  if (!unmaps && (isFault || synced !== undefined)) {
    const text = await view.maps(task.pid);
    const mappings = parseMaps(text ?? "").filter(
      ({ start, end }) => synced === undefined || (start <= synced && synced < end),
    );
    const found = mappings.flatMap((mapping) => {
      const mount = mounts.find(({ device }) => device === mapping.device);
      return mount !== undefined && accepts(mount) ? [{ mount, mapping }] : [];
    });
    const devices = new Set(found.map(({ mount }) => mount.device));
    const [first] = found;
    if (first !== undefined && devices.size === 1) {
      const certainty = synced === undefined ? "derived" : "observed";
      return { mount: first.mount, path: first.mapping.path, inode: first.mapping.inode, certainty };
    }
    if (text !== undefined) return undefined;
  }
  if (!unmaps && !isFault) return undefined;
  const candidates = mounts.filter(accepts);
  const [only] = candidates;
  const isAlone = new Set(candidates.map(({ device }) => device)).size === 1;
  return only !== undefined && isAlone
    ? { mount: only, path: undefined, inode: undefined, certainty: "inferred" }
    : undefined;
}

interface Mapping {
  start: bigint;
  end: bigint;
  /** `major:minor` in decimal, as mountinfo has it. */
  device: string;
  inode: number;
  path: string;
}

/** `7f16b8781000-7f16b8783000 r--p 00000000 fe:00 1234   /usr/lib/x.so`; what is mapped from no file is left out. */
export function parseMaps(text: string): Mapping[] {
  const mappings: Mapping[] = [];
  const line = /^([0-9a-f]+)-([0-9a-f]+) \S+ [0-9a-f]+ ([0-9a-f]+):([0-9a-f]+) (\d+) +(\/.*)$/gm;
  for (const [, start, end, major, minor, inode, path] of text.matchAll(line)) {
    mappings.push({
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      device: `${Number.parseInt(major as string, 16)}:${Number.parseInt(minor as string, 16)}`,
      inode: Number(inode),
      path: path as string,
    });
  }
  return mappings;
}
