/**
 * /proc as text: parsers (text in, objects out) and thin readers that take the folder where proc is mounted.
 *
 * Only files that never block are read here: stat, status, schedstat, wchan, syscall, stack, children, cgroup and
 * the names of fds. cmdline, environ, maps and mem take the process's mmap lock, which a sick process may hold for
 * ever: those are helper.ts's.
 */
import { closeSync, openSync, readdirSync, readSync } from "node:fs";
import { readdir } from "node:fs/promises";

/** /proc/PID/stat or /proc/PID/task/TID/stat; proc_pid_stat(5). */
export interface Stat {
  pid: number;
  comm: string;
  /** One letter: R S D Z T t X I … */
  state: string;
  ppid: number;
  pgrp: number;
  session: number;
  /** The controlling terminal's device number; 0 where it has none. */
  ttyNr: number;
  /** The foreground process group of that terminal; -1 without one. */
  tpgid: number;
  flags: number;
  /** User + system time, in clock ticks. */
  cpuTicks: number;
  threads: number;
  /** Clock ticks since boot: with the pid, the identity of a process. */
  startTicks: number;
  /**
   * Where its code, stack and arguments lie: exec moves them (at random, ASLR), setproctitle the arguments. Empty
   * without an address space, and the same for all where we may not know.
   */
  image: string;
}

/** include/linux/sched.h: the task is a kernel thread. */
export const PF_KTHREAD = 0x00200000;
/** Being shut down: killed, or ending by itself. */
export const PF_EXITING = 0x00000004;

/** USER_HZ is 100 on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Counted from the state: startcode, startstack, arg_start and arg_end of proc_pid_stat(5). */
const CODE_START = 23;
const IMAGE_FIELDS = [CODE_START, 25, 45, 46] as const;

/** Room for 100,000 children of one thread. */
const CHILDREN_BYTES = 1 << 20;

/** The text of a stat file → its fields; undefined where it is not one. The name may hold any byte, `)` too. */
export function parseStat(text: string): Stat | undefined {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 1 || close < open) return undefined;
  const fields = text.slice(close + 2).split(" ");
  if (fields.length < 20) return undefined;
  const at = (index: number) => Number(fields[index]);
  const stat = {
    pid: Number.parseInt(text, 10),
    comm: text.slice(open + 1, close),
    state: fields[0] as string,
    ppid: at(1),
    pgrp: at(2),
    session: at(3),
    ttyNr: at(4),
    tpgid: at(5),
    flags: at(6),
    cpuTicks: at(11) + at(12),
    threads: at(17),
    startTicks: at(19),
    image: fields[CODE_START] === "0" ? "" : IMAGE_FIELDS.map((index) => fields[index]).join(" "),
  };
  return Number.isInteger(stat.pid) && Number.isInteger(stat.startTicks) ? stat : undefined;
}

export function readStat(proc: string, pid: number, tid?: number): Stat | undefined {
  const text = readText(taskFile(proc, pid, tid, "stat"));
  return text === undefined ? undefined : parseStat(text);
}

/** What proc_pid_status(5) says beyond stat, as far as waits need it. */
export interface Status {
  /** The process that this thread belongs to; undefined where not told. */
  tgid?: number;
  /** The thread that traces this one; 0 where none does. */
  tracerPid: number;
  /** Real user id. */
  uid: number;
  /** Its pid in every pid namespace it is seen in, ours first; one number outside a container. */
  nsPids: number[];
  /** The same of its process group; empty where not told. */
  nsPgrps: number[];
  threads: number;
  /** Kernel thread or not; undefined before Linux 6.8, where stat's PF_KTHREAD tells. */
  kthread?: boolean;
  /** Voluntary and involuntary context switches of this thread together. */
  switches?: number;
  /** Signal n is bit n - 1: blocked by this thread, handled by the process. */
  signals?: { blocked: bigint; caught: bigint };
}

