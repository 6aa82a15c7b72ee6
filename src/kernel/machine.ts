/**
 * What this machine lets xctl see: one check each, as a code and the facts found. It asks, it enables nothing; the
 * sentences and the command that would enable the rest are the view's.
 */
import { execFileSync } from "node:child_process";
import { accessSync, constants, existsSync, readFileSync, statfsSync } from "node:fs";
import { messageOf } from "../lib/errors.ts";
import { BpfTasks } from "./bpf-tasks.ts";

export interface MachineCheck {
  name: "linux" | "root" | "procfs" | "ptrace" | "stacks" | "sockets" | "cgroup" | "psi" | "ebpf" | "nvml" | "python";
  ok: boolean;
  /** What was found: a version, a path, a number. */
  found: string;
}

/** include/uapi/linux/magic.h */
const CGROUP2_MAGIC = 0x63677270;
/** include/uapi/linux/capability.h */
const CAP_SYS_PTRACE = 19;

export async function checkMachine(): Promise<MachineCheck[]> {
  const linux: MachineCheck = {
    name: "linux",
    ok: process.platform === "linux",
    found: `${process.platform} ${process.arch}`,
  };
  if (!linux.ok) return [linux, await python()];
  return [
    linux,
    root(),
    procfs(),
    ptrace(),
    stacks(),
    await sockets(),
    cgroup(),
    psi(),
    await ebpf(),
    nvml(),
    await python(),
  ];
}

function root(): MachineCheck {
  const uid = process.getuid?.() ?? -1;
  return { name: "root", ok: uid === 0, found: `uid ${uid}` };
}

/** Mounted with hidepid, /proc shows an ordinary user only its own processes; proc(5). */
function procfs(): MachineCheck {
  const seesInit = existsSync("/proc/1/stat");
  return { name: "procfs", ok: seesInit, found: seesInit ? "/proc" : "hidepid" };
}

/** What another process waits for stands in its /proc/PID/syscall, which ptrace access guards; proc_pid_syscall(5). */
function ptrace(): MachineCheck {
  const scope = textOf("/proc/sys/kernel/yama/ptrace_scope");
  const found = scope === undefined ? "no yama" : `ptrace_scope ${scope}`;
  return { name: "ptrace", ok: hasCapability(CAP_SYS_PTRACE), found };
}

function stacks(): MachineCheck {
  const stack = textOf("/proc/self/stack");
  return {
    name: "stacks",
    ok: stack !== undefined && stack !== "",
    found: stack === undefined ? "unreadable" : "readable",
  };
}

async function sockets(): Promise<MachineCheck> {
  const { unixPeers } = await import("./sockets.ts");
  const peers = await unixPeers();
  return { name: "sockets", ok: typeof peers !== "string", found: typeof peers === "string" ? peers : "sock_diag" };
}

function cgroup(): MachineCheck {
  for (const mount of ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]) {
    try {
      if (statfsSync(mount).type === CGROUP2_MAGIC) {
        return { name: "cgroup", ok: true, found: mount === "/sys/fs/cgroup" ? "v2" : "v1 + v2" };
      }
    } catch {
      // Not mounted there.
    }
  }
  const v1 = existsSync("/sys/fs/cgroup/cpu");
  return { name: "cgroup", ok: v1, found: v1 ? "v1" : "none" };
}

function psi(): MachineCheck {
  const ok = textOf("/proc/pressure/cpu") !== undefined;
  return { name: "psi", ok, found: ok ? "/proc/pressure" : "none" };
}

/** Tried, not guessed: a lockdown, a seccomp filter or a verifier refuses what capabilities would allow. */
async function ebpf(): Promise<MachineCheck> {
  try {
    const tasks = await BpfTasks.open();
    try {
      const shown = tasks.read().next();
      return { name: "ebpf", ok: shown.done !== true, found: shown.done === true ? "the iterator shows no task" : "" };
    } finally {
      tasks.close();
    }
  } catch (error) {
    return { name: "ebpf", ok: false, found: messageOf(error) };
  }
}

function nvml(): MachineCheck {
  const ok = existsSync("/dev/nvidiactl");
  return { name: "nvml", ok, found: ok ? "/dev/nvidiactl" : "none" };
}

async function python(): Promise<MachineCheck> {
  const name = process.platform === "win32" ? "python" : "python3";
  try {
    const version = execFileSync(name, ["--version"], {
      encoding: "utf8",
      timeout: 2000,
      stdio: ["ignore", "pipe", "ignore"],
    });
    return { name: "python", ok: true, found: version.trim() };
  } catch {
    return { name: "python", ok: false, found: name };
  }
}

function hasCapability(bit: number): boolean {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(textOf("/proc/self/status") ?? "")?.[1] ?? "0";
  return (BigInt(`0x${mask}`) & (1n << BigInt(bit))) !== 0n;
}

function textOf(path: string): string | undefined {
  try {
    accessSync(path, constants.R_OK);
    return readFileSync(path, "utf8").trim();
  } catch {
    return undefined;
  }
}
