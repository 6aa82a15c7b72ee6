/** Whether eBPF may be used at all: it is kept out by a variable, and it shows no machine but the one it runs on. */
import { BpfFiles } from "../kernel/bpf-files.ts";
import { bpfObstacle } from "../kernel/bpf-support.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";

/** `procfs` keeps eBPF out, for comparisons and for machines where it may not be used. */
const SAMPLER_VARIABLE = "XCTL_SAMPLER";

const OWN_PROC = "/proc";

/** Why it may not; undefined where nothing forbids it. */
export function ebpfKeptOut(proc: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  if (env[SAMPLER_VARIABLE] === "procfs") return `${SAMPLER_VARIABLE}=procfs`;
  return proc === OWN_PROC ? undefined : `${proc} is not this machine's`;
}

/** What tells who has what open; undefined where that takes a walk over /proc. That eBPF fails is logged, not that we may not. */
export async function openBpfFiles(proc: string, log: Log): Promise<BpfFiles | undefined> {
  if (ebpfKeptOut(proc) !== undefined || bpfObstacle(proc) !== undefined) return undefined;
  return openedOrLost(BpfFiles.open(), "walks /proc for who has what open", log);
}

/** Undefined where this machine does not allow it: `loss`, what is so without it, is logged with the reason. */
export async function openedOrLost<T>(opening: Promise<T>, loss: string, log: Log): Promise<T | undefined> {
  try {
    return await opening;
  } catch (error) {
    log(`${loss}: ${messageOf(error)}`);
    return undefined;
  }
}