/** The text of a status file → its fields; undefined where it is not one. The kernel escapes a newline in the name. */
export function parseStatus(text: string): Status | undefined {
  const fields = new Map<string, string>();
  for (const line of text.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  const numbers = (name: string) => (fields.get(name) ?? "").split(/\s+/).filter(isDecimal).map(Number);
  const [tracerPid] = numbers("TracerPid");
  const [uid] = numbers("Uid");
  if (tracerPid === undefined || uid === undefined) return undefined;
  const [voluntary] = numbers("voluntary_ctxt_switches");
  const [involuntary] = numbers("nonvoluntary_ctxt_switches");
  const [kthread] = numbers("Kthread");
  const nsPids = numbers("NSpid");
  const [tgid] = numbers("Tgid");
  const [blocked, caught] = [fields.get("SigBlk"), fields.get("SigCgt")].map(maskOf);
  return {
    ...(tgid === undefined ? {} : { tgid }),
    tracerPid,
    uid,
    // NSpid is missing where the kernel has no pid namespaces.
    nsPids: nsPids.length > 0 ? nsPids : numbers("Pid"),
    nsPgrps: numbers("NSpgid"),
    threads: numbers("Threads")[0] ?? 1,
    ...(kthread === undefined ? {} : { kthread: kthread === 1 }),
    ...(voluntary === undefined || involuntary === undefined ? {} : { switches: voluntary + involuntary }),
    ...(blocked === undefined || caught === undefined ? {} : { signals: { blocked, caught } }),
  };
}

export function readStatus(proc: string, pid: number, tid?: number): Status | undefined {
  const text = readText(taskFile(proc, pid, tid, "status"));
  return text === undefined ? undefined : parseStatus(text);
}

/** Who traces the thread: status' TracerPid alone, to be asked of many. 0 where nobody does, or the thread is gone. */
export function readTracerPid(proc: string, pid: number): number {
  return Number(/\nTracerPid:\t(\d+)\n/.exec(readText(`${proc}/${pid}/status`) ?? "")?.[1] ?? 0);
}

/** The process that a thread belongs to; the thread's own number where that cannot be told. */
export function processOf(proc: string, tid: number): number {
  return readStatus(proc, tid)?.tgid ?? tid;
}

/**
 * The living and the unreaped children of a process, whichever of its threads forked them; undefined where the kernel
 * does not tell (no CONFIG_PROC_CHILDREN) or the process is gone. The list may lack one while it changes (proc(5)).
 */
export function readChildren(proc: string, pid: number): number[] | undefined {
  const children: number[] = [];
  let told = false;
  for (const tid of readTids(proc, pid)) {
    const text = readText(`${proc}/${pid}/task/${tid}/children`, CHILDREN_BYTES);
    if (text === undefined) continue;
    told = true;
    for (const word of text.split(" ")) if (isDecimal(word)) children.push(Number(word));
  }
  return told ? children : undefined;
}

/** Every process, in the kernel's order. */
export function readPids(proc: string): number[] {
  return numbersIn(namesIn(proc));
}

/**
 * The same for who works in the event loop: by a thread of the pool. The kernel passes over every thread to find the
 * processes among them, which takes 20 ms where there are 30,000 (next_tgid of fs/proc/base.c).
 */
export async function listPids(proc: string): Promise<number[]> {
  return numbersIn(await readdir(proc).catch(() => []));
}

/**
 * Other users' processes do not show, or nothing of them does: proc is mounted with hidepid (proc(5)). Every pid
 * namespace has a process 1.
 */
export function hidesProcesses(proc: string): boolean {
  return readText(`${proc}/1/stat`) === undefined && readText(`${proc}/self/stat`) !== undefined;
}

/** Every thread of a process, the main one first; empty where the process is gone. */
export function readTids(proc: string, pid: number): number[] {
  return numbersIn(namesIn(`${proc}/${pid}/task`));
}

/** When the machine booted, in milliseconds since the Unix epoch: `btime` of /proc/stat. */
export function readBootMs(proc: string): number {
  const seconds = /^btime (\d+)$/m.exec(readText(`${proc}/stat`, 1 << 20) ?? "")?.[1];
  return seconds === undefined ? 0 : Number(seconds) * 1000;
}

/** Milliseconds since boot; undefined where that cannot be read. */
export function readUptimeMs(proc: string): number | undefined {
  const seconds = /^(\d+\.\d+)/.exec(readText(`${proc}/uptime`) ?? "")?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}

export function startMs(bootMs: number, startTicks: number): number {
  return bootMs + Math.round((startTicks * 1000) / TICKS_PER_SECOND);
}

export function taskFile(proc: string, pid: number, tid: number | undefined, name: string): string {
  return tid === undefined || tid === pid ? `${proc}/${pid}/${name}` : `${proc}/${pid}/task/${tid}/${name}`;
}

const scratch = Buffer.allocUnsafe(64 * 1024);

/**
 * A proc file's text, at most `limit` bytes of it; undefined where it cannot be read (the process is gone, or we may
 * not). One open, one read for a small file: half the cost of readFileSync, which asks for the size first.
 */
export function readText(path: string, limit = scratch.length): string | undefined {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined;
  }
  try {
    let buffer = scratch;
    let length = 0;
    for (;;) {
      // Large buffers are made for large files only: V8 counts each, and collects its whole heap for a few of them.
      if (length === buffer.length) buffer = Buffer.concat([buffer], Math.min(limit, 4 * buffer.length));
      const got = readSync(fd, buffer, length, Math.min(limit, buffer.length) - length, null);
      length += got;
      // A seq_file hands over a page at a time: a short read is not yet the end, unless the file is a small one.
      if (got === 0 || length === limit || (got < 1024 && length === got)) break;
    }
    return buffer.toString("utf8", 0, length);
  } catch {
    return undefined;
  } finally {
    closeSync(fd);
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function numbersIn(names: readonly string[]): number[] {
  const numbers: number[] = [];
  for (const name of names) {
    const first = name.charCodeAt(0);
    if (first >= 48 && first <= 57) numbers.push(Number(name));
  }
  return numbers;
}

function maskOf(hex: string | undefined): bigint | undefined {
  return hex !== undefined && /^[0-9a-f]{1,16}$/.test(hex) ? BigInt(`0x${hex}`) : undefined;
}

function isDecimal(word: string): boolean {
  return /^\d+$/.test(word);
}
