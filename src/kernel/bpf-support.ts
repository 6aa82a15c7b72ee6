/** Whether this process may load eBPF programs that see the machine, as far as can be told without doing it. */
import { existsSync } from "node:fs";
import { readText } from "./procfs.ts";

const BTF = "/sys/kernel/btf/vmlinux";
// linux/capability.h; CAP_SYS_ADMIN holds the other two (capabilities(7)).
const CAP_SYS_ADMIN = 21;
const CAP_PERFMON = 38;
const CAP_BPF = 39;

/** Undefined where nothing is known to be in the way. */
export function bpfObstacle(proc = "/proc"): string | undefined {
  if (process.platform !== "linux") return `needs Linux; this is ${process.platform}`;
  if (!existsSync(BTF)) return `the kernel has no type information (${BTF})`;
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText(`${proc}/self/status`) ?? "")?.[1] ?? "0";
  const has = (bit: number) => ((BigInt(`0x${mask}`) >> BigInt(bit)) & 1n) === 1n;
  return has(CAP_SYS_ADMIN) || (has(CAP_BPF) && has(CAP_PERFMON))
    ? undefined
    : "needs root, or CAP_BPF and CAP_PERFMON";
}
